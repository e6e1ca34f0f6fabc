//! Connections that only read, each used by one caller at a time.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::StoreError;
use super::connection::Connection;
use super::sql;

/// How long the end of the store waits for snapshots that are being read.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// A few connections that only read.
#[derive(Debug)]
pub(super) struct Readers {
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
    pub(super) async fn open(path: &Path, count: u32) -> Result<Self, StoreError> {
        let count = count.max(1);
        let mut free = Vec::new();
        for _ in 0..count {
            free.push(Connection::open_reader(path).await?);
        }
        let permits = Semaphore::new(free.len());
        Ok(Self {
            free: Mutex::new(free),
            permits,
            count,
        })
    }

    /// Waits for a connection and begins a snapshot on it.
    pub(super) async fn begin(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| super::closed())?;
        let connection = self.free().pop();
        let mut reader = Reader {
            connection,
            readers: self,
            _permit: permit,
        };
        reader.connection().begin(sql::BEGIN).await?;
        Ok(reader)
    }

    /// Ends all connections, after what is running if that ends soon. Answers whether all have ended: a snapshot that is
    /// still read is left to its reader.
    pub(super) async fn close(&self) -> bool {
        let ended = tokio::time::timeout(CLOSE_WAIT, self.permits.acquire_many(self.count)).await;
        self.permits.close();
        let all_ended = ended.is_ok();
        drop(ended);
        let free = std::mem::take(&mut *self.free());
        for connection in free {
            drop(connection.close().await);
        }
        all_ended
    }

    fn free(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("a permit stands for a connection, which goes back only when the reader ends")
    }

    /// Ends the snapshot and gives what was read from it.
    pub(super) async fn end<T: Send>(mut self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        let ended = self.connection().roll_back().await;
        read.and_then(|read| ended.map(|()| read))
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // A snapshot that was not ended is ended by the next to use the connection.
        self.readers.free().extend(self.connection.take());
    }
}
