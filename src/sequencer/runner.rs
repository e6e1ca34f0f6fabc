//! The one task that runs rounds: take what is queued, run it, answer each caller.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::estimates::Estimates;
use super::late::Late;
use super::news::News;
use super::queue::{Failure, Limits, Reply, Sequencer, Submission};
use super::refills::Held;
use super::reply::{Answers, failure};
use super::round::{CommandRound, Decided, Outcome};
use super::sweep::Sweep;
use crate::allocator::command::{Command, ContinueRefill};
use crate::allocator::decision::Decision;
use crate::allocator::estimate::Share;
use crate::clock::{Clock, monotonic};
use crate::domain::Instant;
use crate::store::{Round as _, Store, StoreError, lane_of};

/// Why no more rounds are run.
#[derive(Debug, thiserror::Error)]
pub enum Halted {
    /// Storage failed: nothing more may be acknowledged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A round would have broken the rules: deciding on is not safe.
    #[error("a round was aborted, it would have broken invariants: {0}")]
    Invariants(String),
    /// A refill cannot go on, and nothing else may touch its SKU.
    #[error("a refill cannot go on: {0}")]
    Refill(String),
}

/// How long the runner rests before it tries again what the store could not do just now.
pub(super) const REST: Duration = Duration::from_millis(50);

/// How often a round lets other threads of its core go first.
const GIVES_WAY_MAX: usize = 4;

/// Runs rounds until it is stopped and its queue is empty.
#[derive(Debug)]
pub struct Runner {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    queue: mpsc::Receiver<Submission>,
    /// The first of the next round: it came while one was running that it could not join.
    first_of_next: Option<Submission>,
    pub(super) stop: CancellationToken,
    pub(super) committed: Arc<watch::Sender<u64>>,
    news: News,
    /// Which of how many lanes is its own.
    lane: (usize, usize),
    /// Refills that were cut: they go on in turns, one a round.
    pub(super) refills: BTreeSet<ContinueRefill>,
    /// The refill that went on last.
    pub(super) last_refill: Option<ContinueRefill>,
    /// When locations where nothing runs are next looked at for what has lapsed.
    sweep: Sweep,
    /// What waits to be estimated anew.
    pub(super) estimates: Estimates,
    /// Commands on SKUs that are being refilled, oldest first.
    pub(super) deferred: VecDeque<Submission>,
    pub(super) held: Vec<Held>,
    pub(super) answers: Answers,
}

/// A sequencer and the runners behind it, one for each lane of the store. A runner ends once `stop` is cancelled and
/// everything in its queue is answered.
///
/// Callers are answered on the runtime that this is called on, wherever the runners run.
///
/// # Panics
/// Outside a runtime.
#[must_use]
pub fn sequencer(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    limits: Limits,
    stop: &CancellationToken,
) -> (Sequencer, Vec<Runner>) {
    let (committed, nudges) = watch::channel(0);
    let (committed, news, lanes) = (Arc::new(committed), News::default(), store.lanes().max(1));
    let (mut queues, mut runners) = (Vec::new(), Vec::new());
    for lane in 0..lanes {
        let (submissions, queue) = mpsc::channel(limits.queue_commands_max);
        queues.push(submissions);
        runners.push(Runner {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            limits,
            queue,
            first_of_next: None,
            stop: stop.clone(),
            committed: Arc::clone(&committed),
            news: news.clone(),
            lane: (lane, lanes),
            refills: BTreeSet::new(),
            last_refill: None,
            sweep: Sweep::default(),
            estimates: Estimates::default(),
            deferred: VecDeque::new(),
            held: Vec::new(),
            answers: Answers::on_this_runtime(),
        });
    }
    (Sequencer::new(queues, (nudges, news), limits, stop.clone()), runners)
}

/// A round that was run.
struct Ran {
    /// The instant of its decisions.
    now: Instant,
    /// Its commands, those that joined it included.
    commands: Vec<Command>,
    decided: Result<Vec<Decided>, Halted>,
}

/// Runs a round, and tells those who follow what it appended.
async fn run(store: &Arc<dyn Store>, news: &News, mut round: CommandRound<'_>) -> Ran {
    let stored = store.round(&mut round).await;
    let (now, appended) = (round.now(), round.take_appended());
    if let Err(error) = stored {
        return Ran {
            now,
            commands: round.into_commands(),
            decided: Err(error.into()),
        };
    }
    let (commands, decided) = round.into_decided();
    let decided = decided.map_err(|violations| {
        let violations = violations.join("; ");
        tracing::error!(
            violations,
            "a round was aborted, it would have broken invariants: {violations}"
        );
        Halted::Invariants(violations)
    });
    if decided.is_ok() {
        news.tell(appended);
    }
    Ran { now, commands, decided }
}

impl Runner {
    /// Runs rounds to the end.
    ///
    /// # Errors
    /// When no round may be run any more; callers that wait are answered that the store is unavailable.
    pub async fn run(mut self) -> Result<(), Halted> {
        self.find_refills().await?;
        let mut halted = Ok(());
        while halted.is_ok()
            && let Some(submissions) = self.take().await
        {
            halted = self.run_round(submissions).await;
            if halted.is_ok() {
                halted = self.estimate().await;
            }
        }
        self.sweep.end().await;
        halted?;
        for submission in self.deferred {
            self.answers.add(submission.reply, Err(Failure::ShuttingDown));
        }
        self.answers.give();
        Ok(())
    }

    /// What the next round is made of; `None` when all is done. Refills that still go on at the end are taken up by the
    /// next start.
    async fn take(&mut self) -> Option<Vec<Submission>> {
        if self.stop.is_cancelled() {
            self.queue.close();
        }
        let mut taken = self.take_deferred();
        if taken.is_empty() && self.refills.is_empty() && self.first_of_next.is_none() {
            tokio::select! {
                biased;
                _ = self.queue.recv_many(&mut taken, self.limits.round_commands_max) => self.gather(&mut taken),
                () = self.sweep.wait() => {}
                () = self.estimates.wait() => {}
                () = self.stop.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    self.queue.recv_many(&mut taken, self.limits.round_commands_max).await;
                }
            }
        } else {
            self.take_queued(&mut taken);
        }
        let done = taken.is_empty() && self.queue.is_closed() && self.queue.is_empty();
        (!done).then_some(taken)
    }

    /// Adds what is queued meanwhile, as long as something is. Where callers' threads share the cores with this one they are
    /// let go first, so that a round carries more; where nobody waits for the core this takes no time. A lone command waits
    /// for nobody, and a lane does not make others of its thread wait.
    fn gather(&mut self, taken: &mut Vec<Submission>) {
        let (_, lanes) = self.lane;
        if lanes > 1 {
            return;
        }
        let mut gathered = 1;
        for _ in 0..GIVES_WAY_MAX {
            if taken.len() <= gathered {
                return;
            }
            gathered = taken.len();
            std::thread::yield_now();
            self.take_queued(taken);
        }
    }

    /// Takes what is queued, up to a round.
    fn take_queued(&mut self, taken: &mut Vec<Submission>) {
        while taken.len() < self.limits.round_commands_max
            && let Some(submission) = self.first_of_next.take().or_else(|| self.queue.try_recv().ok())
        {
            taken.push(submission);
        }
    }

    /// What has lapsed on its lane, if it is time to look; what waits there to be estimated is noted.
    async fn sweep_own(&mut self, now: Instant) -> Result<Vec<Command>, Halted> {
        let (lapsed, to_estimate) = self.sweep.find(&self.store, now).await?;
        let (lane, lanes) = self.lane;
        let is_own = |key: &str| lane_of(key, lanes) == lane;
        let own = to_estimate.into_iter();
        self.estimates
            .extend(own.filter(|one| is_own(one.location_id.as_str())));
        Ok(lapsed.into_iter().filter(|lapse| is_own(lapse.lane_key())).collect())
    }

    async fn run_round(&mut self, submissions: Vec<Submission>) -> Result<(), Halted> {
        let (started, count) = (monotonic(), submissions.len());
        let (mut commands, mut callers) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for submission in submissions {
            if !submission.begin(started) {
                self.answers.add(submission.reply, Err(Failure::DeadlinePassed));
                continue;
            }
            commands.push(submission.command);
            callers.push(Some((submission.patience, submission.reply)));
        }
        self.answers.give();
        if let Some(refill) = self.next_refill() {
            commands.push(Command::ContinueRefill(refill));
            callers.push(None);
        }
        let now = self.clock.now();
        for lapse in self.sweep_own(now).await? {
            commands.push(lapse);
            callers.push(None);
        }
        if commands.is_empty() {
            return Ok(());
        }
        // What comes now would overtake commands that were put back, or that the round puts back.
        let is_open = self.refills.is_empty() && self.deferred.is_empty();
        let size_max = if is_open { self.limits.round_commands_max } else { 0 };
        let room = size_max.saturating_sub(commands.len());
        let mut latecomers = Late::new(&mut self.queue, &mut self.first_of_next, &self.clock, room);
        let round = CommandRound::open(now, commands, &mut latecomers).heard(self.news.is_heard());
        let Ran { now, commands, decided } = run(&self.store, &self.news, round).await;
        callers.append(&mut latecomers.callers);
        for reply in std::mem::take(&mut latecomers.expired) {
            self.answers.add(reply, Err(Failure::DeadlinePassed));
        }
        self.answers.give();
        let decided = match decided {
            Ok(decided) => decided,
            Err(Halted::Store(error)) if !error.is_fatal() => self.decide_singly(now, &commands, &error).await?,
            Err(halted) => return Err(halted),
        };
        if decided.iter().any(Decided::is_accepted) {
            self.committed.send_modify(|commits| *commits = commits.wrapping_add(1));
        }
        self.sweep.note(&commands, &decided);
        self.estimates.note_callers(&callers, &decided);
        self.note_refills(&commands, &decided).await?;
        assert_eq!(decided.len(), callers.len(), "every command of a round is decided");
        let mut put_back = VecDeque::new();
        for ((command, decided), caller) in commands.into_iter().zip(decided).zip(callers) {
            if let Some((patience, reply)) = caller {
                let submission = Submission {
                    command,
                    patience,
                    reply,
                };
                put_back.extend(self.reply(submission, decided));
            }
        }
        let is_put_off = !put_back.is_empty();
        self.put_back(put_back);
        self.answer_held();
        self.answers.give();
        if is_put_off && self.refills.is_empty() {
            self.wait_for_others().await?;
        }
        Ok(())
    }

    pub(super) async fn decide_together(&self, now: Instant, commands: &[Command]) -> Result<Vec<Decided>, Halted> {
        self.decide_within(now, commands, Share::default()).await
    }

    /// Runs a round, whose steps of estimates take no more than a share.
    pub(super) async fn decide_within(
        &self,
        now: Instant,
        commands: &[Command],
        share: Share,
    ) -> Result<Vec<Decided>, Halted> {
        let round = CommandRound::new(now, commands).heard(self.news.is_heard());
        run(&self.store, &self.news, round.sharing(share)).await.decided
    }

    /// Runs each command in a round of its own, so that one cannot poison others. After a commit of unknown outcome this is
    /// the look-up too: what was written is a repeat.
    async fn decide_singly(
        &mut self,
        now: Instant,
        commands: &[Command],
        error: &StoreError,
    ) -> Result<Vec<Decided>, Halted> {
        tracing::warn!(%error, commands = commands.len(), "a round failed, its commands are run one at a time: {error}");
        let unknown = matches!(error, StoreError::CommitUnknown(_));
        let mut all = Vec::with_capacity(commands.len());
        let mut away: Option<Failure> = None;
        for command in commands {
            if let Some(failure) = &away {
                // Each would wait for the database in turn, for as long as it takes.
                all.push(Decided::failed(failure.clone()));
                continue;
            }
            let decided = match self.decide_together(now, std::slice::from_ref(command)).await {
                Ok(decided) => decided,
                Err(Halted::Store(error)) if !error.is_fatal() => {
                    let failure = failure(&error, unknown);
                    away = matches!(error, StoreError::Unavailable(_)).then(|| failure.clone());
                    vec![Decided::failed(failure)]
                }
                Err(halted) => return Err(halted),
            };
            all.extend(
                decided
                    .into_iter()
                    .map(|decided| if unknown { decided.looked_up() } else { decided }),
            );
        }
        if unknown {
            // What the lost round cut is not among the answers of the repeats.
            self.find_refills().await?;
        }
        Ok(all)
    }

    /// Answers a caller; a command that is to be decided later is handed back.
    fn reply(&mut self, submission: Submission, decided: Decided) -> Option<Submission> {
        let reply = submission.reply;
        let answer = match decided.outcome {
            Outcome::Decided(Decision::Accepted(answer)) if !decided.cut.is_empty() => {
                self.held.push(Held {
                    refills: decided.cut.into_iter().collect(),
                    reply,
                    answer,
                });
                return None;
            }
            Outcome::Decided(Decision::Accepted(accepted)) => Ok(Reply::Accepted(accepted)),
            Outcome::Decided(Decision::Rejected(rejection)) => Ok(Reply::Rejected(rejection)),
            Outcome::Decided(Decision::Deferred) => {
                let submission = Submission { reply, ..submission };
                submission.put_back();
                return Some(submission);
            }
            Outcome::Decided(Decision::Missing) => Err(Failure::Internal("a committed round lacked rows".to_owned())),
            Outcome::Panicked(message) => {
                tracing::error!(message, "a command panicked and was left out of its round: {message}");
                Err(Failure::Internal(message))
            }
            Outcome::Failed(failure) => Err(failure),
        };
        self.answers.add(reply, answer);
        None
    }
}
