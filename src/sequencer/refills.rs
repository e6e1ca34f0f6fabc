//! Refills that were cut: which of them go on, in turns, who waits for them, and which commands are put back meanwhile.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::queue::{Failure, Reply, Submission};
use super::reply::ReplySender;
use super::round::{Decided, Outcome};
use super::runner::{Halted, REST, Runner};
use crate::allocator::command::{Command, ContinueRefill};
use crate::allocator::decision::Answer;

/// A caller whose command is committed but for refills that go on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) refills: BTreeSet<ContinueRefill>,
    pub(super) reply: ReplySender,
    pub(super) answer: Answer,
}

/// How long it rests when all that it has was put off.
const PUT_OFF_REST: Duration = Duration::from_millis(1);

impl Runner {
    /// Learns from the store which refills go on.
    pub(super) async fn find_refills(&mut self) -> Result<(), Halted> {
        loop {
            match self.store.pending_refills().await {
                Ok(refills) => {
                    // Those of other lanes too: a refill that two go on with ends sooner, one that none goes on with never.
                    self.refills.extend(refills);
                    return Ok(());
                }
                Err(error) if error.is_fatal() || self.stop.is_cancelled() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "refills that go on cannot be read yet: {error}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// The refill whose turn it is: the next one after the last.
    pub(super) fn next_refill(&mut self) -> Option<ContinueRefill> {
        let after = self.last_refill.take();
        let next = after.and_then(|last| {
            self.refills
                .range((Bound::Excluded(last), Bound::Unbounded))
                .next()
                .cloned()
        });
        self.last_refill = next.or_else(|| self.refills.first().cloned());
        self.last_refill.clone()
    }

    /// Keeps account of refills that were cut, and of those that are done.
    pub(super) async fn note_refills(&mut self, commands: &[Command], decided: &[Decided]) -> Result<(), Halted> {
        for (command, decided) in commands.iter().zip(decided) {
            let Command::ContinueRefill(refill) = command else {
                continue;
            };
            match &decided.outcome {
                Outcome::Decided(_) => drop(self.refills.remove(refill)),
                // The store is away: rest, so that trying again does not spin.
                Outcome::Failed(Failure::Store(_)) => tokio::time::sleep(REST).await,
                Outcome::Panicked(detail) => return Err(Halted::Refill(detail.clone())),
                Outcome::Failed(failure) => return Err(Halted::Refill(format!("{failure:?}"))),
            }
        }
        self.refills
            .extend(decided.iter().flat_map(|decided| decided.cut.iter().cloned()));
        Ok(())
    }

    /// Answers those whose refills are done.
    pub(super) fn answer_held(&mut self) {
        for mut held in std::mem::take(&mut self.held) {
            held.refills.retain(|refill| self.refills.contains(refill));
            if held.refills.is_empty() {
                self.answers.add(held.reply, Ok(Reply::Accepted(held.answer)));
            } else {
                self.held.push(held);
            }
        }
    }

    /// Commands that were put back. While refills go on they get half a round, so that commands on other SKUs are not held
    /// up by those that have to wait.
    /// At the end they get none: they are answered instead of waiting for a refill that goes on with the next start.
    pub(super) fn take_deferred(&mut self) -> Vec<Submission> {
        let limit = self.limits.round_commands_max;
        let share = match (self.refills.is_empty(), self.stop.is_cancelled()) {
            (_, true) => 0,
            (true, false) => limit,
            (false, false) => limit >> 1,
        };
        let count = share.min(self.deferred.len());
        self.deferred.drain(..count).collect()
    }

    /// Another lane or instance began a refill: it is gone on with from here too, should that one stand still.
    pub(super) async fn wait_for_others(&mut self) -> Result<(), Halted> {
        self.find_refills().await?;
        tokio::time::sleep(PUT_OFF_REST).await;
        Ok(())
    }

    /// Puts commands in front of those that came after them.
    pub(super) fn put_back(&mut self, mut commands: VecDeque<Submission>) {
        commands.append(&mut self.deferred);
        self.deferred = commands;
        let limit = self.limits.queue_commands_max;
        while self.deferred.len() > limit {
            if let Some(submission) = self.deferred.pop_back() {
                self.answers.add(submission.reply, Err(Failure::overloaded(limit)));
            }
        }
    }
}
