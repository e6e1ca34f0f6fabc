//! What random commands reach: a comparison that never gets anywhere proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use holdfast::allocator::command::Command;
use holdfast::domain::Instant;
use holdfast::domain::event::{Event, Payload};
use holdfast::domain::rejection::Rejection;

use super::reference::Model;
use super::runner::Numbers;
use super::system::Ids;

/// Episodes played on the model alone.
const EPISODES: usize = 100;
const EPISODE_COMMANDS: usize = 300;

fn reasons(rejection: &Rejection) -> Vec<&'static str> {
    match rejection {
        Rejection::InvalidFields(_) => vec!["INVALID_FIELD"],
        Rejection::UnknownLocation(_) => vec!["UNKNOWN_LOCATION"],
        Rejection::UnknownSkus(_) => vec!["UNKNOWN_SKU"],
        Rejection::UnknownOrder(_) => vec!["UNKNOWN_ORDER"],
        Rejection::UnknownInbound(_) => vec!["UNKNOWN_INBOUND"],
        Rejection::IdReused { kind, .. } => vec!["ID_REUSED", kind],
        Rejection::LocationInactive(_) | Rejection::NoActiveLocation => vec!["LOCATION_INACTIVE"],
        Rejection::Lines(lines) => lines.iter().map(|line| line.reason.name()).collect(),
        Rejection::PromiseLaterThanAccepted { .. } => vec!["PROMISE_LATER_THAN_ACCEPTED"],
        Rejection::OrderNotReleased(..) => vec!["ORDER_NOT_RELEASED"],
        Rejection::OrderShipped(_) => vec!["ORDER_SHIPPED"],
        Rejection::OrderCancelled(_) => vec!["ORDER_CANCELLED"],
        Rejection::NotTentative(..) => vec!["NOT_TENTATIVE"],
        Rejection::PaymentDeadlinePassed(..) => vec!["PAYMENT_DEADLINE_PASSED"],
        Rejection::OrderNotCancelled(..) => vec!["ORDER_NOT_CANCELLED"],
        Rejection::OnHandBelowZero { .. } => vec!["ON_HAND_BELOW_ZERO"],
    }
}

/// What a command appended, as one word: the first event, and what followed from it.
fn story(events: &[Event]) -> String {
    let mut kinds: Vec<_> = events.iter().map(|event| event.payload.kind()).collect();
    kinds.dedup();
    kinds.join(" ")
}

/// What one command reaches.
fn reached(model: &mut Model, ids: &Ids, now: Instant, command: &Command) -> BTreeSet<String> {
    let before: Vec<usize> = ids.locations.iter().map(|id| model.log(id).len()).collect();
    let mut reached = BTreeSet::new();
    if let Err(rejection) = model.apply(command, now) {
        reached.extend(reasons(&rejection).iter().map(|reason| (*reason).to_owned()));
    }
    for (id, before) in ids.locations.iter().zip(before) {
        let events = &model.log(id)[before..];
        reached.insert(story(events));
        reached.extend(events.iter().filter_map(detail));
    }
    reached
}

fn play() -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut numbers = Numbers(7);
    for _ in 0..EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut model = Model::default();
        let commands = script
            .rounds
            .iter()
            .flat_map(|(now, commands)| commands.iter().map(|command| (*now, command)));
        for what in commands.flat_map(|(now, command)| reached(&mut model, &script.ids, now, command)) {
            *counts.entry(what).or_default() += 1;
        }
    }
    counts
}

/// Kinds of releases by their causes, and revocations of work that was taken.
fn detail(event: &Event) -> Option<String> {
    if let Payload::OrderReleased(released) = &event.payload {
        return Some(format!("{:?}", released.cause));
    }
    let Payload::ReleaseRevoked(revoked) = &event.payload else {
        return None;
    };
    revoked
        .was_acknowledged
        .then(|| "revoked after an acknowledgement".to_owned())
}

#[test]
fn random_commands_reach_every_reason_and_every_event() {
    let counts = play();
    let expected = [
        "INVALID_FIELD",
        "UNKNOWN_LOCATION",
        "UNKNOWN_SKU",
        "UNKNOWN_ORDER",
        "UNKNOWN_INBOUND",
        "ID_REUSED",
        "order_id",
        "receipt_id",
        "adjustment_id",
        "request_id",
        "LOCATION_INACTIVE",
        "INSUFFICIENT_STOCK",
        "NOT_BACKORDERABLE",
        "BACKLOG_LIMIT_EXCEEDED",
        "NO_SUPPLY_DATE",
        "QUANTITY_EXCEEDS_LINE",
        "PROMISE_LATER_THAN_ACCEPTED",
        "ORDER_NOT_RELEASED",
        "ORDER_SHIPPED",
        "ORDER_CANCELLED",
        "ORDER_NOT_CANCELLED",
        "ON_HAND_BELOW_ZERO",
        "NOT_TENTATIVE",
        "PAYMENT_DEADLINE_PASSED",
        "Purchase",
        "Receipt",
        "Cancellation",
        "Adjustment",
        "SafetyStock",
        "Lapse",
        "order_confirmed",
        "order_confirmed order_released",
        "order_lapsed",
        "order_lapsed order_released",
        "order_placed",
        "order_placed order_released",
        "stock_received",
        "stock_received order_released",
        "stock_adjusted",
        "stock_adjusted order_released",
        "stock_adjusted release_revoked",
        "order_cancelled",
        "release_revoked order_cancelled",
        "release_revoked order_cancelled order_released",
        "lines_cancelled",
        "lines_cancelled order_released",
        "lines_cancelled release_revoked order_released",
        "release_acknowledged",
        "revoked after an acknowledgement",
        "order_shipped",
        "order_shipped_after_cancel",
        "order_shipped_after_cancel release_revoked",
        "inbound_changed",
        "location_changed",
        "safety_stock_changed",
        "safety_stock_changed order_released",
        "safety_stock_changed release_revoked",
    ];
    let missing: Vec<_> = expected.iter().filter(|what| !counts.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}; reached: {counts:#?}");
}
