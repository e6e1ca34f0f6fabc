//! The sweeper: what lapses at a location where nothing runs is cancelled within seconds.

use std::time::{Duration, Instant as Moment};

use super::round::{Decided, Outcome};
use crate::allocator::command::Command;
use crate::allocator::decision::Decision;
use crate::clock::monotonic;
use crate::domain::Instant;
use crate::store::{Store, StoreError};

/// How often quiet locations are looked at. Nothing that anybody sees waits for it.
const INTERVAL: Duration = Duration::from_secs(1);

/// When quiet locations are looked at next.
#[derive(Debug)]
pub(super) struct Sweep {
    due: Moment,
}

impl Default for Sweep {
    /// At once: orders may have lapsed while no server ran.
    fn default() -> Self {
        Self { due: monotonic() }
    }
}

impl Sweep {
    /// Waits until it is time.
    pub(super) async fn wait(&self) {
        tokio::time::sleep_until(self.due.into()).await;
    }

    /// If it is time, a command for each location where orders have lapsed.
    ///
    /// # Errors
    /// When storage failed for good. A store that is away is asked again later.
    pub(super) async fn find(&mut self, store: &dyn Store, now: Instant) -> Result<Vec<Command>, StoreError> {
        if monotonic() < self.due {
            return Ok(Vec::new());
        }
        self.due = monotonic() + INTERVAL;
        match store.lapsed_locations(now).await {
            Ok(locations) => Ok(locations.into_iter().map(Command::Lapse).collect()),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "orders that have lapsed cannot be read yet: {error}");
                Ok(Vec::new())
            }
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
