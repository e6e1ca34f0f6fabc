//! Commands that were once decided wrongly, as fixed lists; each is compared with the model like any other.

use holdfast::allocator::command::{
    Adjust, AdjustContent, Cancel, CancelContent, Change, Command, Receive, ReceiveContent, Reserve, ReserveLine, Ship,
};
use holdfast::allocator::decision::Decision;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::{AdjustmentReason, ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{AdjustmentId, LocationId, OrderId, ReceiptId, Sku};
use holdfast::domain::order::{OrderState, Parcel, Shipment, Terms};
use holdfast::domain::quantity::{Quantity, UNITS_MAX, Units};
use holdfast::sequencer::round::Outcome;

use super::commands::{Batch, Script};
use super::core::{Core, Loading};
use super::runner::{attempt, told};
use super::runs::{run, same_run, singly};
use super::system::{Ids, Observed, Observer};
use crate::support::at;

const NOW: &str = "2026-03-02T09:00:00Z";

fn location_id() -> LocationId {
    LocationId::parse("L0").expect("a valid id")
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).expect("a valid id")
}

fn order_id(number: usize) -> OrderId {
    OrderId::parse(&format!("O{number}")).expect("a valid id")
}

fn quantity(units: i64) -> Quantity {
    Quantity::parse(units).expect("a valid quantity")
}

fn location() -> Command {
    let calendar = Calendar {
        time_zone: chrono_tz::UTC,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: std::collections::BTreeSet::new(),
        handling_days: 1,
        version: 0,
    };
    let (location_id, display_name) = (location_id(), String::new());
    Command::PutLocation(Location {
        location_id,
        display_name,
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    })
}

/// An item that can be had in a month.
fn item(name: &str, safety_stock: i64) -> Command {
    Command::PutItem(Item {
        sku: sku(name),
        display_name: String::new(),
        backorderable: true,
        lead_time_days: Some(30),
        max_backlog: None,
        safety_stock: Units::new(safety_stock).expect("a count"),
    })
}

fn reserve(number: usize, lines: &[(&str, i64)]) -> Command {
    let line = |(name, units): &(&str, i64)| ReserveLine {
        sku: sku(name),
        quantity: quantity(*units),
        price: None,
    };
    Command::Reserve(Reserve {
        order_id: order_id(number),
        location_id: Some(location_id()),
        lines: lines.iter().map(line).collect(),
        currency: None,
        terms: Terms::default(),
    })
}

fn receive(name: &str, units: i64) -> Command {
    let lines = vec![ReceivedLine {
        sku: sku(name),
        quantity: quantity(units),
    }];
    Command::Receive(Receive {
        location_id: location_id(),
        receipt_id: ReceiptId::parse(&format!("R{name}{units}")).expect("a valid id"),
        content: ReceiveContent {
            inbound_id: None,
            reason: ReceiptReason::Purchase,
            lines,
        },
    })
}

fn count(name: &str, units: i64) -> Command {
    let change = Change::Counted(Units::new(units).expect("a count"));
    let (reason, note) = (AdjustmentReason::Count, String::new());
    Command::Adjust(Adjust {
        location_id: location_id(),
        adjustment_id: AdjustmentId::parse(&format!("A{name}{units}")).expect("a valid id"),
        content: AdjustContent {
            sku: sku(name),
            change,
            reason,
            note,
        },
    })
}

fn cancel(number: usize) -> Command {
    let content = CancelContent {
        lines: Vec::new(),
        reason: String::new(),
    };
    Command::Cancel(Cancel {
        order_id: order_id(number),
        request_id: None,
        content,
    })
}

fn late_parcel(number: usize) -> Command {
    let parcels = vec![Parcel {
        carrier: "DHL".to_owned(),
        tracking_number: String::new(),
    }];
    let shipment = Shipment {
        parcels,
        reported_ship_at: None,
    };
    Command::ReportShippedAfterCancel(Ship {
        order_id: order_id(number),
        shipment,
    })
}

fn ids() -> Ids {
    Ids {
        locations: vec![location_id()],
        skus: (0..50)
            .map(|number| sku(&format!("S{number}")))
            .chain(["A", "B", "C", "D", "E"].map(sku))
            .collect(),
        orders: (0..50).map(order_id).collect(),
        inbounds: Vec::new(),
    }
}

/// Compares rounds with the model, and answers what they came to. What sets up comes first, a command a round.
fn agree(setup: Vec<Command>, rounds: Vec<Vec<Command>>) -> Observed {
    let now = at(NOW);
    let rounds: Vec<Batch> = setup
        .into_iter()
        .map(|command| vec![command])
        .chain(rounds)
        .map(|round| (now, round))
        .collect();
    let script = Script { ids: ids(), rounds };
    let mut core = Core::new(Loading::AsAsked);
    let outcome = attempt(&mut core, &script);
    assert_eq!(outcome, Ok(()), "{}", told(&script.rounds));
    Observer::look(&mut core, &script.ids, now)
}

fn state(seen: &Observed, number: usize) -> OrderState {
    seen.orders[&order_id(number)].order.state
}

#[test]
fn safety_stock_says_nothing_where_nobody_has_or_wants_the_item() {
    // The round names the SKU at the location, so that a row of zeros is loaded for it.
    agree(
        vec![location(), item("A", 0)],
        vec![vec![item("A", 1), reserve(1, &[("A", 1)])]],
    );
    agree(
        vec![location(), item("A", 0)],
        vec![vec![item("B", 0)], vec![receive("B", 1), item("A", 1), receive("A", 1)]],
    );
    // The queue that was to be estimated anew is gone before anybody came to do it.
    let round = vec![reserve(1, &[("A", 1)]), item("A", 1), cancel(1), item("A", 2)];
    agree(vec![location(), item("A", 0)], vec![round]);
}

#[test]
fn a_safety_stock_of_everything_that_can_be_counted_is_no_overflow() {
    let seen = agree(
        vec![location(), item("A", UNITS_MAX)],
        vec![vec![reserve(1, &[("A", 1)])]],
    );
    assert_eq!(state(&seen, 1), OrderState::Waiting);
}

#[test]
fn units_go_past_orders_that_the_same_round_cancelled() {
    let orders: Vec<_> = (1..=6).map(|number| reserve(number, &[("A", 1)])).collect();
    let round = vec![cancel(1), cancel(2), cancel(3), cancel(4), receive("A", 1)];
    let seen = agree([vec![location(), item("A", 0)], orders].concat(), vec![round]);
    assert_eq!(
        (state(&seen, 5), state(&seen, 6)),
        (OrderState::Released, OrderState::Waiting)
    );
}

#[test]
fn a_revoked_order_gives_back_its_units_of_skus_that_no_command_named() {
    let setup = vec![
        location(),
        item("A", 0),
        item("B", 0),
        item("C", 0),
        receive("B", 2),
        receive("C", 1),
        reserve(1, &[("A", 1), ("B", 1)]),
        reserve(2, &[("B", 1), ("C", 1)]),
        count("B", 1),
    ];
    let seen = agree(setup, vec![vec![count("C", 0)]]);
    let lacking = |number| seen.orders[&order_id(number)].order.lacking.get();
    assert_eq!((lacking(1), lacking(2)), (1, 2));
}

#[test]
fn a_late_parcel_takes_all_its_units_at_once() {
    let setup = vec![
        location(),
        item("A", 0),
        item("B", 0),
        receive("A", 1),
        receive("B", 2),
        reserve(1, &[("A", 1), ("B", 1)]),
        cancel(1),
        reserve(2, &[("A", 1), ("B", 1)]),
        reserve(3, &[("B", 1)]),
    ];
    let seen = agree(setup, vec![vec![late_parcel(1)]]);
    assert_eq!(
        (state(&seen, 2), state(&seen, 3)),
        (OrderState::Waiting, OrderState::Waiting)
    );
    assert_eq!(
        seen.orders[&order_id(3)].order.lacking.get(),
        1,
        "the younger order has nothing"
    );
}

#[test]
fn a_round_may_lose_units_of_more_skus_than_it_may_be_loaded_times() {
    let name = |number: usize| format!("S{number}");
    let mut setup = vec![location()];
    for number in 0..40 {
        setup.extend([
            item(&name(number), 0),
            receive(&name(number), 1),
            reserve(number, &[(&name(number), 1)]),
        ]);
    }
    let seen = agree(setup, vec![(0..40).map(|number| count(&name(number), 0)).collect()]);
    assert!((0..40).all(|number| state(&seen, number) == OrderState::Waiting));
}

#[test]
fn the_order_in_which_rows_were_loaded_does_not_show_in_the_log() {
    // The last count revokes O3, whose units make O1 and O2 whole.
    let commands = vec![
        location(),
        item("E", 0),
        item("D", 0),
        item("C", 0),
        item("B", 0),
        item("A", 0),
        receive("C", 1),
        receive("B", 2),
        receive("A", 2),
        reserve(1, &[("A", 1), ("D", 1)]),
        reserve(2, &[("B", 1), ("E", 1)]),
        reserve(3, &[("A", 1), ("B", 1), ("C", 1)]),
        count("A", 1),
        count("B", 1),
        receive("D", 1),
        receive("E", 1),
        count("C", 0),
    ];
    let seen = agree(commands.clone(), Vec::new());
    assert_eq!(
        [1, 2, 3].map(|number| state(&seen, number)),
        [OrderState::Released, OrderState::Released, OrderState::Waiting]
    );
    let rounds: Vec<Batch> = vec![(at(NOW), commands)];
    let together = run(&mut Core::new(Loading::AsAsked), &ids(), &rounds);
    let alone = run(&mut Core::new(Loading::AsAsked), &ids(), &singly(&rounds));
    same_run(&together, &alone, "all at once");
}

#[test]
fn what_a_round_has_no_room_for_is_decided_in_the_next_one() {
    // The first receipt fills a line, so that the second one may fill more than the round has left.
    let setup = vec![
        location(),
        item("A", 0),
        item("B", 0),
        reserve(1, &[("A", 1_000_000)]),
        reserve(2, &[("A", 1), ("B", 1)]),
    ];
    let round = vec![receive("B", 1), receive("A", 1_000_000), receive("A", 1)];
    let mut alone = Core::new(Loading::AsAsked);
    let rounds: Vec<Batch> = setup.iter().map(|command| (at(NOW), vec![command.clone()])).collect();
    run(&mut alone, &ids(), &rounds);
    let (outcomes, ..) = run(&mut alone, &ids(), &[(at(NOW), round.clone())]);
    assert!(
        matches!(outcomes[1], Outcome::Decided(Decision::Deferred)),
        "{outcomes:?}"
    );
    let seen = agree(setup, vec![round]);
    assert_eq!([1, 2].map(|number| state(&seen, number)), [OrderState::Released; 2]);
}
