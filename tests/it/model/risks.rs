//! What random commands do to risks: a comparison in which nobody is ever late proves nothing. They hardly ever move an
//! inbound that somebody counts on; the scenarios do.

use std::collections::BTreeMap;

use holdfast::domain::event::Payload;
use holdfast::domain::ids::EventSequence;
use holdfast::sequencer::round::CommandRound;

use super::core::{Core, Loading};
use super::runner::Numbers;
use super::runs::settle;
use super::system::System;

const EPISODES: usize = 20;
const EPISODE_COMMANDS: usize = 200;

#[test]
fn random_commands_put_orders_at_risk_and_back() {
    let mut numbers = Numbers(13);
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut core = Core::new(Loading::AsAsked);
        for (now, commands) in &script.rounds {
            core.round(&mut CommandRound::new(*now, commands));
            assert_eq!(settle(&mut core, &script.ids, *now), Ok(()));
        }
        for location in &script.ids.locations {
            for what in core
                .events(location, EventSequence(0))
                .iter()
                .filter_map(|event| told_by(&event.payload))
            {
                *told.entry(what).or_default() += 1;
            }
        }
    }
    for what in [
        "at risk, InboundShrunk",
        "at risk, InboundClosed",
        "at risk, InboundOverdue",
        "at risk, UnitsLost",
        "at risk, CalendarChanged",
        "at risk, ItemChanged",
        "at risk, DayPassed",
        "recovered, InboundAdded",
        "recovered, UnitsArrived",
        "recovered, OrderCancelled",
        "recovered, CalendarChanged",
    ] {
        assert!(told.contains_key(what), "no order was {what}: {told:?}");
    }
}

/// What an event tells of a risk, and why.
fn told_by(payload: &Payload) -> Option<String> {
    if let Payload::PromiseAtRisk(risk) = payload {
        return Some(format!("at risk, {:?}", risk.cause.kind));
    }
    if let Payload::PromiseRecovered(risk) = payload {
        return Some(format!("recovered, {:?}", risk.cause.kind));
    }
    None
}
