//! One connection: how it is opened, how statements are run on it, and what their failures mean.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments, ConnectOptions, Connection as _, Row};

use super::super::StoreError;

/// How long a statement waits for a lock. Only a checkpoint or a backup can hold one: the lock file keeps other
/// processes out.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the log after which a commit checkpoints. Ten times the default gave a quarter more commits a second.
const CHECKPOINT_PAGES: &str = "10000";
/// Memory for pages of each connection, in KiB below zero: room for the hot ends of every table.
const CACHE_KIB: &str = "-65536";
/// Rows that may wait between the connection's thread and its reader, before one waits for the other.
const ROW_BUFFER: usize = 4096;
/// Statements kept prepared: more than there are.
const STATEMENTS_MAX: usize = 128;

/// What a statement is given.
#[derive(Debug)]
pub(super) enum Parameter {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text, often a JSON array of rows.
    Text(String),
    /// Texts end to end, cut up by the statement.
    Blob(Vec<u8>),
}

impl From<i64> for Parameter {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Parameter {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for Parameter {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<String> for Parameter {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A connection, which knows whether a transaction was left open on it.
#[derive(Debug)]
pub(super) struct Connection {
    inner: SqliteConnection,
    in_transaction: bool,
}

impl Connection {
    /// Opens a file to write, and creates it if it is absent.
    pub(super) async fn open_writer(path: &Path, pages_max: Option<u32>) -> Result<Self, StoreError> {
        let options = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let options = options
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let limited = pages_max.map(|pages| options.clone().pragma("max_page_count", pages.to_string()));
        Self::connect(limited.unwrap_or(options)).await
    }

    /// Opens a file to read alone.
    pub(super) async fn open_reader(path: &Path) -> Result<Self, StoreError> {
        Self::connect(options(path).read_only(true)).await
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let inner = options.connect().await.map_err(|error| classify("open", &error))?;
        Ok(Self {
            inner,
            in_transaction: false,
        })
    }

    /// The connection, for migrations.
    pub(super) fn inner(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// Begins a transaction. One that was left open, because its future was dropped or it failed, is rolled back first.
    pub(super) async fn begin(&mut self, statement: &'static str) -> Result<(), StoreError> {
        if self.in_transaction {
            self.roll_back().await?;
        }
        self.in_transaction = true;
        let begun = self.execute(statement, []).await;
        self.in_transaction = begun.is_ok();
        begun.map(|_| ())
    }

    /// Commits. After [`StoreError::Unavailable`] nothing was written. After [`StoreError::Storage`] it is not known: a write
    /// that failed late may still be found when the file is opened again. That error is fatal, so that nothing is built on
    /// either outcome.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.execute(super::sql::COMMIT, []).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Rolls back, unless the database did so by itself.
    pub(super) async fn roll_back(&mut self) -> Result<(), StoreError> {
        match self.execute(super::sql::ROLLBACK, []).await {
            // Some failures end the transaction, so that there is none to be rolled back.
            Ok(_) | Err(StoreError::Refused { .. }) => {
                self.in_transaction = false;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a statement and answers how many rows it touched.
    pub(super) async fn execute<const N: usize>(
        &mut self,
        statement: &'static str,
        parameters: [Parameter; N],
    ) -> Result<u64, StoreError> {
        let bound = bind(statement, parameters)?;
        let done = sqlx::query_with(statement, bound).execute(&mut self.inner).await;
        done.map(|done| done.rows_affected())
            .map_err(|error| classify(statement, &error))
    }

    /// Runs a statement that must touch so many rows.
    pub(super) async fn write<const N: usize>(
        &mut self,
        statement: &'static str,
        expected: u64,
        parameters: [Parameter; N],
    ) -> Result<(), StoreError> {
        let touched = self.execute(statement, parameters).await?;
        if touched == expected {
            return Ok(());
        }
        Err(StoreError::RowCount {
            statement: name_of(statement),
            expected,
            touched,
        })
    }

    /// Runs a query and answers all its rows.
    pub(super) async fn fetch<const N: usize>(
        &mut self,
        statement: &'static str,
        parameters: [Parameter; N],
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let bound = bind(statement, parameters)?;
        let rows = sqlx::query_with(statement, bound).fetch_all(&mut self.inner).await;
        rows.map_err(|error| classify(statement, &error))
    }

    /// The one text or number that a pragma answers.
    pub(super) async fn pragma(&mut self, statement: &'static str) -> Result<String, StoreError> {
        let rows = self.fetch(statement, []).await?;
        let value = rows.first().map(|row| row.try_get_unchecked::<String, _>(0));
        value
            .transpose()
            .map(Option::unwrap_or_default)
            .map_err(|error| classify(statement, &error))
    }

    /// Prepares a statement without running it.
    #[cfg(test)]
    pub(super) async fn prepare(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        self.inner.prepare(statement.into_sql_str()).await.map(|_| ())
    }

    /// How the library would run a statement, a text for each step.
    #[cfg(test)]
    pub(super) async fn plan(&mut self, statement: &'static str) -> Result<Vec<String>, sqlx::Error> {
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explained).fetch_all(&mut self.inner).await?;
        rows.iter().map(|row| row.try_get("detail")).collect()
    }

    /// Ends the connection after what is running.
    pub(super) async fn close(self) -> Result<(), StoreError> {
        self.inner.close().await.map_err(|error| classify("close", &error))
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROW_BUFFER)
        .foreign_keys(false)
        .pragma("cache_size", CACHE_KIB)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

fn bind<const N: usize>(statement: &'static str, parameters: [Parameter; N]) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    for parameter in parameters {
        let added = match parameter {
            Parameter::Null => bound.add(None::<i64>),
            Parameter::Int(number) => bound.add(number),
            Parameter::Text(text) => bound.add(text),
            Parameter::Blob(bytes) => bound.add(bytes),
        };
        added.map_err(|error| StoreError::Refused {
            statement: name_of(statement),
            detail: error.to_string(),
        })?;
    }
    Ok(bound)
}

/// The name of a statement, from its first line.
pub(super) fn name_of(statement: &'static str) -> &'static str {
    let first = statement.lines().next().unwrap_or(statement);
    first.trim_start_matches("-- ").trim()
}

/// What a failure of a statement means.
pub(super) fn classify(statement: &'static str, error: &sqlx::Error) -> StoreError {
    let said = format!("{}: {error}", name_of(statement));
    let class = if let sqlx::Error::Database(database) = error {
        class_of(database.code().and_then(|code| code.parse().ok()).unwrap_or_default())
    } else if matches!(error, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) {
        Class::Storage
    } else {
        Class::Refused
    };
    match class {
        Class::Busy => StoreError::Unavailable(said),
        Class::Storage => StoreError::Storage(said),
        Class::Refused => StoreError::Refused {
            statement: name_of(statement),
            detail: error.to_string(),
        },
    }
}

enum Class {
    Busy,
    Storage,
    Refused,
}

/// By the primary result code, the lowest byte of an extended one (<https://www.sqlite.org/rescode.html>).
fn class_of(code: i32) -> Class {
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, INTERRUPT
        5 | 6 | 7 | 9 => Class::Busy,
        // PERM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOLFS, AUTH, NOTADB
        3 | 8 | 10 | 11 | 13 | 14 | 15 | 22 | 23 | 26 => Class::Storage,
        _ => Class::Refused,
    }
}
