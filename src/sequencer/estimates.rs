//! Estimates in the background: rounds of their own between those of callers, each of bounded size; small ones, for half of
//! the time at most, while callers come.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::{Duration, Instant as Moment};

use super::round::{Decided, Outcome};
use super::runner::{Halted, Runner};
use crate::allocator::command::{Command, Reestimate};
use crate::allocator::estimate::Share;
use crate::clock::monotonic;

/// The most queues that one round takes a step along.
const STEPS_MAX: usize = 64;
/// What a round takes while callers come: a millisecond or so, which is what each of them may have to wait.
const BUSY_SHARE: Share = Share {
    lines: 600,
    changes: 150,
};
/// What a round takes while nobody comes: some ten times as much, so that a commit costs little beside it.
const IDLE_SHARE: Share = Share {
    lines: 5_000,
    changes: 2_500,
};
/// For how long after the last of them callers count as coming.
const BUSY: Duration = Duration::from_millis(50);
/// How long the next round waits when the store was away.
const AWAY_REST: Duration = Duration::from_secs(1);

/// What waits to be estimated anew, and when its turn is.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    /// What is known to wait; the store knows all of it.
    waiting: BTreeSet<Reestimate>,
    /// The first of the round before: the others come before it.
    last: Option<Reestimate>,
    /// When the next round may run.
    rested_at: Option<Moment>,
    /// Rounds of a single step that are to come, after one of several failed.
    singly: usize,
    /// When callers were last answered.
    called_at: Option<Moment>,
}

impl Estimates {
    /// Whether callers come.
    fn is_busy(&self, now: Moment) -> bool {
        self.called_at.is_some_and(|at| now < at + BUSY)
    }

    /// What a round may take.
    fn share(&self, now: Moment) -> Share {
        if self.is_busy(now) { BUSY_SHARE } else { IDLE_SHARE }
    }

    /// Adds what waits.
    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Reestimate>) {
        self.waiting.extend(more);
    }

    /// Keeps account of a round of callers.
    pub(super) fn note_callers<C>(&mut self, callers: &[Option<C>], decided: &[Decided]) {
        if callers.iter().any(Option::is_some) {
            self.called_at = Some(monotonic());
        }
        self.extend(decided.iter().flat_map(|decided| decided.to_estimate.iter().cloned()));
    }

    /// Waits until the next round may run; for ever while nothing is known to wait.
    pub(super) async fn wait(&self) {
        match (self.waiting.is_empty(), self.rested_at) {
            (true, _) => std::future::pending().await,
            (false, None) => {}
            (false, Some(rested_at)) => tokio::time::sleep_until(rested_at.into()).await,
        }
    }

    /// The steps of the next round, in turns; none before it may run.
    fn next(&mut self) -> Vec<Command> {
        if self.rested_at.is_some_and(|rested_at| monotonic() < rested_at) {
            return Vec::new();
        }
        let from = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let until = match &from {
            Bound::Excluded(last) => Bound::Included(last.clone()),
            Bound::Included(_) | Bound::Unbounded => Bound::Unbounded,
        };
        let wrapped = matches!(until, Bound::Included(_));
        let behind = self.waiting.range((from, Bound::Unbounded));
        let before = self
            .waiting
            .range((Bound::Unbounded, until))
            .take(if wrapped { STEPS_MAX } else { 0 });
        let steps_max = if self.singly > 0 { 1 } else { STEPS_MAX };
        self.singly = self.singly.saturating_sub(1);
        let steps: Vec<_> = behind.chain(before).take(steps_max).cloned().collect();
        self.last = steps.first().cloned();
        steps.into_iter().map(Command::Reestimate).collect()
    }

    /// Keeps account of a round of estimates.
    fn note(&mut self, steps: &[Command], decided: &[Decided], began: Moment) {
        for (step, decided) in steps.iter().zip(decided) {
            if let Command::Reestimate(step) = step {
                self.waiting.remove(step);
            }
            if let Outcome::Panicked(message) = &decided.outcome {
                tracing::error!(message, "a step of estimates panicked and was left out: {message}");
            }
        }
        self.extend(decided.iter().flat_map(|decided| decided.to_estimate.iter().cloned()));
        let now = monotonic();
        let (took, is_busy) = (now.saturating_duration_since(began), self.is_busy(began));
        self.rested_at = is_busy.then(|| now + took);
    }
}

impl Estimates {
    /// Keeps account of a round that failed. One step may be why: then each is tried alone, and one that fails alone is left
    /// to whoever next finds that it waits.
    fn note_failed(&mut self, steps: &[Command], began: Moment) {
        match steps {
            [Command::Reestimate(step)] => drop(self.waiting.remove(step)),
            several => self.singly = several.len(),
        }
        self.rested_at = Some(began + AWAY_REST);
    }
}

impl Runner {
    /// Takes the next steps of what waits to be estimated anew, if it is their turn.
    pub(super) async fn estimate(&mut self) -> Result<(), Halted> {
        // What is left at the end is gone on with by the next start, or by another instance.
        if self.stop.is_cancelled() {
            return Ok(());
        }
        let steps = self.estimates.next();
        if steps.is_empty() {
            return Ok(());
        }
        let began = monotonic();
        let share = self.estimates.share(began);
        match self.decide_within(self.clock.now(), &steps, share).await {
            Ok(decided) => {
                // What holds a walk up is gone on with from here too, should whoever began it be gone.
                self.refills
                    .extend(decided.iter().flat_map(|decided| decided.cut.iter().cloned()));
                self.estimates.note(&steps, &decided, began);
                self.committed.send_modify(|commits| *commits = commits.wrapping_add(1));
                Ok(())
            }
            Err(Halted::Store(error)) if !error.is_fatal() => {
                tracing::warn!(%error, "estimates rest, a round of them failed: {error}");
                self.estimates.note_failed(&steps, began);
                Ok(())
            }
            Err(halted) => Err(halted),
        }
    }
}
