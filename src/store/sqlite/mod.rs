//! The embedded database: one file, one process, one writer.
//!
//! # Shape
//! Rounds run on one connection that holds the write lock from before it loads until it commits; snapshots and lists
//! run on a few connections that only read. The file is in WAL mode with `synchronous=FULL`: a commit is answered when
//! it is on the disk.
//!
//! # What bounds it
//! A statement's cost follows the rows that it is given. The log is copied into the file by a thread of its own; at 10,000
//! pages a commit copies what is left, so that the log begins anew. A round runs on its caller's thread, which is to be one
//! that may wait for the disk; reads run on threads of their own.
//!
//! # Ordering
//! The writer's mutex is the lock of every location.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Mutex;

use super::tables::{Configs, Kept, KeptByReaders, Loader, consumers, lists, logs, run_in_tx};
use super::{
    Consumer, DueWork, InboundFilter, InvariantReport, LOADS_MAX, LogEnds, OrderAt, OrderFilter, Page, QueuedLine,
    Released, Round, Store, StoreError, Verdict,
};
use crate::allocator::command::ContinueRefill;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{ConsumerId, EventSequence, InboundId, LineNumber, LocationId, Sequence, Sku};
use crate::domain::inbound::Inbound;
use checkpoint::Checkpointer;
use connection::Connection;
use readers::{Readers, at_once};

mod apply;
mod check;
mod checkpoint;
mod connection;
mod estimates;
mod export;
mod invariants;
mod load;
mod open;
#[cfg(test)]
mod plans;
mod readers;
mod rows;
mod sql;

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
    /// Changes when another hand writes the file.
    data_version: String,
    checkpointer: Checkpointer,
}

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Mutex<Option<Writer>>,
    readers: Readers,
    /// A reader that checks invariants alone: that takes long, and no other read waits for it.
    auditor: Readers,
    configs: Arc<Configs>,
    kept: KeptByReaders,
    epoch: u64,
    /// Locked for as long as the store lives, so that no second process opens the file.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, creates it or brings its tables up to date, and keeps other processes out.
    ///
    /// # Errors
    /// When another process has it, it is no database of Holdfast's or of a newer version, or storage fails.
    pub fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let lock = open::lock(&options.path)?;
        let mut writer = Connection::open_writer(&options.path, options.pages_max)?;
        open::check_library(&mut writer)?;
        open::check_identity(&mut writer, &options.path)?;
        open::migrate(&mut writer)?;
        open::check_durability(&mut writer)?;
        let epoch = open::epoch(&mut writer, StdRng::from_os_rng().random_range(1..=i64::MAX))?;
        let readers = Readers::open(&options.path, options.readers)?;
        let auditor = Readers::open(&options.path, 1)?;
        let kept = KeptByReaders::default();
        Ok(Self {
            writer: Mutex::new(Some(Writer {
                connection: writer,
                kept: kept.of_writer(),
                data_version: String::new(),
                checkpointer: Checkpointer::start(&options.path)?,
            })),
            readers,
            auditor,
            configs: Arc::default(),
            kept,
            epoch,
            _lock: lock,
        })
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl Writer {
    /// Begins a transaction that holds the write lock.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.checkpointer.check()?;
        self.connection.begin(sql::BEGIN_IMMEDIATE)
    }

    /// Commits what was done in the open transaction, or rolls it back.
    fn ended<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        let done = done.and_then(|done| self.connection.commit().map(|()| done));
        match &done {
            Ok(_) => self.checkpointer.note_commit(&mut self.connection),
            // The error says more than that of a rollback, which the next round tries again.
            Err(_) => drop(self.connection.roll_back()),
        }
        done
    }

    async fn round(&mut self, configs: &Configs, round: &mut dyn Round) -> Result<(), StoreError> {
        self.begin()?;
        let connection = &mut self.connection;
        let data_version = connection.pragma(open::DATA_VERSION)?;
        if data_version != self.data_version {
            self.kept.forget();
            self.data_version = data_version;
        }
        match run_in_tx(connection, configs, &mut self.kept, round).await? {
            None => connection.roll_back(),
            Some(loaded) => {
                connection.commit()?;
                self.kept.keep(&loaded);
                self.checkpointer.note_commit(connection);
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
            drop(writer.connection.roll_back());
            writer.kept.forget();
        }
        outcome
    }

    async fn observe(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let mut reader = self.readers.begin().await?;
        let mut kept = self.kept.take();
        for _ in 0..LOADS_MAX {
            let (configs, footprint, now) = (Arc::clone(&self.configs), round.footprint(), round.now());
            let begun = kept.begin(now, &footprint);
            let load = move |connection: &mut Connection| {
                let mut loader = Loader::new(connection, &configs, Some(&mut kept), begun);
                at_once(loader.load(&footprint))?;
                let filled = loader.loaded;
                Ok((filled, kept))
            };
            let mut filled;
            (filled, kept) = reader.run(load).await?;
            let wants = round.plan(&filled.ws);
            if !wants.is_empty() {
                let configs = Arc::clone(&self.configs);
                let load = move |connection: &mut Connection| {
                    let mut loader = Loader::new(connection, &configs, Some(&mut kept), filled);
                    at_once(loader.load_wants(&wants))?;
                    let filled = loader.loaded;
                    Ok((filled, kept))
                };
                (filled, kept) = reader.run(load).await?;
            }
            kept.keep_read(&filled);
            if round.decide(&mut filled.ws) != Verdict::Again {
                self.kept.give(kept, filled);
                return Ok(());
            }
            kept.end(filled);
        }
        Err(StoreError::NeverLoaded(LOADS_MAX))
    }

    async fn list_orders(&self, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError> {
        let filter = filter.clone();
        self.readers
            .read(move |connection| at_once(lists::orders(connection, &filter, &page)))
            .await
    }

    async fn list_backlog(
        &self,
        location: &LocationId,
        sku: &Sku,
        page: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError> {
        let (location, sku) = (location.clone(), sku.clone());
        self.readers
            .read(move |connection| at_once(lists::backlog(connection, &location, &sku, &page)))
            .await
    }

    async fn list_stock(
        &self,
        location: &LocationId,
        only_backlogged: bool,
        page: Page<Sku>,
    ) -> Result<Vec<Sku>, StoreError> {
        let location = location.clone();
        self.readers
            .read(move |connection| at_once(lists::stock(connection, &location, only_backlogged, &page)))
            .await
    }

    async fn list_inbounds(&self, filter: &InboundFilter, page: Page<InboundId>) -> Result<Vec<Inbound>, StoreError> {
        let filter = filter.clone();
        self.readers
            .read(move |connection| at_once(lists::inbounds(connection, &filter, &page)))
            .await
    }

    async fn list_locations(&self, page: Page<LocationId>) -> Result<Vec<Location>, StoreError> {
        self.readers
            .read(move |connection| at_once(lists::locations(connection, &page)))
            .await
    }

    async fn list_items(&self, page: Page<Sku>) -> Result<Vec<Item>, StoreError> {
        self.readers
            .read(move |connection| at_once(lists::items(connection, &page)))
            .await
    }

    async fn list_events(
        &self,
        location: &LocationId,
        page: Page<EventSequence>,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let location = location.clone();
        self.readers
            .read(move |connection| at_once(lists::events(connection, &location, &page)))
            .await
    }

    async fn last_event(&self, location: &LocationId) -> Result<Option<EventSequence>, StoreError> {
        let location = location.clone();
        let found = self
            .readers
            .read(move |connection| at_once(lists::last_event(connection, &location)));
        Ok(found.await?.map(|(_, last)| last))
    }

    async fn logs(&self) -> Result<Vec<LogEnds>, StoreError> {
        self.readers.read(|connection| at_once(logs::ends(connection))).await
    }

    async fn prune(&self, before: Instant, heard_since: Instant) -> Result<u64, StoreError> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(closed)?;
        writer.begin()?;
        let pruned = at_once(logs::prune_in_tx(&mut writer.connection, before, heard_since));
        writer.ended(pruned)
    }

    async fn acknowledge_events(
        &self,
        consumer: &ConsumerId,
        places: &[(LocationId, EventSequence)],
        now: Instant,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(closed)?;
        writer.begin()?;
        let acknowledged = at_once(consumers::acknowledge_in_tx(
            &mut writer.connection,
            consumer,
            places,
            now,
        ));
        writer.ended(acknowledged)
    }

    async fn list_consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        self.readers
            .read(|connection| at_once(consumers::list(connection)))
            .await
    }

    async fn list_released(&self, location: &LocationId, page: Page<Sequence>) -> Result<Option<Released>, StoreError> {
        let (configs, location) = (Arc::clone(&self.configs), location.clone());
        self.readers
            .read(move |connection| at_once(logs::released(connection, &configs, &location, &page)))
            .await
    }

    async fn due(&self, now: Instant) -> Result<DueWork, StoreError> {
        self.readers
            .read(move |connection| at_once(lists::due(connection, now)))
            .await
    }

    async fn renew_epoch(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let connection = &mut writer.as_mut().ok_or_else(closed)?.connection;
        open::renew_epoch(connection, StdRng::from_os_rng().random_range(1..=i64::MAX))
    }

    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError> {
        self.readers
            .read(|connection| at_once(lists::pending_refills(connection)))
            .await
    }

    fn invariants(&self) -> Vec<&'static str> {
        invariants::ALL.iter().map(|invariant| invariant.name).collect()
    }

    async fn check_invariant(&self, name: &str, location: Option<&LocationId>) -> Result<InvariantReport, StoreError> {
        let (name, location) = (name.to_owned(), location.cloned());
        self.auditor
            .read(move |connection| check::check(connection, &name, location.as_ref()))
            .await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    async fn close(&self) {
        let (readers_ended, auditor_ended) = tokio::join!(self.readers.close(), self.auditor.close());
        if let Some(mut writer) = self.writer.lock().await.take() {
            let is_sound = writer.checkpointer.end().is_ok();
            // What is not copied into the file stays in the log, and is read from there. A checkpoint would wait for readers.
            if readers_ended && auditor_ended && is_sound && writer.connection.pragma(open::CHECKPOINT).is_ok() {
                drop(writer.connection.copy_log_at_end(true));
            }
            drop(writer.connection.close());
        }
    }
}
