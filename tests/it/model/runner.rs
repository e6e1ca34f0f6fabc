//! Sends the same commands to a system and to the model, and compares everything after each round.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use holdfast::allocator::command::Command;
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::domain::Date;
use holdfast::domain::event::{Event, Payload};
use holdfast::domain::ids::{EventSequence, LocationId, OrderId};
use holdfast::domain::order::{Basis, Order, OrderLine};
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::{CommandRound, Outcome};
use holdfast::store::Store;

use super::commands::{Batch, Case, DICE, Roll, SETUP, Script};
use super::invariants::Replay;
use super::reference::{Model, ModelOutcome};
use super::runs::settle;
use super::system::{Ids, Observed, Observer, StoreSystem, System, plain};

/// Commands of one episode, which begins with nothing.
const EPISODE_COMMANDS: usize = 300;

/// A generator of numbers (`SplitMix64`), so that a seed names the same commands on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    fn roll(&mut self) -> Roll {
        let mut roll = [0; DICE];
        for die in &mut roll {
            *die = u16::try_from(self.next() & 0xFFFF).expect("sixteen bits");
        }
        roll
    }

    pub(crate) fn case(&mut self, commands: usize) -> Case {
        let setup = (0..SETUP).map(|_| self.roll()).collect();
        Case {
            setup,
            rolls: (0..commands).map(|_| self.roll()).collect(),
        }
    }
}

/// Runs as many random commands as asked for, in episodes with ids of their own.
pub(crate) fn run_on(system: &mut impl System, commands: usize, seed: u64) {
    let mut numbers = Numbers(seed);
    let mut done = 0;
    let mut episode = 0;
    while done < commands {
        episode += 1;
        let case = numbers.case(EPISODE_COMMANDS);
        let name = format!("E{seed}-{episode}-");
        system.forget();
        let outcome = attempt(system, &case.script(&name));
        if let Err(difference) = outcome {
            let mut attempts = 0;
            let shorter = shrink(&case, |case| {
                attempts += 1;
                system.forget();
                attempt(system, &case.script(&format!("{name}{attempts}-"))).is_err()
            });
            let script = shorter.script("");
            panic!(
                "seed {seed}, episode {episode}:\n{difference}\n\nshortest:\n{}",
                told(&script.rounds)
            );
        }
        done += EPISODE_COMMANDS;
    }
}

/// Runs random commands on a store, one database for all of them.
pub(crate) fn run_against_store(make_store: impl AsyncFnOnce() -> Arc<dyn Store>, commands: usize, seed: u64) {
    let mut system = StoreSystem::new(make_store);
    run_on(&mut system, commands, seed);
}

/// Compares a system with the model over a script; the first difference is an error, a panic too.
pub(crate) fn attempt(system: &mut dyn System, script: &Script) -> Result<(), String> {
    let run = catch_unwind(AssertUnwindSafe(|| compare(system, script)));
    run.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// The commands of rounds, to be read.
pub(crate) fn told(rounds: &[Batch]) -> String {
    let rounds = rounds.iter().map(|(now, commands)| {
        let commands = commands.iter().map(|command| format!("  {command:?}\n"));
        format!("{now}\n{}", commands.collect::<String>())
    });
    rounds.collect()
}

/// Leaves out what a failing case does not need.
fn shrink(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut shortest = case.clone();
    let mut length = shortest.rolls.len().div_ceil(2);
    while length > 0 {
        let mut at = 0;
        while at < shortest.rolls.len() {
            let mut shorter = shortest.clone();
            shorter.rolls.drain(at..(at + length).min(shorter.rolls.len()));
            if fails(&shorter) {
                shortest = shorter;
            } else {
                at += length;
            }
        }
        length = if length == 1 { 0 } else { length.div_ceil(2) };
    }
    for die in 0..(SETUP + shortest.rolls.len()) * DICE {
        let mut simpler = shortest.clone();
        if simpler.lower(die) && fails(&simpler) {
            shortest = simpler;
        }
    }
    shortest
}

/// Commands and what became of each, and those that were put off.
type Sorted = (Vec<(Command, Outcome)>, Vec<Command>);

/// What a round decided, and what it put off because it had no room for it, which is to be sent again, as the sequencer does.
/// The first command of a round always has room.
pub(super) fn decided_of(round: CommandRound<'_>) -> Result<Sorted, String> {
    let (commands, decided) = round.into_decided();
    let decided = decided.map_err(|broken| format!("{broken:?}"))?;
    let outcomes = decided.into_iter().map(|decided| decided.outcome);
    let is_put_off = |(_, outcome): &(Command, Outcome)| matches!(outcome, Outcome::Decided(Decision::Deferred));
    let (put_off, decided): (Vec<_>, Vec<_>) = commands.into_iter().zip(outcomes).partition(is_put_off);
    if decided.is_empty() && !put_off.is_empty() {
        return Err(format!("put off all of {put_off:?}"));
    }
    let put_off = put_off.into_iter().map(|(command, _)| command).collect();
    Ok((decided, put_off))
}

/// What a round decided, in the words of the model.
pub(crate) fn outcome_of(outcome: &Outcome) -> Result<ModelOutcome, String> {
    match outcome {
        Outcome::Decided(Decision::Accepted(answer)) => Ok(Ok(plain_answer(answer))),
        Outcome::Decided(Decision::Rejected(rejection)) => Ok(Err(plain_rejection(rejection))),
        Outcome::Decided(Decision::Deferred | Decision::Missing) | Outcome::Panicked(_) | Outcome::Failed(_) => {
            Err(format!("{outcome:?}"))
        }
    }
}

/// An outcome without the numbers of events.
pub(crate) fn plain_outcome(outcome: &ModelOutcome) -> ModelOutcome {
    outcome.as_ref().map(plain_answer).map_err(Clone::clone)
}

fn plain_answer(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    match &mut answer {
        Answer::Order(answer) => answer.order = plain(&answer.order),
        Answer::Received(answer) => answer.event_sequence = EventSequence(0),
        Answer::Adjusted(answer) => answer.event_sequence = EventSequence(0),
        Answer::Inbound(answer) => answer.event_sequence = EventSequence(0),
        Answer::Location { .. } | Answer::Item { .. } | Answer::Refilled | Answer::Lapsed | Answer::Reestimated => {}
    }
    answer
}

/// A rejection without words that only people read.
fn plain_rejection(rejection: &Rejection) -> Rejection {
    let mut rejection = rejection.clone();
    if let Rejection::InvalidFields(fields) = &mut rejection {
        for (_, description) in fields {
            description.clear();
        }
    }
    rejection
}

/// Whether an event tells that an order came to be at risk, or recovered: the model says when they are, not when that is
/// noticed.
fn is_about_risk(event: &Event) -> bool {
    matches!(event.payload, Payload::PromiseAtRisk(_) | Payload::PromiseRecovered(_))
}

/// Events without their numbers and without those about risks; releases that follow each other oldest first.
pub(crate) fn plain_events(events: &[Event]) -> Vec<Event> {
    let mut events: Vec<Event> = events
        .iter()
        .filter(|event| !is_about_risk(event))
        .map(|e| Event {
            event_sequence: EventSequence(0),
            ..e.clone()
        })
        .collect();
    let place = |event: &Event| {
        let Payload::OrderReleased(released) = &event.payload else {
            return None;
        };
        Some(released.sequence)
    };
    for run in events.chunk_by_mut(|a, b| place(a).is_some() && place(b).is_some()) {
        run.sort_by_key(place);
    }
    events
}

fn same<T: PartialEq + Debug>(what: impl FnOnce() -> String, system: &T, model: &T) -> Result<(), String> {
    if system == model {
        Ok(())
    } else {
        Err(format!("{}\n system {system:?}\n model  {model:?}", what()))
    }
}

fn same_maps<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    system: &BTreeMap<K, V>,
    model: &BTreeMap<K, V>,
) -> Result<(), String> {
    for (key, value) in system {
        same(|| format!("{what} {key:?}"), &Some(value), &model.get(key))?;
    }
    same(|| format!("keys of {what}"), &system.len(), &model.len())
}

pub(super) fn same_state(system: &Observed, model: &Observed) -> Result<(), String> {
    same_maps("location", &system.locations, &model.locations)?;
    same_maps("item", &system.items, &model.items)?;
    same_maps("stock", &system.stocks, &model.stocks)?;
    same_maps("order", &system.orders, &model.orders)?;
    same_maps("inbound", &system.inbounds, &model.inbounds)
}

/// What is remembered from one round to the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Orders as they were promised.
    promised: BTreeMap<OrderId, Order>,
    /// Events read of each location: those of the system, and those of the model.
    read: BTreeMap<LocationId, (usize, usize)>,
    /// The last event of each order.
    last_events: BTreeMap<OrderId, EventSequence>,
    replay: Replay,
}

fn compare(system: &mut dyn System, script: &Script) -> Result<(), String> {
    let mut model = Model::default();
    let mut memory = Memory::default();
    for (number, (now, commands)) in script.rounds.iter().enumerate() {
        let mut left = commands.clone();
        while !left.is_empty() {
            let mut round = CommandRound::new(*now, &left);
            system.round(&mut round);
            let (decided, put_off) = decided_of(round).map_err(|broken| format!("round {number}: {broken}"))?;
            for (command, outcome) in &decided {
                let at_command = || format!("round {number} at {now}: {command:?}");
                let expected = plain_outcome(&model.apply(command, *now));
                let outcome = outcome_of(outcome).map_err(|other| format!("{}\n {other}", at_command()))?;
                same(at_command, &outcome, &expected)?;
            }
            left = put_off;
        }
        settle(system, &script.ids, *now)?;
        let seen = Observer::look(system, &script.ids, *now);
        let in_round = |difference| {
            format!(
                "after round {number} at {now}:\n{}{difference}",
                told(std::slice::from_ref(&script.rounds[number]))
            )
        };
        same_state(&seen, &model.look(*now)).map_err(in_round)?;
        memory.same_events(system, &model, &script.ids).map_err(in_round)?;
        same(|| "last events".to_owned(), &seen.last_events, &memory.last_events).map_err(in_round)?;
        memory.same_promises(&seen).map_err(in_round)?;
        memory.replay.check(&seen).map_err(in_round)?;
    }
    Ok(())
}

/// What is fixed of a line when its order is accepted.
fn fixed(line: &OrderLine) -> (Date, Date, &Basis) {
    (line.ready_date, line.promised_ship_date, &line.basis)
}

impl Memory {
    /// Compares whole logs, and what must follow from them.
    pub(super) fn same_log(
        mut self,
        system: &mut dyn System,
        model: &Model,
        ids: &Ids,
        seen: &Observed,
    ) -> Result<(), String> {
        self.same_events(system, model, ids)?;
        same(|| "last events".to_owned(), &seen.last_events, &self.last_events)?;
        self.replay.check(seen)
    }

    fn same_events(&mut self, system: &mut dyn System, model: &Model, ids: &Ids) -> Result<(), String> {
        for location in &ids.locations {
            let (read, known) = self.read.entry(location.clone()).or_default();
            let after = EventSequence(i64::try_from(*read).expect("logs of tests are short"));
            let events = system.events(location, after);
            let expected = model.log(location).get(*known..).unwrap_or_default();
            *known += expected.len();
            same(
                || format!("events of {location}"),
                &plain_events(&events),
                &plain_events(expected),
            )?;
            for event in events {
                *read += 1;
                self.replay.add(location, &event);
                same(
                    || "number".to_owned(),
                    &usize::try_from(event.event_sequence.0).ok(),
                    &Some(*read),
                )?;
                self.last_events
                    .extend(event.order_id.map(|order_id| (order_id, event.event_sequence)));
            }
        }
        Ok(())
    }

    fn same_promises(&mut self, seen: &Observed) -> Result<(), String> {
        for (order_id, order) in &seen.orders {
            let first = self
                .promised
                .entry(order_id.clone())
                .or_insert_with(|| order.order.clone());
            let what = || format!("the promise of {order_id}");
            same(what, &order.order.promised_ship_date, &first.promised_ship_date)?;
            same(what, &order.order.calendar_version, &first.calendar_version)?;
            for (line, promised) in order.order.lines.iter().zip(&first.lines) {
                same(what, &fixed(line), &fixed(promised))?;
            }
        }
        Ok(())
    }
}
