//! Connections that only read, each used by one caller at a time, on threads where waiting for the disk holds up nobody.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::super::StoreError;
use super::connection::Connection;
use super::sql;

/// How long the end of the store waits for snapshots that are being read.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// A few connections that only read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    permits: Semaphore,
    count: u32,
}

/// A connection with a snapshot.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    /// Opens so many connections to a file, at least one.
    pub(super) fn open(path: &Path, count: u32) -> Result<Self, StoreError> {
        let count = count.max(1);
        let free: Vec<_> = (0..count)
            .map(|_| Connection::open_reader(path))
            .collect::<Result<_, _>>()?;
        let permits = Semaphore::new(free.len());
        Ok(Self {
            path: path.to_owned(),
            free: Mutex::new(free),
            permits,
            count,
        })
    }

    /// Waits for a connection and begins a snapshot on it.
    pub(super) async fn begin(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| super::closed())?;
        let free = self.free().pop();
        // One that is not there went away with a reader that was left in the middle.
        let mut connection = free.map_or_else(|| Connection::open_reader(&self.path), Ok)?;
        connection.begin(sql::BEGIN)?;
        Ok(Reader {
            connection: Some(connection),
            readers: self,
            _permit: permit,
        })
    }

    /// Reads from a snapshot.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.begin().await?.run(read).await
    }

    /// Ends all connections, after what is running if that ends soon. Answers whether all have ended: a snapshot that is
    /// still read is left to its reader.
    pub(super) async fn close(&self) -> bool {
        let ended = tokio::time::timeout(CLOSE_WAIT, self.permits.acquire_many(self.count)).await;
        self.permits.close();
        let all_ended = ended.is_ok();
        drop(ended);
        for connection in std::mem::take(&mut *self.free()) {
            drop(connection.close());
        }
        all_ended
    }

    fn free(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Reads from the snapshot.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.take().ok_or_else(super::closed)?;
        let ran = spawn_blocking(move || {
            let read = read(&mut connection);
            (connection, read)
        });
        let (connection, read) = ran.await.map_err(|error| StoreError::Refused {
            statement: "read",
            detail: error.to_string(),
        })?;
        self.connection = Some(connection);
        read
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            // A snapshot that cannot be ended is ended by the next to use the connection.
            drop(connection.roll_back());
            self.readers.free().push(connection);
        }
    }
}

/// The outcome of a future that never waits: what is asked of this database is answered on the spot.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("a file is read and written on the caller's thread"),
    }
}
