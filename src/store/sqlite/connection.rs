//! One connection: how it is opened, how statements are run on it, and what their failures mean.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags};

use super::super::StoreError;
use super::super::tables::Found;
use super::super::tables::rows::{Kind, Rows};
use super::apply::ROWS_AT_ONCE;
use super::rows::{DateTexts, SqliteRow, bind};

/// How long a statement waits for a lock. Only a checkpoint or a backup can hold one: the lock file keeps other
/// processes out.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Memory for pages of each connection, in KiB below zero: room for the hot ends of every table.
const CACHE_KIB: i64 = -65_536;
/// Statements kept prepared: more than there are.
const STATEMENTS_MAX: usize = 128;

/// A connection, which knows whether a transaction was left open on it.
#[derive(Debug)]
pub(super) struct Connection {
    inner: rusqlite::Connection,
    in_transaction: bool,
}

impl Connection {
    /// Opens a file to write, and creates it if it is absent.
    pub(super) fn open_writer(path: &Path, pages_max: Option<u32>) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Self::open(path, flags)?;
        connection.set("journal_mode", "wal")?;
        connection.set("synchronous", "full")?;
        // The checkpointer sees to the log, and to what fails with it.
        connection.set("wal_autocheckpoint", 0)?;
        if let Some(pages) = pages_max {
            connection.set("max_page_count", pages)?;
        }
        Ok(connection)
    }

    /// Opens a file to copy its log into it.
    pub(super) fn open_copier(path: &Path) -> Result<Self, StoreError> {
        let connection = Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.set("synchronous", "full")?;
        Ok(connection)
    }

    /// Opens a file to read alone.
    pub(super) fn open_reader(path: &Path) -> Result<Self, StoreError> {
        Self::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        // One thread at a time has a connection: it needs no lock of its own.
        let inner = rusqlite::Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let inner = inner.map_err(|error| classify("open", &error))?;
        let connection = Self {
            inner,
            in_transaction: false,
        };
        let timeout = connection.inner.busy_timeout(BUSY_TIMEOUT);
        timeout.map_err(|error| classify("open", &error))?;
        // Else a statement beside a partial index is prepared anew whenever other values are bound.
        connection.configure(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.copy_log_at_end(false)?;
        connection.inner.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.set("foreign_keys", false)?;
        connection.set("cache_size", CACHE_KIB)?;
        connection.set("temp_store", "memory")?;
        Ok(connection)
    }

    fn set(&self, pragma: &'static str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
        let set = self.inner.pragma_update(None, pragma, value);
        set.map_err(|error| classify(pragma, &error))
    }

    fn configure(&self, option: DbConfig, on: bool) -> Result<(), StoreError> {
        let configured = self.inner.set_db_config(option, on);
        configured.map(drop).map_err(|error| classify("open", &error))
    }

    /// Whether the log is copied and removed when this is the last connection that ends. It is not at first.
    pub(super) fn copy_log_at_end(&self, copied: bool) -> Result<(), StoreError> {
        self.configure(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !copied)
    }

    /// The connection, for migrations.
    pub(super) fn inner(&mut self) -> &mut rusqlite::Connection {
        &mut self.inner
    }

    /// Begins a transaction. One that was left open, because its caller went away or it failed, is rolled back first.
    pub(super) fn begin(&mut self, statement: &'static str) -> Result<(), StoreError> {
        if self.in_transaction {
            self.roll_back()?;
        }
        self.in_transaction = true;
        let begun = self.execute(statement);
        self.in_transaction = begun.is_ok();
        begun
    }

    /// Commits. After [`StoreError::Unavailable`] nothing was written. After [`StoreError::Storage`] it is not known: a write
    /// that failed late may still be found when the file is opened again. That error is fatal, so that nothing is built on
    /// either outcome.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.execute(super::sql::COMMIT)?;
        self.in_transaction = false;
        Ok(())
    }

    /// Rolls back, unless the database did so by itself.
    pub(super) fn roll_back(&mut self) -> Result<(), StoreError> {
        match self.execute(super::sql::ROLLBACK) {
            // Some failures end the transaction, so that there is none to be rolled back.
            Ok(()) | Err(StoreError::Refused { .. }) => {
                self.in_transaction = false;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a statement without parameters.
    pub(super) fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.find_each(statement, &nothing()).map(drop)
    }

    /// Runs a statement for each of some rows, and answers how many rows of the database it touched. With another one that
    /// does the same for several rows it is run for those that are left over.
    pub(super) fn execute_each(
        &mut self,
        statement: &'static str,
        at_once: Option<&'static str>,
        rows: &Rows,
    ) -> Result<u64, StoreError> {
        let count = rows.count();
        let together = at_once.map_or(0, |_| count.saturating_sub(count % ROWS_AT_ONCE));
        let executed = || {
            let several = at_once.map(|statement| run_rows(&self.inner, statement, rows, 0..together, ROWS_AT_ONCE));
            let several = several.transpose()?.unwrap_or(0);
            let single = run_rows(&self.inner, statement, rows, together..count, 1)?;
            Ok(several.saturating_add(single))
        };
        executed().map_err(|error| classify(statement, &error))
    }

    /// Runs a query for each of some rows, and answers all rows that it finds.
    pub(super) fn find_each(
        &mut self,
        statement: &'static str,
        rows: &Rows,
    ) -> Result<Vec<Found<SqliteRow>>, StoreError> {
        let fetched = || {
            let mut prepared = self.inner.prepare_cached(statement)?;
            let (mut found, mut dates) = (Vec::new(), DateTexts::default());
            let columns = prepared.column_count();
            for at in 0..rows.count() {
                bind(&mut prepared, rows, (at, at.checked_sub(1)), 0, &mut dates)?;
                let mut answers = prepared.raw_query().mapped(|row| SqliteRow::of(row, columns));
                answers.try_for_each(|row| row.map(|row| found.push(Found { at, row })))?;
            }
            Ok(found)
        };
        fetched().map_err(|error| classify(statement, &error))
    }

    /// Runs a query without parameters and answers all its rows.
    pub(super) fn fetch(&mut self, statement: &'static str) -> Result<Vec<Found<SqliteRow>>, StoreError> {
        self.find_each(statement, &nothing())
    }

    /// The one text or number that a pragma answers.
    pub(super) fn pragma(&mut self, statement: &'static str) -> Result<String, StoreError> {
        let queried = || {
            let mut prepared = self.inner.prepare_cached(statement)?;
            let mut rows = prepared.raw_query();
            let Some(row) = rows.next()? else {
                return Ok(String::new());
            };
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => String::new(),
            })
        };
        queried().map_err(|error| classify(statement, &error))
    }

    /// Prepares a statement without running it.
    #[cfg(test)]
    pub(super) fn prepare(&mut self, statement: &str) -> Result<(), rusqlite::Error> {
        self.inner.prepare(statement).map(drop)
    }

    /// How the library would run a statement, a text for each step.
    #[cfg(test)]
    pub(super) fn plan(&mut self, statement: &str) -> Result<Vec<String>, rusqlite::Error> {
        let mut explained = self.inner.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
        let mut rows = explained.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get("detail")?);
        }
        Ok(steps)
    }

    /// Ends the connection.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.inner.close().map_err(|(_, error)| classify("close", &error))
    }
}

/// Runs a statement for a range of rows, so many at a time, and answers how many rows of the database it touched.
fn run_rows(
    connection: &rusqlite::Connection,
    statement: &'static str,
    rows: &Rows,
    range: Range<usize>,
    at_once: usize,
) -> Result<u64, rusqlite::Error> {
    if range.is_empty() {
        return Ok(0);
    }
    let (mut prepared, mut dates) = (connection.prepare_cached(statement)?, DateTexts::default());
    let mut touched = 0_u64;
    for (row, position) in range.clone().zip((0..at_once).cycle()) {
        // The parameters hold what they were given for the rows before.
        let before = row.checked_sub(at_once).filter(|before| range.contains(before));
        bind(&mut prepared, rows, (row, before), position, &mut dates)?;
        if position.saturating_add(1) == at_once {
            let changed = prepared.raw_execute()?;
            touched = touched.saturating_add(u64::try_from(changed).unwrap_or(u64::MAX));
        }
    }
    Ok(touched)
}

/// The one row of a statement that is given nothing.
fn nothing() -> Rows {
    let no_columns: [Kind; 0] = [];
    let mut rows = Rows::new(&no_columns);
    rows.row().end();
    rows
}

/// The name of a statement, from its first line.
pub(super) fn name_of(statement: &'static str) -> &'static str {
    let first = statement.lines().next().unwrap_or(statement);
    first.trim_start_matches("-- ").trim()
}

/// What a failure of a statement means, by the library's result code (<https://www.sqlite.org/rescode.html>).
pub(super) fn classify(statement: &'static str, error: &rusqlite::Error) -> StoreError {
    let said = format!("{}: {error}", name_of(statement));
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted,
        ) => StoreError::Unavailable(said),
        Some(
            ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::NotADatabase,
        ) => StoreError::Storage(said),
        _ => StoreError::Refused {
            statement: name_of(statement),
            detail: error.to_string(),
        },
    }
}
