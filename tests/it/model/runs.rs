//! What the same commands come to in other rounds, without the model.

use holdfast::allocator::command::Command;
use holdfast::allocator::decision::Decision;
use holdfast::domain::Instant;
use holdfast::domain::ids::EventSequence;
use holdfast::sequencer::round::{CommandRound, Outcome};

use super::commands::{Batch, Script};
use super::reference::Model;
use super::runner::{plain_events, same_state, told};
use super::system::{Ids, Observed, Observer, System};

/// More steps than any walk of a test has.
const STEPS_MAX: usize = 10_000;

/// What became of rounds: outcomes in order, the state, and every log with its numbers.
pub(super) type Run = (Vec<Outcome>, Observed, Vec<String>);

pub(super) fn run(system: &mut dyn System, ids: &Ids, rounds: &[Batch]) -> Run {
    let mut outcomes = Vec::new();
    for (now, commands) in rounds {
        let mut round = CommandRound::new(*now, commands);
        system.round(&mut round);
        let decided = round.into_outcomes().expect("no invariant is broken");
        outcomes.extend(decided);
    }
    let now = rounds.last().map_or(Instant::UNIX_EPOCH, |(now, _)| *now);
    (outcomes, Observer::look(system, ids, now), logs(system, ids))
}

/// What a store tells at once of what is to be estimated, of locations and of queues.
const TOLD_MAX: usize = 500;

/// Takes every step of what waits to be estimated anew, until nothing does.
pub(super) fn settle(system: &mut dyn System, ids: &Ids, now: Instant) -> Result<(), String> {
    for _ in 0..STEPS_MAX {
        let waiting = system.to_estimate(now);
        let is_cut = waiting.len() >= TOLD_MAX;
        let own = waiting
            .into_iter()
            .filter(|one| ids.locations.contains(&one.location_id));
        let steps: Vec<_> = own.map(Command::Reestimate).collect();
        if steps.is_empty() && is_cut {
            return Err("what waits elsewhere may hide what waits here".to_owned());
        }
        if steps.is_empty() {
            return Ok(());
        }
        let mut round = CommandRound::new(now, &steps);
        system.round(&mut round);
        let outcomes = round
            .into_outcomes()
            .map_err(|broken| format!("estimates: {broken:?}"))?;
        for outcome in outcomes {
            if !matches!(outcome, Outcome::Decided(Decision::Accepted(_))) {
                return Err(format!("estimates: {outcome:?}"));
            }
        }
    }
    Err("estimates never end".to_owned())
}

pub(super) fn logs(system: &mut dyn System, ids: &Ids) -> Vec<String> {
    let logs = ids
        .locations
        .iter()
        .flat_map(|location| system.events(location, EventSequence(0)));
    logs.map(|event| format!("{event:?}")).collect()
}

pub(super) fn same_run(one: &Run, other: &Run, what: &str) {
    for (at, (a, b)) in one.0.iter().zip(&other.0).enumerate() {
        assert_eq!(a, b, "{what}: decision {at}");
    }
    for (at, (a, b)) in one.2.iter().zip(&other.2).enumerate() {
        assert_eq!(a, b, "{what}: event {at}");
    }
    assert_eq!(one, other, "{what}");
}

/// All commands of an instant as one round.
pub(super) fn together(rounds: &[Batch]) -> Vec<Batch> {
    let mut merged: Vec<Batch> = Vec::new();
    for (now, commands) in rounds {
        match merged.last_mut() {
            Some((last, round)) if last == now => round.extend(commands.iter().cloned()),
            _ => merged.push((*now, commands.clone())),
        }
    }
    merged
}

/// The commands of rounds, all in one list of rounds of one.
pub(super) fn singly(rounds: &[Batch]) -> Vec<Batch> {
    let single = |(now, commands): &Batch| {
        let now = *now;
        commands
            .clone()
            .into_iter()
            .map(move |command: Command| (now, vec![command]))
            .collect::<Vec<_>>()
    };
    rounds.iter().flat_map(single).collect()
}

/// Runs a script on a system whose refills are short, each to its end before the next command, beside the model; answers
/// in how many parts they went on.
pub(super) fn refill_in_parts(system: &mut dyn System, script: &Script, what: &str) -> usize {
    let mut parts = 0;
    let mut model = Model::default();
    for (now, commands) in singly(&script.rounds) {
        loop {
            let (outcomes, ..) = run(system, &script.ids, &[(now, commands.clone())]);
            while let Some(refill) = system.pending_refill() {
                parts += 1;
                run(system, &script.ids, &[(now, vec![Command::ContinueRefill(refill)])]);
            }
            // What lapsed before it may have begun a refill that it has to wait for.
            if !matches!(outcomes.first(), Some(Outcome::Decided(Decision::Deferred))) {
                break;
            }
        }
        drop(model.apply(&commands[0], now));
        assert_eq!(settle(system, &script.ids, now), Ok(()), "{what}");
        let seen = Observer::look(system, &script.ids, now);
        let same = same_state(&seen, &model.look(now));
        assert_eq!(same, Ok(()), "{what}: {}", told(&[(now, commands)]));
    }
    for location in &script.ids.locations {
        let events = system.events(location, EventSequence(0));
        assert_eq!(plain_events(&events), plain_events(model.log(location)), "{what}");
    }
    parts
}
