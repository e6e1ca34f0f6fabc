//! Answers to callers.
//!
//! A round's answers are given together, by a task of the callers' runtime. Given one by one from the rounds' thread, each
//! would wake that runtime with a call to the system, and would be written to its connection before the next one is there.
//! Between some dozens of them the runtime gets its turn, so that the first are on their way while the last are given.

use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use super::patience::Patience;
use super::queue::{Failure, Reply};
use crate::store::StoreError;

/// Where an answer goes.
pub(super) type ReplySender = oneshot::Sender<Result<Reply, Failure>>;

/// Who waits for a command: until when, and where the answer goes.
pub(super) type Caller = (Option<Patience>, ReplySender);

/// What a caller is told of a failure of the store. A command that is looked up may have been written, whatever refuses the look.
pub(super) fn failure(error: &StoreError, is_looked_up: bool) -> Failure {
    match error {
        _ if is_looked_up => Failure::Store(error.to_string()),
        StoreError::Unavailable(_) | StoreError::Exhausted | StoreError::CommitUnknown(_) | StoreError::Storage(_) => {
            Failure::Store(error.to_string())
        }
        StoreError::Refused { .. }
        | StoreError::Corrupt { .. }
        | StoreError::RowCount { .. }
        | StoreError::NeverLoaded(_) => Failure::Internal(error.to_string()),
    }
}

/// How many answers are given before the runtime gets its turn.
const GIVEN_AT_ONCE: usize = 64;

/// A caller's answer.
type Answered = (ReplySender, Result<Reply, Failure>);

async fn give_each(answers: Vec<Answered>) {
    for (given, (reply, answer)) in answers.into_iter().enumerate() {
        if given % GIVEN_AT_ONCE == GIVEN_AT_ONCE - 1 {
            yield_now().await;
        }
        if reply.send(answer).is_err() {
            // That is normal: the command stands, and a repeat of it gets the answer.
            tracing::debug!("a caller left before its answer");
        }
    }
}

/// The answers of a round, until all are given at once.
#[derive(Debug)]
pub(super) struct Answers {
    collected: Vec<Answered>,
    /// Bounded by the callers, who are read by the runtime that gives them their answers.
    given: mpsc::UnboundedSender<Vec<Answered>>,
}

impl Answers {
    /// Answers that are given on the runtime that this is called on, until this is dropped.
    pub(super) fn on_this_runtime() -> Self {
        let (given, mut rounds) = mpsc::unbounded_channel::<Vec<Answered>>();
        tokio::spawn(async move {
            while let Some(answers) = rounds.recv().await {
                give_each(answers).await;
            }
        });
        Self {
            collected: Vec::new(),
            given,
        }
    }

    /// Keeps an answer until the next [`give`](Self::give).
    pub(super) fn add(&mut self, reply: ReplySender, answer: Result<Reply, Failure>) {
        self.collected.push((reply, answer));
    }

    /// Gives what was collected.
    pub(super) fn give(&mut self) {
        let answers = std::mem::take(&mut self.collected);
        if !answers.is_empty() && self.given.send(answers).is_err() {
            tracing::debug!("the callers' runtime ended before their answers");
        }
    }
}
