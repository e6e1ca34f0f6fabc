//! PostgreSQL: any number of instances on one database.
//!
//! # Shape
//! Rounds of different locations run side by side, each lane on a connection of its own; snapshots and lists run on a
//! pool. A round is READ COMMITTED under the locks of its locations, which are the only ones, taken in the order of ids.
//!
//! # What bounds it
//! A round takes a fixed number of statements, each with arrays: of rows for what every round writes, else one a column. A
//! round that fails for a reason that passes is run again, a few times.
//!
//! # Ordering
//! What is kept between rounds is current while the revision of its location, read under the lock, is the one it left. What
//! readers keep is brought to a later one by what rounds of this process wrote since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use sqlx::PgPool;
use tokio::sync::{Mutex, MutexGuard, watch};

use super::tables::{self, Configs, Kept, KeptByReaders, Load, run_in_tx};
use super::{
    Consumer, DueWork, InboundFilter, InvariantReport, LogEnds, OrderAt, OrderFilter, Page, QueuedLine, Released,
    Round, Store, StoreError, lane_of,
};
use crate::allocator::command::ContinueRefill;
use crate::allocator::footprint::Footprint;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{ConsumerId, EventSequence, InboundId, LineNumber, LocationId, Sequence, Sku};
use crate::domain::inbound::Inbound;
use connection::Connection;
pub(super) use import::Import;
use listener::Nudges;

mod answers;
mod apart;
mod apply;
mod check;
mod connection;
mod estimates;
mod failures;
mod import;
mod invariants;
mod listener;
mod lists;
mod load;
mod open;
mod options;
mod rows;
mod sql;

pub use options::PostgresOptions;

/// How often a round is run again after failures that pass.
const RETRIES_MAX: usize = 6;

/// What runs the rounds of a lane.
#[derive(Debug)]
struct Writer {
    connection: Option<Connection>,
    kept: Kept,
}

/// A store on a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    options: PostgresOptions,
    writers: Vec<Mutex<Writer>>,
    readers: PgPool,
    /// Held by the store, and by each connection to read on that is lent.
    lent: Arc<()>,
    /// How often one was lent.
    lendings: AtomicU64,
    configs: Configs,
    kept: Arc<KeptByReaders>,
    epoch: u64,
    prober: open::Prober,
    acknowledging: apart::Acknowledging,
    nudges: Nudges,
    repeats: AtomicU64,
}

impl PostgresStore {
    /// Makes a database's tables, or brings them up to date.
    ///
    /// # Errors
    /// It cannot be reached, has tables of a newer version, or refuses.
    pub async fn migrate(options: &PostgresOptions) -> Result<(), StoreError> {
        open::migrate(options).await
    }

    /// Opens a database whose tables are up to date.
    ///
    /// # Errors
    /// It cannot be reached, has other tables than this version knows, or settings that could lose orders.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let epoch = open::check(options).await?;
        Ok(Self::of_epoch(options, epoch))
    }

    /// A store on a database whose epoch is known, with nothing checked.
    pub(super) fn of_epoch(options: &PostgresOptions, epoch: u64) -> Self {
        let kept = Arc::new(KeptByReaders::default());
        let renewed = Arc::clone(&kept);
        // It may be another server, which took over without the last commits.
        let readers = options.readers_pool(move || renewed.forget());
        let writer = || Writer {
            connection: None,
            kept: kept.of_writer(),
        };
        Self {
            writers: (0..options.lanes.max(1)).map(|_| Mutex::new(writer())).collect(),
            readers,
            lent: Arc::default(),
            lendings: AtomicU64::new(0),
            configs: Configs::default(),
            kept,
            epoch,
            prober: open::Prober::default(),
            acknowledging: apart::Acknowledging::default(),
            nudges: Nudges::start(&options.connect, options.is_persistent),
            repeats: AtomicU64::new(0),
            options: options.clone(),
        }
    }

    /// How often a round was run again after a failure that passes.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }

    /// A connection to read on.
    async fn reader(&self) -> Result<Connection, StoreError> {
        let before = self.lendings.load(Ordering::Relaxed);
        let pooled = self.readers.acquire().await;
        let pooled = pooled.map_err(|error| {
            let is_lent = Arc::strong_count(&self.lent) > 1 || self.lendings.load(Ordering::Relaxed) != before;
            failures::not_lent(&error, is_lent)
        })?;
        self.lendings.fetch_add(1, Ordering::Relaxed);
        Ok(Connection::pooled(pooled, &self.options, &self.lent))
    }

    /// What runs the rounds of a footprint's lane. A round that names no location takes any that is free.
    async fn writer(&self, footprint: &Footprint) -> Result<MutexGuard<'_, Writer>, StoreError> {
        let lane = footprint
            .locations
            .first()
            .map(|id| lane_of(id.as_str(), self.writers.len()));
        let free = || self.writers.iter().find_map(|writer| writer.try_lock().ok());
        if let Some(writer) = lane.is_none().then(free).flatten() {
            return Ok(writer);
        }
        let writer = self.writers.get(lane.unwrap_or(0));
        let writer = writer.ok_or_else(|| StoreError::Unavailable("the store has no lanes".to_owned()))?;
        Ok(writer.lock().await)
    }

    async fn attempt(&self, writer: &mut Writer, round: &mut dyn Round) -> Result<(), StoreError> {
        if writer.connection.is_none() {
            writer.connection = Some(Connection::connect(&self.options).await?);
        }
        let Writer { connection, kept } = writer;
        let connection = connection.as_mut().expect("it was just made");
        connection.renew_plans().await?;
        connection.begin_writing().await?;
        match run_in_tx(connection, &self.configs, kept, round).await? {
            // What a repeat answers was committed, perhaps by somebody who was never told so, as when its standby was away:
            // a commit under the same locks waits for all that came before it.
            None => connection.commit().await,
            Some(loaded) => {
                connection.commit().await?;
                self.nudges.tell();
                kept.keep(&loaded);
                Ok(())
            }
        }
    }
}

/// The text of every statement of rounds and lists, each beginning with its name.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    let found = Load::ALL.into_iter().map(sql::text);
    found.chain(apply::texts()).chain(sql::OTHERS).collect()
}

/// Reads on a snapshot, which is begun as named, and ends it.
macro_rules! read {
    ($self:ident, |$connection:ident| $read:expr) => {
        read!($self, begin_reading, |$connection| $read)
    };
    ($self:ident, $begin:ident, |$connection:ident| $read:expr) => {{
        let mut snapshot = $self.reader().await?;
        let read = match snapshot.$begin().await {
            Ok(()) => {
                let $connection = &mut snapshot;
                $read.await
            }
            Err(error) => Err(error),
        };
        // A connection on which that fails does not go back to the pool.
        drop(snapshot.roll_back().await);
        read
    }};
}

#[async_trait]
impl Store for PostgresStore {
    async fn round(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let mut writer = self.writer(&round.footprint()).await?;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(5))
            .with_max_times(RETRIES_MAX)
            .with_jitter();
        let mut delays = backoff.build();
        loop {
            let Err(error) = self.attempt(&mut writer, round).await else {
                return Ok(());
            };
            writer.kept.forget();
            self.kept.forget();
            let is_passing = matches!(error, StoreError::Unavailable(_));
            // Its locks go with it, whatever failed.
            if let Some(connection) = writer.connection.take() {
                connection.close().await;
            }
            match delays.next().filter(|_| is_passing) {
                None => return Err(error),
                Some(delay) => {
                    self.repeats.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "a round is run again: {error}");
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn observe(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        read!(self, |it| async {
            // Not before the connection: whoever waits for one keeps nothing.
            let mut kept = self.kept.take();
            let decided = tables::decide(it, &self.configs, &mut kept, round).await;
            decided.map(|(found, _)| self.kept.give(kept, found))
        })
    }

    async fn list_orders(&self, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError> {
        read!(self, |connection| tables::lists::orders(connection, filter, &page))
    }

    async fn list_backlog(
        &self,
        location: &LocationId,
        sku: &Sku,
        page: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError> {
        read!(self, |connection| tables::lists::backlog(
            connection, location, sku, &page
        ))
    }

    async fn list_stock(
        &self,
        location: &LocationId,
        only_backlogged: bool,
        page: Page<Sku>,
    ) -> Result<Vec<Sku>, StoreError> {
        read!(self, |connection| tables::lists::stock(
            connection,
            location,
            only_backlogged,
            &page
        ))
    }

    async fn list_inbounds(&self, filter: &InboundFilter, page: Page<InboundId>) -> Result<Vec<Inbound>, StoreError> {
        read!(self, |connection| tables::lists::inbounds(connection, filter, &page))
    }

    async fn list_locations(&self, page: Page<LocationId>) -> Result<Vec<Location>, StoreError> {
        read!(self, |connection| tables::lists::locations(connection, &page))
    }

    async fn list_items(&self, page: Page<Sku>) -> Result<Vec<Item>, StoreError> {
        read!(self, |connection| tables::lists::items(connection, &page))
    }

    async fn list_events(
        &self,
        location: &LocationId,
        page: Page<EventSequence>,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        read!(self, |connection| tables::lists::events(connection, location, &page))
    }

    async fn last_event(&self, location: &LocationId) -> Result<Option<EventSequence>, StoreError> {
        let found = read!(self, |connection| tables::lists::last_event(connection, location));
        found.map(|found| found.map(|(_, last)| last))
    }

    async fn logs(&self) -> Result<Vec<LogEnds>, StoreError> {
        read!(self, |connection| tables::logs::ends(connection))
    }

    async fn prune(&self, before: Instant, heard_since: Instant) -> Result<u64, StoreError> {
        apart::prune(&self.options, before, heard_since).await
    }

    async fn acknowledge_events(
        &self,
        consumer: &ConsumerId,
        places: &[(LocationId, EventSequence)],
        now: Instant,
    ) -> Result<(), StoreError> {
        self.acknowledging.say(&self.options, (consumer, places), now).await
    }

    async fn list_consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        read!(self, |connection| tables::consumers::list(connection))
    }

    async fn list_released(&self, location: &LocationId, page: Page<Sequence>) -> Result<Option<Released>, StoreError> {
        read!(self, |connection| tables::logs::released(
            connection,
            &self.configs,
            location,
            &page
        ))
    }

    async fn due(&self, now: Instant) -> Result<DueWork, StoreError> {
        read!(self, |connection| tables::lists::due(connection, now))
    }

    async fn renew_epoch(&self) -> Result<(), StoreError> {
        open::renew_epoch(&self.options).await
    }

    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError> {
        read!(self, |connection| tables::lists::pending_refills(connection))
    }

    fn invariants(&self) -> Vec<&'static str> {
        invariants::ALL.iter().map(|invariant| invariant.name).collect()
    }

    async fn check_invariant(&self, name: &str, location: Option<&LocationId>) -> Result<InvariantReport, StoreError> {
        read!(self, begin_audit, |connection| check::check(connection, name, location))
    }

    fn lanes(&self) -> usize {
        self.writers.len()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn nudges(&self) -> Option<watch::Receiver<u64>> {
        self.nudges.nudges()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.prober.ready(&self.options, self.epoch).await
    }

    async fn close(&self) {
        self.nudges.stop();
        self.readers.close().await;
        self.prober.close().await;
        self.acknowledging.close().await;
        for writer in &self.writers {
            if let Some(connection) = writer.lock().await.connection.take() {
                connection.close().await;
            }
        }
    }
}
