//! Copies the log into the file beside the rounds, so that the commit at which the log is full has little left to copy and
//! to wait for.

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

/// Copies what no reader needs in the log; waits for nobody.
const COPY: &str = "-- copy_log
PRAGMA wal_checkpoint(PASSIVE)";

/// The pages of the log, and how many of them were copied.
const MEASURE: &str = "-- measure_log
PRAGMA wal_checkpoint(NOOP)";

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 2] = [COPY, MEASURE];

/// A thread with a connection of its own that copies the log whenever there is enough of it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    failed: Arc<OnceLock<String>>,
    thread: JoinHandle<()>,
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
        Ok(Self { wake, failed, thread })
    }

    /// Checks that all that was copied is in the file: after a failure the system may forget pages that it could not write,
    /// and say that the next copy went well.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let failed = self.failed.get();
        failed.map_or(Ok(()), |said| Err(StoreError::Storage(said.clone())))
    }

    /// Sees to it, after a commit, that a log with enough to copy is copied. A commit stands, whatever becomes of its copy.
    pub(super) fn note_commit(&self, writer: &mut Connection) {
        match measure(writer) {
            Ok((pages, copied)) if pages >= PAGES_FULL && copied < pages => copy(writer, &self.failed),
            Ok((pages, copied)) if pages.saturating_sub(copied) >= PAGES_MIN => {
                // One that is copying already is told with a later commit.
                self.wake.try_send(()).ok();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the log cannot be measured: {error}"),
        }
    }

    /// Ends it, after what it is copying.
    pub(super) fn end(self) {
        drop(self.wake);
        drop(self.thread.join());
    }
}

/// The pages of the log, and how many of them were copied.
fn measure(connection: &mut Connection) -> Result<(i64, i64), StoreError> {
    let rows = connection.fetch(MEASURE)?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    let cells = Cells::new(row, "log", 0);
    Ok((cells.int(1, "pages")?, cells.int(2, "copied")?))
}

/// Copies the log; another connection that does so already is no failure.
fn copy(connection: &mut Connection, failed: &OnceLock<String>) {
    if let Err(error) = connection.pragma(COPY) {
        tracing::error!(%error, "the log cannot be copied into the file: {error}");
        drop(failed.set(error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit of a thousand pages.
    const FILL: &str =
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1000)
        INSERT INTO blobs SELECT zeroblob(4000) FROM numbers";

    #[test]
    fn a_log_is_copied_while_it_is_written_and_begins_anew_when_it_is_full() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log.db");
        let mut writer = Connection::open_writer(&path, None).expect("a writer");
        let created = writer.inner().execute_batch("CREATE TABLE blobs (blob BLOB NOT NULL)");
        created.expect("a table");
        let checkpointer = Checkpointer::start(&path).expect("a thread");
        for _ in 0..30 {
            writer.inner().execute(FILL, []).expect("rows");
            checkpointer.note_commit(&mut writer);
        }
        checkpointer.end();
        let log = std::fs::metadata(directory.path().join("log.db-wal")).expect("a log");
        let page_bytes = 4_096 + 24;
        assert!(log.len() < 12_000 * page_bytes, "{} bytes", log.len());
        let (_, copied) = measure(&mut writer).expect("a measure");
        assert!(copied > 0, "nothing was copied since the log began anew");
    }

    #[test]
    fn a_copy_that_failed_is_told_from_then_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log.db");
        let mut writer = Connection::open_writer(&path, None).expect("a writer");
        let created = writer.inner().execute_batch("CREATE TABLE blobs (blob BLOB NOT NULL)");
        created.expect("a table");
        let checkpointer = Checkpointer::start(&path).expect("a thread");
        assert!(checkpointer.check().is_ok());
        let mut reader = Connection::open_reader(&path).expect("a reader");
        reader.fetch("SELECT * FROM blobs").expect("no rows");
        copy(&mut reader, &checkpointer.failed);
        assert!(checkpointer.check().is_err_and(|error| error.is_fatal()));
        checkpointer.end();
    }
}
