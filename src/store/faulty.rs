//! A store that fails where it is told to, before or after the commit. For tests; it wraps any store.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    Consumer, DueWork, InboundFilter, InvariantReport, LogEnds, OrderAt, OrderFilter, Page, QueuedLine, Released,
    Round, Store, StoreError,
};
use crate::allocator::command::ContinueRefill;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{ConsumerId, EventSequence, InboundId, LineNumber, LocationId, Sequence, Sku};
use crate::domain::inbound::Inbound;

/// Where a round fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before anything is loaded: nothing is written.
    BeforeRound,
    /// Before anything is loaded, with a statement that the database refuses: nothing is written.
    Refused,
    /// Before anything is loaded, with storage that failed: the process has to stop.
    Storage,
    /// After the commit: everything is written, the answer is lost.
    AfterCommit,
    /// Not at all, but it takes this long to begin.
    Slow(Duration),
}

impl Fault {
    /// What happens before anything is loaded.
    async fn before(fault: Option<Self>) -> Result<(), StoreError> {
        let said = "injected before the round".to_owned();
        match fault {
            Some(Self::BeforeRound) => Err(StoreError::Unavailable(said)),
            Some(Self::Storage) => Err(StoreError::Storage(said)),
            Some(Self::Refused) => Err(StoreError::Refused {
                statement: "injected",
                detail: said,
            }),
            Some(Self::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Self::AfterCommit) | None => Ok(()),
        }
    }

    /// What happens when all is done.
    fn after(fault: Option<Self>) -> Result<(), StoreError> {
        if fault == Some(Self::AfterCommit) {
            return Err(StoreError::CommitUnknown("injected after the commit".to_owned()));
        }
        Ok(())
    }
}

/// Decides, by the number of the round from 1, whether it fails.
pub type Faults = Box<dyn FnMut(u64) -> Option<Fault> + Send>;

/// Faults of rounds of one kind, which are counted.
struct Counted(Mutex<(u64, Faults)>);

impl Counted {
    fn new(faults: Faults) -> Self {
        Self(Mutex::new((0, faults)))
    }

    fn next(&self) -> Option<Fault> {
        let mut counted = self.0.lock().expect("no fault panics");
        let (count, faults) = &mut *counted;
        *count = count.saturating_add(1);
        faults(*count)
    }
}

/// A store that fails where it is told to.
pub struct FaultyStore<S> {
    inner: S,
    rounds: Counted,
    reads: Counted,
}

impl<S: std::fmt::Debug> std::fmt::Debug for FaultyStore<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S> FaultyStore<S> {
    /// Wraps a store whose rounds fail.
    pub fn new(inner: S, faults: Faults) -> Self {
        Self {
            inner,
            rounds: Counted::new(faults),
            reads: Counted::new(Box::new(|_| None)),
        }
    }

    /// Makes readers fail too: rounds that are observed, counted by themselves.
    #[must_use]
    pub fn with_read_faults(self, faults: Faults) -> Self {
        Self {
            reads: Counted::new(faults),
            ..self
        }
    }
}

#[async_trait]
impl<S: Store> Store for FaultyStore<S> {
    async fn round(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let fault = self.rounds.next();
        Fault::before(fault).await?;
        self.inner.round(round).await?;
        Fault::after(fault)
    }

    async fn observe(&self, round: &mut dyn Round) -> Result<(), StoreError> {
        let fault = self.reads.next();
        Fault::before(fault).await?;
        self.inner.observe(round).await?;
        Fault::after(fault)
    }

    async fn list_orders(&self, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError> {
        self.inner.list_orders(filter, page).await
    }

    async fn list_backlog(
        &self,
        location: &LocationId,
        sku: &Sku,
        page: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError> {
        self.inner.list_backlog(location, sku, page).await
    }

    async fn list_stock(
        &self,
        location: &LocationId,
        only_backlogged: bool,
        page: Page<Sku>,
    ) -> Result<Vec<Sku>, StoreError> {
        self.inner.list_stock(location, only_backlogged, page).await
    }

    async fn list_inbounds(&self, filter: &InboundFilter, page: Page<InboundId>) -> Result<Vec<Inbound>, StoreError> {
        self.inner.list_inbounds(filter, page).await
    }

    async fn list_locations(&self, page: Page<LocationId>) -> Result<Vec<Location>, StoreError> {
        self.inner.list_locations(page).await
    }

    async fn list_items(&self, page: Page<Sku>) -> Result<Vec<Item>, StoreError> {
        self.inner.list_items(page).await
    }

    async fn list_events(
        &self,
        location: &LocationId,
        page: Page<EventSequence>,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        self.inner.list_events(location, page).await
    }

    async fn last_event(&self, location: &LocationId) -> Result<Option<EventSequence>, StoreError> {
        self.inner.last_event(location).await
    }

    async fn logs(&self) -> Result<Vec<LogEnds>, StoreError> {
        self.inner.logs().await
    }

    async fn prune(&self, before: Instant, heard_since: Instant) -> Result<u64, StoreError> {
        self.inner.prune(before, heard_since).await
    }

    async fn acknowledge_events(
        &self,
        consumer: &ConsumerId,
        places: &[(LocationId, EventSequence)],
        now: Instant,
    ) -> Result<(), StoreError> {
        self.inner.acknowledge_events(consumer, places, now).await
    }

    async fn list_consumers(&self) -> Result<Vec<Consumer>, StoreError> {
        self.inner.list_consumers().await
    }

    async fn list_released(&self, location: &LocationId, page: Page<Sequence>) -> Result<Option<Released>, StoreError> {
        self.inner.list_released(location, page).await
    }

    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError> {
        self.inner.pending_refills().await
    }

    async fn due(&self, now: Instant) -> Result<DueWork, StoreError> {
        self.inner.due(now).await
    }

    fn invariants(&self) -> Vec<&'static str> {
        self.inner.invariants()
    }

    async fn check_invariant(&self, name: &str, location: Option<&LocationId>) -> Result<InvariantReport, StoreError> {
        self.inner.check_invariant(name, location).await
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    async fn renew_epoch(&self) -> Result<(), StoreError> {
        self.inner.renew_epoch().await
    }

    fn nudges(&self) -> Option<watch::Receiver<u64>> {
        self.inner.nudges()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
