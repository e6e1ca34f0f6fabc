//! The queue in front of the rounds: bounded, refusing at once what does not fit.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::news::News;
use super::patience::Patience;
use crate::allocator::command::Command;
use crate::allocator::decision::Answer;
use crate::domain::rejection::Rejection;
use crate::store::lane_of;

/// How long an overloaded caller is asked to stay away: several full rounds.
const RETRY_AFTER_MS: u64 = 100;

/// What bounds the sequencer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most commands that wait for a round. Beyond it memory and waiting times would grow without bound.
    pub queue_commands_max: usize,
    /// The most commands of one round. Beyond a thousand a round only gets slower.
    pub round_commands_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_commands_max: 8_192,
            round_commands_max: 1_024,
        }
    }
}

/// What a command got.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It is done, and durable.
    Accepted(Answer),
    /// It is refused, and nothing changed.
    Rejected(Rejection),
}

/// Why a command got no decision. None of these had an effect, but for [`Failure::Store`], which may have had one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The queue is full.
    #[error("{queued} commands wait already, at most {limit} may: try again in {retry_after_ms} ms")]
    Overloaded {
        /// Commands that wait.
        queued: usize,
        /// The most that may.
        limit: usize,
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// The service is going down.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// The caller's deadline passed before its round began.
    #[error("the deadline passed while the command waited for its round")]
    DeadlinePassed,
    /// The store could not answer: repeat the command with the same id.
    #[error("the store is unavailable")]
    Store(String),
    /// A bug: the detail is for the log, never for the caller.
    #[error("an internal error")]
    Internal(String),
}

impl Failure {
    /// The refusal of what does not fit any more.
    pub(super) fn overloaded(limit: usize) -> Self {
        Self::Overloaded {
            queued: limit,
            limit,
            retry_after_ms: RETRY_AFTER_MS,
        }
    }
}

/// A command on its way to a round.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) command: Command,
    /// How long its caller waits; `None` for as long as it takes.
    pub(super) patience: Option<Patience>,
    pub(super) reply: oneshot::Sender<Result<Reply, Failure>>,
}

impl Submission {
    /// Takes it into a round, unless nobody waits for it any more.
    pub(super) fn begin(&self, now: Instant) -> bool {
        self.patience.as_ref().is_none_or(|patience| patience.begin(now))
    }

    /// It goes on waiting for a round.
    pub(super) fn put_back(&self) {
        if let Some(patience) = &self.patience {
            patience.put_back();
        }
    }
}

/// A command that is queued. Dropping it leaves the command to its round.
#[derive(Debug)]
pub struct Pending {
    replied: oneshot::Receiver<Result<Reply, Failure>>,
    patience: Option<Patience>,
}

impl Pending {
    fn of(command: Command, deadline: Option<Instant>) -> (Submission, Self) {
        let (reply, replied) = oneshot::channel();
        let patience = deadline.map(Patience::until);
        let submission = Submission {
            command,
            patience: patience.clone(),
            reply,
        };
        (submission, Self { replied, patience })
    }

    /// Waits for the reply.
    ///
    /// # Errors
    /// When the service goes down, the deadline passes before the round, or the round fails.
    pub async fn reply(mut self) -> Result<Reply, Failure> {
        if let Some(patience) = &self.patience {
            let replied = tokio::time::timeout_at(patience.ends().into(), &mut self.replied).await;
            match replied {
                Ok(replied) => return told(replied),
                Err(_) if patience.withdraw() => return Err(Failure::DeadlinePassed),
                Err(_) => {}
            }
        }
        told(self.replied.await)
    }
}

fn told(replied: Result<Result<Reply, Failure>, oneshot::error::RecvError>) -> Result<Reply, Failure> {
    replied.unwrap_or_else(|_| Err(Failure::Store("the round's task ended before it answered".to_owned())))
}

/// The way into the rounds; clones share one queue.
#[derive(Debug, Clone)]
pub struct Sequencer {
    /// One queue for each lane.
    submissions: Vec<mpsc::Sender<Submission>>,
    committed: watch::Receiver<u64>,
    news: News,
    limits: Limits,
    stop: CancellationToken,
}

impl Sequencer {
    pub(super) fn new(
        submissions: Vec<mpsc::Sender<Submission>>,
        (committed, news): (watch::Receiver<u64>, News),
        limits: Limits,
        stop: CancellationToken,
    ) -> Self {
        Self {
            submissions,
            committed,
            news,
            limits,
            stop,
        }
    }

    /// Queues a command and waits for its reply. Dropping the future leaves the command to its round.
    ///
    /// # Errors
    /// When the queue is full, the service goes down, the deadline passes before the round, or the round fails.
    pub async fn submit(&self, command: Command, deadline: Option<Instant>) -> Result<Reply, Failure> {
        let (submission, pending) = Pending::of(command, deadline);
        let queue = self.queue_of(&submission)?;
        queue.try_send(submission).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Failure::overloaded(self.limits.queue_commands_max),
            mpsc::error::TrySendError::Closed(_) => self.closed(),
        })?;
        pending.reply().await
    }

    /// Queues a command once there is room for it. Commands of one caller are decided in the order in which it queues them.
    ///
    /// # Errors
    /// When the service goes down.
    pub async fn enqueue(&self, command: Command) -> Result<Pending, Failure> {
        let (submission, pending) = Pending::of(command, None);
        let queued = self.queue_of(&submission)?.send(submission).await;
        queued.map(|()| pending).map_err(|_| self.closed())
    }

    /// The queue of a command's lane.
    fn queue_of(&self, submission: &Submission) -> Result<&mpsc::Sender<Submission>, Failure> {
        let lane = lane_of(submission.command.lane_key(), self.submissions.len());
        self.submissions.get(lane).ok_or_else(|| self.closed())
    }

    fn closed(&self) -> Failure {
        if self.stop.is_cancelled() {
            Failure::ShuttingDown
        } else {
            Failure::Store("no more rounds are run".to_owned())
        }
    }

    /// What this process commits, for those who follow logs.
    #[must_use]
    pub fn news(&self) -> &News {
        &self.news
    }

    /// A number that changes after each commit: a hint that there may be new events.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }
}
