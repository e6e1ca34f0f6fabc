//! Refills that were cut: which of them go on, in turns, and who waits for them.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::queue::{Failure, Reply};
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
}
