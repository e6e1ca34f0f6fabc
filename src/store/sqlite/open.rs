//! What is checked and made before a file is used.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;
use sqlx::migrate::{Migration, Migrator};

use super::super::StoreError;
use super::super::tables::Cells;
use super::super::tables::rows::{Kind, Rows};
use super::connection::Connection;

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

/// Changes when another connection writes the file.
pub(super) const DATA_VERSION: &str = "-- data_version
PRAGMA data_version";

/// Which migrations were applied, as sqlx keeps them.
const CREATE_MIGRATIONS: &str = "-- create_migrations
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)";

/// The last migration that was applied.
const LAST_MIGRATION: &str = "-- last_migration
SELECT max(version) FROM _sqlx_migrations";

/// The checksum of migration ?1.
const FIND_MIGRATION: &str = "-- find_migration
SELECT checksum FROM _sqlx_migrations WHERE version = ?1";

/// Notes a migration.
const INSERT_MIGRATION: &str = "-- insert_migration
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?1, ?2, 1, ?3, 0)";

/// Gives the database epoch ?1.
pub(super) const PUT_EPOCH: &str = "-- put_epoch
UPDATE meta SET epoch = ?1";

/// Copies the log into the file.
pub(super) const CHECKPOINT: &str = "-- checkpoint
PRAGMA wal_checkpoint(TRUNCATE)";

/// Locks `<path>.lock`. The lock is the process's: it goes with it, however it ends.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let said = |error: &std::io::Error| StoreError::Storage(format!("{}: {error}", lock_path.display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| said(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let path = path.display();
            Err(StoreError::Unavailable(format!(
                "{path} is in use by another process: one process serves one file"
            )))
        }
        Err(TryLockError::Error(error)) => Err(said(&error)),
    }
}

/// Checks that the library is new enough.
pub(super) fn check_library(connection: &mut Connection) -> Result<(), StoreError> {
    let version = connection.pragma(LIBRARY_VERSION)?;
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
pub(super) fn check_identity(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let id = connection.pragma(LOAD_APPLICATION_ID)?;
    if id == APPLICATION_ID || connection.fetch(ANY_TABLE)?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Storage(format!(
        "{} is a database of another application's ({id})",
        path.display()
    )))
}

/// Brings the tables up to date, one migration a transaction; refuses those of a newer version, and those that another
/// text made.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let said =
        |error: rusqlite::Error| StoreError::Storage(format!("the tables cannot be brought up to date: {error}"));
    let file = connection.inner();
    file.execute_batch(CREATE_MIGRATIONS).map_err(said)?;
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let applied: Option<i64> = file.query_row(LAST_MIGRATION, [], |row| row.get(0)).map_err(said)?;
    if let Some(version) = applied.filter(|version| *version > newest) {
        return Err(StoreError::Storage(format!(
            "the database has migration {version:04}, which this version of Holdfast does not know: run a newer one"
        )));
    }
    for migration in MIGRATIONS.iter() {
        let version = migration.version;
        let checksum: Option<Vec<u8>> = file
            .query_row(FIND_MIGRATION, [version], |row| row.get(0))
            .optional()
            .map_err(said)?;
        match checksum {
            Some(checksum) if *checksum == *migration.checksum => {}
            Some(_) => {
                return Err(StoreError::Storage(format!(
                    "the database has another migration {version:04} than this version of Holdfast"
                )));
            }
            None => apply(file, migration).map_err(said)?,
        }
    }
    Ok(())
}

fn apply(file: &mut rusqlite::Connection, migration: &Migration) -> Result<(), rusqlite::Error> {
    let tx = file.transaction()?;
    tx.execute_batch(migration.sql.as_str())?;
    tx.execute(
        INSERT_MIGRATION,
        (migration.version, &*migration.description, &*migration.checksum),
    )?;
    tx.commit()
}

/// Checks, by reading back, that a commit is on the disk when it is answered.
pub(super) fn check_durability(connection: &mut Connection) -> Result<(), StoreError> {
    let (mode, synchronous) = (connection.pragma(JOURNAL_MODE)?, connection.pragma(SYNCHRONOUS)?);
    if mode == "wal" && synchronous == FULL {
        return Ok(());
    }
    Err(StoreError::Storage(format!(
        "journal_mode is {mode} and synchronous is {synchronous}: wal and {FULL} are needed"
    )))
}

/// The database's epoch, drawn now if it has none.
pub(super) fn epoch(connection: &mut Connection, drawn: i64) -> Result<u64, StoreError> {
    let mut rows = Rows::new(&[Kind::Int]);
    rows.row().int(drawn).end();
    connection.execute_each(DRAW_EPOCH, None, &rows)?;
    let rows = connection.fetch(LOAD_EPOCH)?;
    let epoch = rows
        .first()
        .map(|row| Cells::new(row, "meta", 0).int(0, "epoch"))
        .transpose()?;
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    epoch.ok_or_else(|| StoreError::Storage("the database has no epoch".to_owned()))
}

/// Gives the database another epoch.
pub(super) fn renew_epoch(connection: &mut Connection, drawn: i64) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[Kind::Int]);
    rows.row().int(drawn).end();
    connection.execute_each(PUT_EPOCH, None, &rows).map(drop)
}

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 13] = [
    LIBRARY_VERSION,
    LOAD_APPLICATION_ID,
    ANY_TABLE,
    JOURNAL_MODE,
    SYNCHRONOUS,
    DRAW_EPOCH,
    LOAD_EPOCH,
    PUT_EPOCH,
    DATA_VERSION,
    LAST_MIGRATION,
    FIND_MIGRATION,
    INSERT_MIGRATION,
    CHECKPOINT,
];
