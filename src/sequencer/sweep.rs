//! The sweeper: what lapses at a location where nothing runs is cancelled within seconds, and what waits to be estimated
//! anew is found, whoever left it.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use tokio::task::JoinHandle;

use super::round::{Decided, Outcome};
use crate::allocator::command::{Command, Reestimate};
use crate::allocator::decision::Decision;
use crate::clock::monotonic;
use crate::domain::Instant;
use crate::store::{DueWork, Store, StoreError};

/// How often quiet locations are looked at. Nothing that anybody sees waits for it.
const INTERVAL: Duration = Duration::from_secs(1);

type Found = Result<DueWork, StoreError>;

/// Commands to cancel what has lapsed, and what is to be estimated anew.
type Due = (Vec<Command>, Vec<Reestimate>);

/// When quiet locations are looked at next, and what was found.
///
/// Looking is a task of its own: a round never waits for a connection that only reads.
#[derive(Debug)]
pub(super) struct Sweep {
    due: Moment,
    asked: Option<JoinHandle<Found>>,
    found: Option<Found>,
}

impl Default for Sweep {
    /// At once: orders may have lapsed while no server ran.
    fn default() -> Self {
        Self {
            due: monotonic(),
            asked: None,
            found: None,
        }
    }
}

impl Sweep {
    /// Waits until it is time to look, or until what was found can be taken.
    pub(super) async fn wait(&mut self) {
        if self.found.is_some() {
            return;
        }
        match &mut self.asked {
            None => tokio::time::sleep_until(self.due.into()).await,
            Some(asked) => {
                let found = asked.await;
                self.asked = None;
                self.found = Some(found.unwrap_or_else(|panic| Err(StoreError::Unavailable(panic.to_string()))));
            }
        }
    }

    /// A command for each location where orders had lapsed when they were looked at last, and what was to be estimated anew;
    /// looks anew if it is time.
    ///
    /// # Errors
    /// When storage failed for good. A store that is away is asked again later.
    pub(super) async fn find(&mut self, store: &Arc<dyn Store>, now: Instant) -> Result<Due, StoreError> {
        if self.asked.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait().await;
        }
        if self.asked.is_none() && self.found.is_none() && monotonic() >= self.due {
            self.due = monotonic() + INTERVAL;
            let store = Arc::clone(store);
            self.asked = Some(tokio::spawn(async move { store.due(now).await }));
        }
        match self.found.take() {
            None => Ok(Due::default()),
            Some(Ok(found)) => Ok((found.lapsed.into_iter().map(Command::Lapse).collect(), found.estimates)),
            Some(Err(error)) if error.is_fatal() => Err(error),
            Some(Err(error)) => {
                tracing::warn!(%error, "what is due cannot be read yet: {error}");
                Ok(Due::default())
            }
        }
    }

    /// Waits for a look that is under way: what reads from the store is never dropped midway.
    pub(super) async fn end(mut self) {
        if self.asked.is_some() {
            self.wait().await;
        }
    }

    /// Looks again at once where more has lapsed than a round takes.
    pub(super) fn note(&mut self, commands: &[Command], decided: &[Decided]) {
        let deferred = |decided: &Decided| matches!(decided.outcome, Outcome::Decided(Decision::Deferred));
        let mut swept = commands.iter().zip(decided);
        if swept.any(|(command, decided)| matches!(command, Command::Lapse(_)) && deferred(decided)) {
            self.due = monotonic();
        }
    }
}
