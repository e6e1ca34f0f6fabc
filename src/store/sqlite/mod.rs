//! The embedded database: one file, one process, one writer.
//!
//! # Shape
//! Rounds run on one connection that holds the write lock from before it loads until it commits; snapshots and lists
//! run on a few connections that only read. The file is in WAL mode with `synchronous=FULL`: a commit is answered when
//! it is on the disk.
//!
//! # What bounds it
//! A statement's cost follows the rows that its array names. The log is checkpointed every 10,000 pages.
//!
//! # Ordering
//! The writer's mutex is the lock of every location.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Mutex;

use super::{
    InboundFilter, InvariantReport, LOADS_MAX, OrderAt, OrderFilter, Page, QueuedLine, Round, Store, StoreError,
    Verdict,
};
use crate::allocator::command::ContinueRefill;
use crate::allocator::working_set::WorkingSet;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, InboundId, LineNumber, LocationId, Sequence, Sku};
use crate::domain::inbound::Inbound;
use apply::Changes;
use configs::Configs;
use connection::Connection;
use kept::Kept;
use load::Loader;
use readers::Readers;

mod apply;
mod arrays;
mod columns;
mod configs;
mod connection;
mod counters;
mod invariants;
mod kept;
mod lists;
mod load;
mod locations;
mod open;
#[cfg(test)]
mod plans;
mod readers;
mod records;
mod rows;
mod sql;
mod wants;

/// Where the database is, and how it is read.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; it is created with its tables if it is absent.
    pub path: PathBuf,
    /// Connections for snapshots and lists, at least one; one more checks invariants.
    pub readers: u32,
    /// The most pages of 4 KiB that the file may grow to, as if the disk ended there; `None` for no limit.
    pub pages_max: Option<u32>,
}

impl SqliteOptions {
    /// A file of any size, with two readers.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 2,
            pages_max: None,
        }
    }
}

/// The connection that writes, and what it knows of what it wrote.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    kept: Kept,
}

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Mutex<Option<Writer>>,
    readers: Readers,
    /// A reader that checks invariants alone: that takes long, and no other read waits for it.
    auditor: Readers,
    configs: Configs,
    epoch: u64,
    /// Locked for as long as the store lives, so that no second process opens the file.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, creates it or brings its tables up to date, and keeps other processes out.
    ///
    /// # Errors
    /// When another process has it, it is no database of Holdfast's or of a newer version, or storage fails.
    pub async fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let lock = lock(&options.path)?;
        let mut writer = Connection::open_writer(&options.path, options.pages_max).await?;
        open::check_library(&mut writer).await?;
        open::check_identity(&mut writer, &options.path).await?;
        open::migrate(&mut writer).await?;
        open::check_durability(&mut writer).await?;
        let epoch = open::epoch(&mut writer, StdRng::from_os_rng().random_range(1..=i64::MAX)).await?;
        let readers = Readers::open(&options.path, options.readers).await?;
        let auditor = Readers::open(&options.path, 1).await?;
        Ok(Self {
            writer: Mutex::new(Some(Writer {
                connection: writer,
                kept: Kept::default(),
            })),
            readers,
            auditor,
            configs: Configs::default(),
            epoch,
            _lock: lock,
        })
    }
}

/// Locks `<path>.lock`. The lock is the process's: it goes with it, however it ends.
fn lock(path: &Path) -> Result<File, StoreError> {
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

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Loads and decides until nothing is missing.
async fn decide<'a>(
    connection: &'a mut Connection,
    configs: &'a Configs,
    kept: Option<&'a Kept>,
    round: &mut dyn Round,
) -> Result<(Loader<'a>, Verdict), StoreError> {
    let mut connection = connection;
    for _ in 0..LOADS_MAX {
        let (footprint, now) = (round.footprint(), round.now());
        let mut loader = Loader::load(connection, configs, kept, &footprint, now).await?;
        let wants = round.plan(&loader.ws);
        loader.load_wants(&wants).await?;
        match round.decide(&mut loader.ws) {
            Verdict::Again => connection = loader.connection,
            verdict @ (Verdict::Commit | Verdict::Abandon) => return Ok((loader, verdict)),
        }
    }
    Err(StoreError::NeverLoaded(LOADS_MAX))
}

/// Runs a round in the open transaction; answers what it left if that is to be committed.
async fn run_in_tx(
    connection: &mut Connection,
    configs: &Configs,
    kept: &Kept,
    round: &mut dyn Round,
) -> Result<Option<WorkingSet>, StoreError> {
    let (loader, verdict) = decide(connection, configs, Some(kept), round).await?;
    if verdict == Verdict::Abandon {
        return Ok(None);
    }
    let changes = Changes::of(&loader.ws);
    if changes.is_empty() {
        return Ok(None);
    }
    changes.write_in_tx(loader.connection).await?;
    Ok(Some(loader.ws))
}

impl Writer {
    async fn round(&mut self, configs: &Configs, round: &mut dyn Round) -> Result<(), StoreError> {
        let Self { connection, kept } = self;
        connection.begin(sql::BEGIN_IMMEDIATE).await?;
        kept.check_in_tx(connection).await?;
        match run_in_tx(connection, configs, kept, round).await? {
            None => connection.roll_back().await,
            Some(ws) => {
                connection.commit().await?;
                kept.keep(&ws);
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn round(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(closed)?;
        let outcome = writer.round(&self.configs, round).await;
        if outcome.is_err() {
            // The round's own error says more than that of a rollback, which the next round tries again.
            drop(writer.connection.roll_back().await);
            writer.kept.forget();
        }
        outcome
    }

    async fn observe(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let mut reader = self.readers.begin().await?;
        let outcome = decide(reader.connection(), &self.configs, None, round)
            .await
            .map(|_| ());
        reader.end(outcome).await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::orders(reader.connection(), filter, &page).await;
        reader.end(listed).await
    }

    async fn list_backlog(
        &self,
        location: &LocationId,
        sku: &Sku,
        page: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::backlog(reader.connection(), location, sku, &page).await;
        reader.end(listed).await
    }

    async fn list_stock(
        &self,
        location: &LocationId,
        only_backlogged: bool,
        page: Page<Sku>,
    ) -> Result<Vec<Sku>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::stock(reader.connection(), location, only_backlogged, &page).await;
        reader.end(listed).await
    }

    async fn list_inbounds(&self, filter: &InboundFilter, page: Page<InboundId>) -> Result<Vec<Inbound>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::inbounds(reader.connection(), filter, &page).await;
        reader.end(listed).await
    }

    async fn list_locations(&self, page: Page<LocationId>) -> Result<Vec<Location>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::locations(reader.connection(), &page).await;
        reader.end(listed).await
    }

    async fn list_items(&self, page: Page<Sku>) -> Result<Vec<Item>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::items(reader.connection(), &page).await;
        reader.end(listed).await
    }

    async fn list_events(
        &self,
        location: &LocationId,
        page: Page<EventSequence>,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::events(reader.connection(), location, &page).await;
        reader.end(listed).await
    }

    async fn last_event(&self, location: &LocationId) -> Result<Option<EventSequence>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let found = lists::last_event(reader.connection(), location).await;
        reader.end(found.map(|found| found.map(|(_, last)| last))).await
    }

    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::pending_refills(reader.connection()).await;
        reader.end(listed).await
    }

    async fn lapsed_locations(&self, now: Instant) -> Result<Vec<LocationId>, StoreError> {
        let mut reader = self.readers.begin().await?;
        let listed = lists::lapsed_locations(reader.connection(), now).await;
        reader.end(listed).await
    }

    fn invariants(&self) -> Vec<&'static str> {
        invariants::ALL.iter().map(|invariant| invariant.name).collect()
    }

    async fn check_invariant(&self, name: &str, location: Option<&LocationId>) -> Result<InvariantReport, StoreError> {
        let mut reader = self.auditor.begin().await?;
        let report = invariants::check(reader.connection(), name, location).await;
        reader.end(report).await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    async fn close(&self) {
        let (readers_ended, auditor_ended) = tokio::join!(self.readers.close(), self.auditor.close());
        if let Some(mut writer) = self.writer.lock().await.take() {
            // What is not copied into the file stays in the log, and is read from there. A checkpoint would wait for readers.
            if readers_ended && auditor_ended {
                drop(writer.connection.pragma(open::CHECKPOINT).await);
            }
            drop(writer.connection.close().await);
        }
    }
}
