//! What must hold for any commands.

use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use holdfast::allocator::command::Command;
use holdfast::allocator::decide;
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::ids::EventSequence;
use holdfast::sequencer::round::{CommandRound, Outcome};
use proptest::prelude::*;

use super::commands::{Case, DICE, SETUP};
use super::core::{Core, Loading};
use super::quotes::quote_then_place;
use super::reference::ModelOutcome;
use super::runner::{Numbers, attempt, outcome_of, run_on, told};
use super::runs::{logs, refill_in_parts, run, same_run, singly, together};
use super::system::System;

/// Commands of the long run when nobody asks for more.
const COMMANDS: usize = 20_000;
/// Commands of a case that shrinks.
const CASE_COMMANDS_MAX: usize = 80;
/// Episodes of properties that are compared system with system.
const EPISODES: usize = 12;
const EPISODE_COMMANDS: usize = 120;

pub(crate) fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .ok()
            .unwrap_or_else(|| panic!("{name} is a number, not {text:?}")),
    )
}

fn commands() -> usize {
    from_environment("HOLDFAST_MODEL_COMMANDS").unwrap_or(COMMANDS)
}

/// A seed that nobody has chosen; a failure names it.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().hash_one("seed")
}

fn cases() -> impl Strategy<Value = Case> {
    let roll = || proptest::array::uniform24(any::<u16>());
    let setup = proptest::collection::vec(roll(), SETUP);
    let rolls = proptest::collection::vec(roll(), 1..=CASE_COMMANDS_MAX);
    (setup, rolls).prop_map(|(setup, rolls)| Case { setup, rolls })
}

const _: () = assert!(DICE == 24, "the strategy throws as many dice as a command reads");

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_core_agrees_with_the_model_over_commands_that_shrink(case in cases()) {
        let script = case.script("");
        let outcome = attempt(&mut Core::new(Loading::AsAsked), &script);
        prop_assert_eq!(outcome, Ok(()), "{}", told(&script.rounds));
    }
}

#[test]
fn the_core_agrees_with_the_model_over_many_random_commands() {
    let seeds = from_environment("HOLDFAST_MODEL_SEED").map_or_else(|| vec![1, random_seed()], |seed| vec![seed]);
    for seed in &seeds {
        run_on(
            &mut Core::new(Loading::AsAsked),
            commands().div_ceil(seeds.len()),
            *seed,
        );
    }
}

#[test]
fn the_core_agrees_with_the_model_when_everything_is_loaded() {
    run_on(&mut Core::new(Loading::Everything), COMMANDS.div_ceil(8), 2);
}

#[test]
fn a_round_equals_its_commands_singly_in_order() {
    let mut numbers = Numbers(3);
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let alone = run(&mut Core::new(Loading::AsAsked), &script.ids, &singly(&script.rounds));
        let split = run(&mut Core::new(Loading::AsAsked), &script.ids, &script.rounds);
        same_run(&split, &alone, &format!("episode {episode}, random rounds"));
        let whole = run(&mut Core::new(Loading::AsAsked), &script.ids, &together(&script.rounds));
        same_run(&whole, &alone, &format!("episode {episode}, long rounds"));
        let loaded = run(
            &mut Core::new(Loading::Everything),
            &script.ids,
            &together(&script.rounds),
        );
        same_run(&loaded, &alone, &format!("episode {episode}, everything loaded"));
    }
}

#[test]
fn commands_that_are_sent_again_change_nothing_and_get_the_same_facts() {
    let mut numbers = Numbers(4);
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut core = Core::new(Loading::AsAsked);
        for (now, commands) in singly(&script.rounds) {
            let round = [(now, commands)];
            let [first, again] = [(); 2].map(|()| run(&mut core, &script.ids, &round));
            assert_eq!(
                (&first.1, &first.2),
                (&again.1, &again.2),
                "episode {episode}: {}",
                told(&round)
            );
            let [first, again] = [first, again].map(|(outcomes, ..)| outcomes.iter().map(facts).collect::<Vec<_>>());
            assert_eq!(first, again, "episode {episode}: {}", told(&round));
        }
    }
}

/// An outcome without what tells a repeat from the first call.
fn facts(outcome: &Outcome) -> ModelOutcome {
    let mut facts = outcome_of(outcome).expect("every command is decided");
    match &mut facts {
        Ok(Answer::Order(answer)) => {
            (answer.replayed, answer.estimated_ship_date, answer.units_ahead) = (false, None, None);
        }
        Ok(Answer::Received(answer)) => answer.replayed = false,
        Ok(Answer::Adjusted(answer)) => answer.replayed = false,
        Ok(Answer::Inbound(answer)) => (answer.replayed, answer.event_sequence) = (false, EventSequence(0)),
        Ok(Answer::Location { replayed, .. } | Answer::Item { replayed, .. }) => *replayed = false,
        Ok(Answer::Refilled | Answer::Lapsed | Answer::Reestimated) | Err(_) => {}
    }
    facts
}

#[test]
fn a_promise_equals_the_quote_of_the_same_state() {
    let mut numbers = Numbers(5);
    let mut compared = 0;
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut core = Core::new(Loading::AsAsked);
        compared += quote_then_place(&mut core, &singly(&script.rounds), &format!("episode {episode}"));
    }
    assert!(compared > EPISODES, "too few orders were accepted to say anything");
}

/// Panics on what the customer changed her mind about.
fn decide_or_panic(ws: &mut WorkingSet, command: &Command) -> Decision {
    let decision = decide(ws, command);
    let is_marked = matches!(command, Command::Cancel(c) if c.content.reason == "too late");
    assert!(
        !is_marked || matches!(decision, Decision::Missing),
        "a marked command panics after it changed rows"
    );
    decision
}

#[test]
fn one_panicking_command_costs_itself_alone() {
    let mut numbers = Numbers(6);
    let mut panicked = 0;
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let (mut core, mut spared) = (Core::new(Loading::AsAsked), Core::new(Loading::AsAsked));
        for (now, commands) in &together(&script.rounds) {
            let mut round = CommandRound::with_decide(*now, commands, decide_or_panic);
            core.round(&mut round);
            let outcomes = round.into_outcomes().expect("no invariant is broken");
            let is_spared = |outcome: &Outcome| matches!(outcome, Outcome::Decided(_));
            let rest: Vec<_> = commands
                .iter()
                .zip(&outcomes)
                .filter(|(_, o)| is_spared(o))
                .map(|(c, _)| c.clone())
                .collect();
            panicked += commands.len() - rest.len();
            let mut without = CommandRound::new(*now, &rest);
            spared.round(&mut without);
            let expected = without.into_outcomes().expect("no invariant is broken");
            let kept: Vec<_> = outcomes
                .iter()
                .filter(|outcome| is_spared(outcome))
                .map(outcome_of)
                .collect();
            assert_eq!(
                kept,
                expected.iter().map(outcome_of).collect::<Vec<_>>(),
                "episode {episode}"
            );
        }
        assert_eq!(
            logs(&mut core, &script.ids),
            logs(&mut spared, &script.ids),
            "episode {episode}"
        );
    }
    assert!(panicked > EPISODES, "too few commands panicked to say anything");
}

#[test]
fn a_refill_in_parts_ends_like_one_in_whole() {
    let mut numbers = Numbers(8);
    let mut parts = 0;
    for episode in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut core = Core::with_short_refills(Loading::AsAsked, 2);
        parts += refill_in_parts(&mut core, &script, &format!("episode {episode}"));
    }
    assert!(parts > EPISODES, "too few refills were cut to say anything");
}
