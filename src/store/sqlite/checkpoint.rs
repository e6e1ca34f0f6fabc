//! Copies the log into the file beside the rounds, so that the commit at which the log is full has little left to copy.
//!
//! # What bounds it
//! The log is full at [`PAGES_FULL`], and begins anew once all of it is copied and nobody reads from it. A snapshot that is
//! read for long lets it grow; at [`PAGES_MAX`] the commit copies whatever may be.
//!
//! # Failure
//! A page that could not be written may be forgotten by the system, which then says that the next copy went well. The log
//! still has it: after a failure nothing is copied any more, no round begins, and the log is left for the next opening.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use super::super::StoreError;
use super::super::tables::Cells;
use super::connection::Connection;

/// Pages of the log that are to be copied before that begins: often enough that few are left when the log is full, and
/// seldom enough that a page which every round writes is copied once for many rounds.
const PAGES_MIN: i64 = 2_500;
/// Pages of a full log: the commit copies what is left, so that the next one begins the log anew. Ten times the library's
/// own limit gave a quarter more commits a second.
const PAGES_FULL: i64 = 10_000;
/// Pages of a log that is copied by the commit, however much of it is left.
const PAGES_MAX: i64 = 40_000;

/// Copies what no reader needs in the log; waits for nobody.
const COPY: &str = "-- copy_log
PRAGMA wal_checkpoint(PASSIVE)";

/// The pages of the log, and how many of them were copied.
const MEASURE: &str = "-- measure_log
PRAGMA wal_checkpoint(NOOP)";

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 2] = [COPY, MEASURE];

/// A thread with a connection of its own that copies the log whenever there is enough of it. Dropping it waits for what it is
/// copying.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    failed: Arc<OnceLock<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts it on a file.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open_copier(path)?;
        let failed = Arc::new(OnceLock::new());
        let failing = Arc::clone(&failed);
        let (wake, woken) = sync_channel(1);
        let started = thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            for () in woken {
                copy(&mut connection, &failing);
            }
        });
        let thread = started.map_err(|error| StoreError::Storage(format!("no thread for checkpoints: {error}")))?;
        Ok(Self {
            wake: Some(wake),
            failed,
            thread: Some(thread),
        })
    }

    /// Checks that all that was copied is in the file.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let failed = self.failed.get();
        failed.map_or(Ok(()), |said| Err(StoreError::Storage(said.clone())))
    }

    /// Ends it, and checks what it copied.
    pub(super) fn end(mut self) -> Result<(), StoreError> {
        self.stop();
        self.check()
    }

    fn stop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }

    /// Sees to it, after a commit, that a log with enough to copy is copied. A commit stands, whatever becomes of its copy.
    pub(super) fn note_commit(&self, writer: &mut Connection) {
        let (pages, copied) = match measure(writer) {
            Ok(measured) => measured,
            Err(error) => return tracing::warn!(%error, "the log cannot be measured: {error}"),
        };
        let to_copy = pages.saturating_sub(copied);
        let is_last_part = pages >= PAGES_FULL && (1..PAGES_MIN).contains(&to_copy);
        if is_last_part || pages >= PAGES_MAX {
            copy(writer, &self.failed);
        } else if let Some(wake) = self.wake.as_ref().filter(|_| to_copy >= PAGES_MIN) {
            // One that is copying already is told with a later commit.
            wake.try_send(()).ok();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The pages of the log, and how many of them were copied.
fn measure(connection: &mut Connection) -> Result<(i64, i64), StoreError> {
    let rows = connection.fetch(MEASURE)?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    let cells = Cells::new(row, "log", 0);
    Ok((cells.int(1, "pages")?, cells.int(2, "copied")?))
}

/// Copies the log, unless that failed before. Another connection that does so already is no failure.
fn copy(connection: &mut Connection, failed: &OnceLock<String>) {
    if failed.get().is_some() {
        return;
    }
    match connection.pragma(COPY) {
        Ok(_) => {}
        Err(error) if error.is_fatal() => {
            tracing::error!(%error, "the log cannot be copied into the file: {error}");
            drop(failed.set(error.to_string()));
        }
        Err(error) => tracing::warn!(%error, "the log cannot be copied into the file just now: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A commit of a thousand pages.
    const FILL: &str =
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1000)
        INSERT INTO blobs SELECT zeroblob(4000) FROM numbers";

    /// A new file with a table, its writer, and its checkpointer.
    fn file() -> (TempDir, Connection, Checkpointer) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = path(&directory);
        let mut writer = Connection::open_writer(&path, None).expect("a writer");
        let created = writer.inner().execute_batch("CREATE TABLE blobs (blob BLOB NOT NULL)");
        created.expect("a table");
        let checkpointer = Checkpointer::start(&path).expect("a thread");
        (directory, writer, checkpointer)
    }

    fn path(directory: &TempDir) -> PathBuf {
        directory.path().join("log.db")
    }

    fn log_bytes(directory: &TempDir) -> u64 {
        let log = std::fs::metadata(directory.path().join("log.db-wal"));
        log.map_or(0, |log| log.len())
    }

    fn fill(writer: &mut Connection, checkpointer: &Checkpointer, times: usize) {
        for _ in 0..times {
            writer.inner().execute(FILL, []).expect("rows");
            checkpointer.note_commit(writer);
        }
    }

    #[test]
    fn a_log_is_copied_while_it_is_written() {
        let (_directory, mut writer, checkpointer) = file();
        fill(&mut writer, &checkpointer, 5);
        drop(checkpointer);
        let (pages, copied) = measure(&mut writer).expect("a measure");
        assert!(pages < PAGES_FULL && copied > 0, "{copied} of {pages}");
    }

    #[test]
    fn a_log_begins_anew_when_it_is_full() {
        let (directory, mut writer, checkpointer) = file();
        fill(&mut writer, &checkpointer, 60);
        let page_bytes = 4_096 + 24;
        assert!(log_bytes(&directory) < 45_000 * page_bytes, "{}", log_bytes(&directory));
    }

    #[test]
    fn after_a_copy_that_failed_nothing_is_copied_and_the_log_is_left() {
        let (directory, mut writer, checkpointer) = file();
        assert!(checkpointer.check().is_ok());
        let mut reader = Connection::open_reader(&path(&directory)).expect("a reader");
        reader.fetch("SELECT * FROM blobs").expect("no rows");
        copy(&mut reader, &checkpointer.failed);
        assert!(checkpointer.check().is_err_and(|error| error.is_fatal()));
        fill(&mut writer, &checkpointer, 12);
        drop((checkpointer, reader));
        assert!(matches!(measure(&mut writer), Ok((PAGES_FULL.., 0))));
        writer.close().expect("the end");
        assert!(log_bytes(&directory) > 0, "the log went with its last connection");
    }
}
