//! A database of either kind: new, empty, and gone at the end of its test.

use std::path::PathBuf;
use std::sync::Arc;

use holdfast::store::Store;
use holdfast::store::faulty::{Faults, FaultyStore};
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use super::postgres::{Postgres, open};

/// Which kind of database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Every kind.
pub(crate) const KINDS: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// A database of one test.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(Postgres),
}

impl Kind {
    /// A new database.
    pub(crate) fn database(self) -> Database {
        match self {
            Self::Sqlite => Database::Sqlite(tempfile::tempdir().expect("a directory")),
            Self::Postgres => Database::Postgres(Postgres::database()),
        }
    }
}

impl Database {
    /// A store on it, with its tables made if they are not there.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(directory) => {
                let options = SqliteOptions::new(file(directory));
                Arc::new(SqliteStore::open(&options).expect("the store opens"))
            }
            Self::Postgres(database) => Arc::new(open(database).await),
        }
    }

    /// A store on it that fails where it is told to.
    pub(crate) async fn open_faulty(&self, faults: Faults) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(directory) => {
                let store = SqliteStore::open(&SqliteOptions::new(file(directory)));
                Arc::new(FaultyStore::new(store.expect("the store opens"), faults))
            }
            Self::Postgres(database) => Arc::new(FaultyStore::new(open(database).await, faults)),
        }
    }

    /// Changes rows behind the store's back, past triggers that refuse it.
    pub(crate) async fn meddle(&self, statement: &'static str) {
        match self {
            Self::Sqlite(directory) => {
                let connection = Connection::open(file(directory)).expect("the file opens");
                let triggers = connection
                    .prepare("SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'")
                    .and_then(|mut query| {
                        query
                            .query_map([], |row| row.get(0))?
                            .collect::<Result<Vec<String>, _>>()
                    })
                    .expect("the schema can be read");
                for statement in triggers.iter().map(String::as_str).chain([statement]) {
                    connection.execute_batch(statement).expect(statement);
                }
            }
            Self::Postgres(database) => {
                let mut connection = database.connect().await;
                let without_triggers = "SET session_replication_role = replica";
                for statement in [without_triggers, statement] {
                    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
                    done.expect(statement);
                }
            }
        }
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("holdfast.db")
}

/// Runs each named test of the module on a new database of each kind.
macro_rules! on_every_database {
    ($($test:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::databases::Kind::Sqlite).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::databases::Kind::Postgres).await;
                }
            )*
        }
    };
}
pub(crate) use on_every_database;
