//! One round: the commands that are decided together, as the pure function that a store runs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::news::Appended;
use super::panics;
use super::queue::Failure;
use crate::allocator::command::{Command, ContinueRefill, Reestimate};
use crate::allocator::decision::{Answer, Decision};
use crate::allocator::estimate::Share;
use crate::allocator::footprint::{self, Footprint, Wants};
use crate::allocator::working_set::WorkingSet;
use crate::allocator::{decide, invariants};
use crate::domain::Instant;
use crate::domain::ids::LocationId;
use crate::store::{Round, Verdict};

/// The most events of a round that are told without being read: those of as many orders as a round has, and more.
const APPENDED_MAX: usize = 4_096;

/// What became of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided.
    Decided(Decision),
    /// Deciding it panicked. It was left out of the round; the message is for the log.
    Panicked(String),
    /// Its round failed, alone.
    Failed(Failure),
}

/// What became of one command, and what is left to do for it.
#[derive(Debug, Clone)]
pub struct Decided {
    /// What became of it.
    pub outcome: Outcome,
    /// Refills that it began and that go on in the next rounds.
    pub cut: Vec<ContinueRefill>,
    /// What is to be estimated anew because of it.
    pub to_estimate: BTreeSet<Reestimate>,
}

impl Decided {
    /// A command whose round failed.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed(failure),
            cut: Vec::new(),
            to_estimate: BTreeSet::new(),
        }
    }

    /// Whether it was done.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Decided(Decision::Accepted(_)))
    }

    /// The same, of a command that was looked up because its round's answer was lost: what looks like a repeat was written by
    /// that round. What is not decided now may have been written.
    #[must_use]
    pub fn looked_up(mut self) -> Self {
        match &mut self.outcome {
            Outcome::Decided(Decision::Accepted(answer)) => match answer {
                Answer::Order(order) => order.replayed = false,
                Answer::Received(received) => received.replayed = false,
                Answer::Adjusted(adjusted) => adjusted.replayed = false,
                Answer::Inbound(inbound) => inbound.replayed = false,
                Answer::Location { replayed, .. } | Answer::Item { replayed, .. } => *replayed = false,
                Answer::Refilled | Answer::Lapsed | Answer::Reestimated => {}
            },
            Outcome::Decided(Decision::Rejected(_)) | Outcome::Failed(_) => {}
            Outcome::Decided(Decision::Deferred | Decision::Missing) | Outcome::Panicked(_) => {
                let said = "what became of the call is not known yet".to_owned();
                self.outcome = Outcome::Failed(Failure::Store(said));
            }
        }
        self
    }
}

/// What a command left to be done.
type Left = (Vec<ContinueRefill>, BTreeSet<Reestimate>);

/// Commands that come while the locks of a round are waited for.
pub trait Latecomers: Debug + Send {
    /// Those that touch nothing but some locations, in the order in which they came, and the instant by then.
    fn take(&mut self, locked: &BTreeSet<&LocationId>) -> (Instant, Vec<Command>);
}

/// Commands that are decided together, at one instant.
#[derive(Debug)]
pub struct CommandRound<'a> {
    now: Instant,
    commands: Cow<'a, [Command]>,
    /// Who may still join, until they were asked.
    late: Option<&'a mut dyn Latecomers>,
    outcomes: Vec<Option<Outcome>>,
    left: Vec<Left>,
    missed: Wants,
    violations: Vec<String>,
    /// What its steps of estimates may look at and change.
    share: Share,
    /// The events that it appended last, if anybody is to hear of them.
    appended: Option<Appended>,
    decide: fn(&mut WorkingSet, &Command) -> Decision,
}

impl<'a> CommandRound<'a> {
    /// A round of these commands.
    #[must_use]
    pub fn new(now: Instant, commands: &'a [Command]) -> Self {
        Self::with_decide(now, commands, decide)
    }

    /// A round that decides by another function, so that tests can make it panic.
    #[must_use]
    pub fn with_decide(
        now: Instant,
        commands: &'a [Command],
        decide: fn(&mut WorkingSet, &Command) -> Decision,
    ) -> Self {
        Self::of(now, Cow::Borrowed(commands), decide)
    }

    /// A round of these commands, and of those that come while its locks are waited for.
    #[must_use]
    pub fn open(now: Instant, commands: Vec<Command>, late: &'a mut dyn Latecomers) -> Self {
        Self {
            late: Some(late),
            ..Self::of(now, Cow::Owned(commands), decide)
        }
    }

    fn of(now: Instant, commands: Cow<'a, [Command]>, decide: fn(&mut WorkingSet, &Command) -> Decision) -> Self {
        let outcomes = vec![None; commands.len()];
        let left = vec![Left::default(); commands.len()];
        Self {
            now,
            commands,
            late: None,
            outcomes,
            left,
            missed: Wants::default(),
            violations: Vec::new(),
            share: Share::default(),
            appended: None,
            decide,
        }
    }

    /// The same round, which keeps the events that it appends if anybody is to hear of them.
    #[must_use]
    pub fn heard(mut self, is_heard: bool) -> Self {
        self.appended = is_heard.then(Vec::new);
        self
    }

    /// The same round, whose steps of estimates may look at and change so much.
    #[must_use]
    pub fn sharing(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// The commands of the round, those that joined it included.
    #[must_use]
    pub fn into_commands(self) -> Vec<Command> {
        self.commands.into_owned()
    }

    /// The events that the round appended, which happened once it is committed.
    #[must_use]
    pub fn take_appended(&mut self) -> Appended {
        self.appended.take().unwrap_or_default()
    }

    /// The commands, those that joined included, and what became of each, once the round is committed.
    ///
    /// # Errors
    /// The invariants that the round would have broken; nothing of it was written.
    pub fn into_decided(self) -> (Vec<Command>, Result<Vec<Decided>, Vec<String>>) {
        let commands = self.commands.into_owned();
        if !self.violations.is_empty() {
            return (commands, Err(self.violations));
        }
        let outcomes = self.outcomes.into_iter();
        let outcomes = outcomes.map(|outcome| outcome.expect("a committed round decided every command"));
        let decided = outcomes.zip(self.left).map(|(outcome, (cut, to_estimate))| Decided {
            outcome,
            cut,
            to_estimate,
        });
        (commands, Ok(decided.collect()))
    }

    /// What became of the commands alone, as [`into_decided`](Self::into_decided).
    ///
    /// # Errors
    /// The invariants that the round would have broken; nothing of it was written.
    pub fn into_outcomes(self) -> Result<Vec<Outcome>, Vec<String>> {
        let (_, decided) = self.into_decided();
        Ok(decided?.into_iter().map(|decided| decided.outcome).collect())
    }

    /// The commands that are still part of the round: all but those that panicked.
    fn live(&self) -> impl Iterator<Item = &Command> {
        let panicked = self
            .outcomes
            .iter()
            .map(|outcome| matches!(outcome, Some(Outcome::Panicked(_))));
        self.commands
            .iter()
            .zip(panicked)
            .filter(|(_, panicked)| !panicked)
            .map(|(command, _)| command)
    }
}

impl Round for CommandRound<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn footprint(&self) -> Footprint {
        Footprint::of(self.live(), &self.missed)
    }

    fn join(&mut self, locked: &BTreeSet<&LocationId>) -> bool {
        let joined = self.late.take().map(|late| late.take(locked));
        let Some((now, joined)) = joined.filter(|(_, joined)| !joined.is_empty()) else {
            return false;
        };
        self.now = now;
        self.commands.to_mut().extend(joined);
        self.outcomes.resize(self.commands.len(), None);
        self.left.resize(self.commands.len(), Left::default());
        true
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        let mut wants = footprint::plan(ws, self.live(), self.share);
        wants.merge(&self.missed);
        wants
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        let mut missing = false;
        for ((command, outcome), left) in self.commands.iter().zip(&mut self.outcomes).zip(&mut self.left) {
            if matches!(outcome, Some(Outcome::Panicked(_))) {
                continue;
            }
            match panics::caught(missing, || (self.decide)(ws, command)) {
                // Nothing is decided any more, but what the other commands miss is to be loaded with it: otherwise a
                // round would be loaded as often as it has commands that miss something.
                Ok(Decision::Missing) => missing = true,
                Ok(decision) => {
                    *outcome = Some(Outcome::Decided(decision));
                    *left = (ws.take_cuts(), ws.take_to_estimate());
                }
                // It stumbled over what an earlier command left half done, and will be decided again.
                Err(_) if missing || !ws.missing.is_empty() => missing = true,
                // What it changed before it panicked must not be written: load again and leave it out.
                Err(panic) => {
                    *outcome = Some(Outcome::Panicked(panics::message(panic.as_ref())));
                    return Verdict::Again;
                }
            }
        }
        if missing {
            self.missed.merge(&ws.missing);
            return Verdict::Again;
        }
        if let Some(appended) = &mut self.appended {
            let located = ws.events.iter().map(|(location, event)| {
                let location_id = &ws.location(*location).location.location_id;
                (location_id.clone(), Arc::new(event.clone()))
            });
            // Of more the last ones say that there are some: whoever follows reads them.
            *appended = located.skip(ws.events.len().saturating_sub(APPENDED_MAX)).collect();
        }
        self.violations = invariants::violations(ws);
        if self.violations.is_empty() {
            Verdict::Commit
        } else {
            Verdict::Abandon
        }
    }
}
