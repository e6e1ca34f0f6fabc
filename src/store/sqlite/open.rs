//! What is checked and made before a file is used.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};

use super::super::StoreError;
use super::connection::Connection;
use super::rows::Cells;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The oldest library that does not lose commits when its log is reset.
const LIBRARY_OLDEST: (u32, u32, u32) = (3, 51, 3);
/// Marks a file as a database of Holdfast's; the migrations set it.
const APPLICATION_ID: &str = "1212564546";
/// `PRAGMA synchronous` of a connection whose commits are on the disk when they are answered.
const FULL: &str = "2";

/// The library's version.
pub(super) const LIBRARY_VERSION: &str = "-- library_version
SELECT sqlite_version()";

/// Whose database a file is.
pub(super) const LOAD_APPLICATION_ID: &str = "-- application_id
PRAGMA application_id";

/// A table of a file that has some.
pub(super) const ANY_TABLE: &str = "-- any_table
SELECT name FROM sqlite_schema LIMIT 1";

/// Where changes are kept until a checkpoint.
pub(super) const JOURNAL_MODE: &str = "-- journal_mode
PRAGMA journal_mode";

/// When a commit waits for the disk.
pub(super) const SYNCHRONOUS: &str = "-- synchronous
PRAGMA synchronous";

/// Gives a new database its epoch ?1.
pub(super) const DRAW_EPOCH: &str = "-- draw_epoch
INSERT INTO meta (singleton, epoch) VALUES (1, ?1) ON CONFLICT (singleton) DO NOTHING";

/// The database's epoch.
pub(super) const LOAD_EPOCH: &str = "-- load_epoch
SELECT epoch FROM meta";

/// Copies the log into the file.
pub(super) const CHECKPOINT: &str = "-- checkpoint
PRAGMA wal_checkpoint(TRUNCATE)";

/// Checks that the library is new enough.
pub(super) async fn check_library(connection: &mut Connection) -> Result<(), StoreError> {
    let version = connection.pragma(LIBRARY_VERSION).await?;
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) >= LIBRARY_OLDEST {
        return Ok(());
    }
    let (major, minor, patch) = LIBRARY_OLDEST;
    Err(StoreError::Storage(format!(
        "SQLite {version} may lose commits: {major}.{minor}.{patch} or newer is needed"
    )))
}

/// Checks that a file with tables is a database of Holdfast's.
pub(super) async fn check_identity(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let id = connection.pragma(LOAD_APPLICATION_ID).await?;
    if id == APPLICATION_ID || connection.fetch(ANY_TABLE, []).await?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Storage(format!(
        "{} is a database of another application's ({id})",
        path.display()
    )))
}

/// Brings the tables up to date; refuses those of a newer version.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let migrated = MIGRATIONS.run(connection.inner()).await;
    migrated.map_err(|error| {
        StoreError::Storage(if let MigrateError::VersionMissing(version) = error {
            format!(
                "the database has migration {version:04}, which this version of Holdfast does not know: run a newer one"
            )
        } else {
            format!("the tables cannot be brought up to date: {error}")
        })
    })
}

/// Checks, by reading back, that a commit is on the disk when it is answered.
pub(super) async fn check_durability(connection: &mut Connection) -> Result<(), StoreError> {
    let (mode, synchronous) = (
        connection.pragma(JOURNAL_MODE).await?,
        connection.pragma(SYNCHRONOUS).await?,
    );
    if mode == "wal" && synchronous == FULL {
        return Ok(());
    }
    Err(StoreError::Storage(format!(
        "journal_mode is {mode} and synchronous is {synchronous}: wal and {FULL} are needed"
    )))
}

/// The database's epoch, drawn now if it has none.
pub(super) async fn epoch(connection: &mut Connection, drawn: i64) -> Result<u64, StoreError> {
    connection.execute(DRAW_EPOCH, [drawn.into()]).await?;
    let rows = connection.fetch(LOAD_EPOCH, []).await?;
    let epoch = rows
        .first()
        .map(|row| Cells::new(row, "meta", 0).int(0, "epoch"))
        .transpose()?;
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    epoch.ok_or_else(|| StoreError::Storage("the database has no epoch".to_owned()))
}

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 8] = [
    LIBRARY_VERSION,
    LOAD_APPLICATION_ID,
    ANY_TABLE,
    JOURNAL_MODE,
    SYNCHRONOUS,
    DRAW_EPOCH,
    LOAD_EPOCH,
    CHECKPOINT,
];
