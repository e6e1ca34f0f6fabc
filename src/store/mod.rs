//! The store: the only layer that speaks SQL. It loads a working set, applies what a round changed, in one
//! transaction, and decides nothing.
//!
//! # Shape
//! A [`Round`] says what it may touch, decides on what was loaded, and is committed or run again; a reader is
//! the same [`Round`] observed on a snapshot and never written. Lists and the log are read by pages.
//!
//! # Ordering
//! A round holds the locks of its locations, taken in the order of their ids, from before it loads until it is
//! committed. The event log of a location is gap-free in commit order.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::allocator::command::{ContinueRefill, Reestimate};
use crate::allocator::footprint::{Footprint, Wants};
use crate::allocator::working_set::WorkingSet;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{ConsumerId, EventSequence, InboundId, LineNumber, LocationId, OrderId, Sequence, Sku};
use crate::domain::inbound::{Inbound, InboundState};
use crate::domain::order::{Order, OrderState};
use crate::domain::quantity::Units;

mod codec;
pub mod copy;
mod error;
pub mod faulty;
pub mod postgres;
pub mod sqlite;
mod tables;

pub use error::StoreError;

/// How often a round may be loaded again because rows were missing, before that counts as a bug.
pub const LOADS_MAX: u32 = 32;

/// A pure function of a working set, run under the locks of its footprint.
///
/// The store calls `footprint`, `plan` and `decide` in this order, and all three again when `decide` asks for more
/// rows or the database asks for a repeat; each call stands for itself, nothing of an earlier attempt may remain. Where locks
/// are waited for, `join` comes between the first two.
pub trait Round: Send {
    /// The instant of its decisions.
    fn now(&self) -> Instant;

    /// What it may touch, as far as can be said before anything is loaded.
    fn footprint(&self) -> Footprint;

    /// Takes in what came while its locks were waited for and touches nothing but the locations that are locked now. Answers
    /// whether there was some: then its footprint and its instant are others.
    fn join(&mut self, _locked: &BTreeSet<&LocationId>) -> bool {
        false
    }

    /// What it wants beside its footprint, now that that is loaded.
    fn plan(&mut self, ws: &WorkingSet) -> Wants;

    /// Decides, changing the working set.
    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict;
}

/// What becomes of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Write what changed and commit.
    Commit,
    /// Load again: the round's footprint or plan has grown, or a command was left out.
    Again,
    /// Write nothing.
    Abandon,
}

/// One page of a list: what comes after a key, at most so many.
#[derive(Debug, Clone)]
pub struct Page<K> {
    /// The last key of the page before; `None` for the first page.
    pub after: Option<K>,
    /// The most rows.
    pub limit: u32,
}

/// Which orders to list.
#[derive(Debug, Clone)]
pub struct OrderFilter {
    /// At which location.
    pub location_id: LocationId,
    /// In which states; empty for all.
    pub states: Vec<OrderState>,
    /// With a line of which SKU.
    pub sku: Option<Sku>,
    /// Whether they are stored as being at risk; `None` for both.
    pub at_risk: Option<bool>,
}

/// What is to be done although nobody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueWork {
    /// Locations where a tentative order has lapsed and is not cancelled yet, by id.
    pub lapsed: Vec<LocationId>,
    /// What waits to be estimated anew: at most some hundreds, the others come later.
    pub estimates: Vec<Reestimate>,
}

/// An order's place and id.
pub type OrderAt = (Sequence, OrderId);

/// Which inbounds to list.
#[derive(Debug, Clone)]
pub struct InboundFilter {
    /// At which location.
    pub location_id: LocationId,
    /// With a line of which SKU.
    pub sku: Option<Sku>,
    /// In which state.
    pub state: Option<InboundState>,
}

/// A line that waits in the queue of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedLine {
    /// Its order's place.
    pub sequence: Sequence,
    /// Its number.
    pub line_number: LineNumber,
    /// Its order.
    pub order_id: OrderId,
    /// Units that older lines lack.
    pub units_ahead: Units,
}

/// What is kept of a location's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnds {
    /// Whose log.
    pub location_id: LocationId,
    /// The number of the oldest event that is kept; of an empty log, that of the next one.
    pub oldest: EventSequence,
    /// The number of the last event, zero for an empty log.
    pub last: EventSequence,
}

/// How far somebody who follows a log under a name has dealt with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub consumer_id: ConsumerId,
    /// Whose log.
    pub location_id: LocationId,
    /// The last event that it has dealt with.
    pub acknowledged: EventSequence,
    /// When it last said so.
    pub acknowledged_at: Instant,
    /// The last event of the log.
    pub last: EventSequence,
    /// When the first event happened that it has not dealt with; `None` when there is none.
    pub waiting_since: Option<Instant>,
}

/// Released orders of a location, as they stood after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The last event of the location's log by then.
    pub as_of: EventSequence,
    /// The orders, whole, by place.
    pub orders: Vec<Order>,
}

/// One invariant, checked over stored rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvariantReport {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
    /// How many rows break it.
    pub violations: u64,
    /// Some of those rows, in words.
    pub examples: Vec<String>,
    /// How many rows were looked at.
    pub checked_rows: u64,
}

/// A database of locations, orders and events.
///
/// Futures of these methods hold transactions: but for [`ready`](Self::ready), they are driven to their end, never dropped
/// midway.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Runs a round: locks, loads, decides, writes, commits.
    ///
    /// # Errors
    /// Nothing was written, with two exceptions. After [`StoreError::CommitUnknown`] the round is looked up by running its
    /// commands again. After one that [is fatal](StoreError::is_fatal) it is not known whether it was written, and the
    /// process stops: what a restart finds stands, and callers that repeat their commands learn it.
    async fn round(&self, round: &mut dyn Round) -> Result<(), StoreError>;

    /// Runs a round on a snapshot, with no locks, and writes nothing.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn observe(&self, round: &mut dyn Round) -> Result<(), StoreError>;

    /// Orders by place.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_orders(&self, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError>;

    /// The queue of a SKU, oldest line first, with units ahead of each line.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_backlog(
        &self,
        location: &LocationId,
        sku: &Sku,
        page: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError>;

    /// SKUs that a location has counters of, by SKU; only those with a backlog when asked.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_stock(
        &self,
        location: &LocationId,
        only_backlogged: bool,
        page: Page<Sku>,
    ) -> Result<Vec<Sku>, StoreError>;

    /// Inbounds by id.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_inbounds(&self, filter: &InboundFilter, page: Page<InboundId>) -> Result<Vec<Inbound>, StoreError>;

    /// Locations by id.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_locations(&self, page: Page<LocationId>) -> Result<Vec<Location>, StoreError>;

    /// Items by SKU.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_items(&self, page: Page<Sku>) -> Result<Vec<Item>, StoreError>;

    /// A location's log after a number; `None` when there is no such location.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_events(
        &self,
        location: &LocationId,
        page: Page<EventSequence>,
    ) -> Result<Option<Vec<Event>>, StoreError>;

    /// The number of the last event of a location's log, zero for an empty one; `None` when there is no such location.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn last_event(&self, location: &LocationId) -> Result<Option<EventSequence>, StoreError>;

    /// What is kept of every location's log, in the order in which the locations were created.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn logs(&self) -> Result<Vec<LogEnds>, StoreError>;

    /// Removes some of the oldest events of each log that are older than an instant, never its last one, and answers how many.
    /// It is to be called again until it answers zero, so that rounds run between. What a consumer has not dealt with stays
    /// if it acknowledged anything since another instant.
    ///
    /// # Errors
    /// As for [`round`](Self::round): whatever a call removed stays removed.
    async fn prune(&self, before: Instant, heard_since: Instant) -> Result<u64, StoreError>;

    /// Says how far a consumer has dealt with logs: up to and with an event of each. It never goes back; a location that
    /// there is not is passed over.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn acknowledge_events(
        &self,
        consumer: &ConsumerId,
        places: &[(LocationId, EventSequence)],
        now: Instant,
    ) -> Result<(), StoreError>;

    /// Every consumer at every location that it follows, in the order in which the locations were created, then by name.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_consumers(&self) -> Result<Vec<Consumer>, StoreError>;

    /// Released orders by place, with the number of the event as of which they are, from one snapshot; `None` when there is
    /// no such location.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn list_released(&self, location: &LocationId, page: Page<Sequence>) -> Result<Option<Released>, StoreError>;

    /// Refills that were cut and go on, after a restart too.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError>;

    /// What is to be done by an instant although nobody asks for it.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn due(&self, now: Instant) -> Result<DueWork, StoreError>;

    /// The names of the invariants that [`check_invariant`](Self::check_invariant) knows, in the order to check them.
    fn invariants(&self) -> Vec<&'static str>;

    /// Checks one invariant at one location, or at all, on a snapshot.
    ///
    /// # Errors
    /// When rows cannot be read.
    async fn check_invariant(&self, name: &str, location: Option<&LocationId>) -> Result<InvariantReport, StoreError>;

    /// How many rounds of different locations it runs side by side.
    fn lanes(&self) -> usize {
        1
    }

    /// A number drawn when the database was made, which tells its resume tokens from those of any other.
    fn epoch(&self) -> u64;

    /// Draws a new epoch: resume tokens given out before are refused from the next start on. For a database that was restored
    /// from a copy, whose numbers will be given out anew for other events.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn renew_epoch(&self) -> Result<(), StoreError>;

    /// A number that changes when another instance committed to the same database: a hint, as the sequencer's own commits
    /// are. `None` where there is no other instance, or nobody tells of it; whoever follows a log polls in any case.
    fn nudges(&self) -> Option<watch::Receiver<u64>> {
        None
    }

    /// Answers when rounds can be run, as far as can be told without running one. It may be given up at any moment.
    ///
    /// # Errors
    /// The database cannot be reached, only reads, or has become another one than this version knows.
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Ends all connections, after the round that is running, and after reads that end within seconds.
    async fn close(&self);
}

/// The lane of what has an id, among so many: the same one on every call, so that the commands of a location stay in their
/// order.
#[must_use]
pub fn lane_of(id: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    let lanes = u64::try_from(lanes.max(1)).unwrap_or(1);
    usize::try_from(hasher.finish() % lanes).unwrap_or(0)
}
