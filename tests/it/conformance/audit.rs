//! Invariants, checked over rows that break them and rows that only look as if: every database says the same, word for
//! word.

use chrono::TimeDelta;
use holdfast::allocator::command::Command;
use holdfast::domain::money::Amount;
use holdfast::store::{InvariantReport, Store};

use super::sqlite_file::set_up;
use super::warehouse::{
    accepted, acknowledge, assert_invariants, cancel, now, place, put_item, put_location, receive, reserve, ship,
    ship_after_cancel,
};
use crate::support::databases::{Database, KINDS, Kind};

/// What every invariant says, everywhere and at the location, with its examples in one order.
async fn reports(store: &dyn Store) -> Vec<InvariantReport> {
    let mut reports = Vec::new();
    for location in [None, Some(place())] {
        for name in store.invariants() {
            let mut report = store.check_invariant(name, location.as_ref()).await.expect(name);
            report.examples.sort_unstable();
            reports.push(report);
        }
    }
    reports
}

fn broken(reports: &[InvariantReport]) -> Vec<&str> {
    let broken = reports.iter().filter(|report| report.violations > 0);
    broken.map(|report| report.name).collect()
}

/// Orders that ship, wait and are released, with a whole log.
async fn story(store: &dyn Store) {
    set_up(store).await;
    let more = [
        receive("r2", &[("A", 1)]),
        reserve("o2", &[("A", 2)]),
        reserve("o3", &[("A", 4)]),
    ];
    accepted(store, &more).await;
}

/// The same at a location whose log has lost its beginning, with orders that left in every way.
async fn pruned_story(store: &dyn Store) {
    story(store).await;
    accepted(store, &[put_item("B", 0), receive("r3", &[("B", 9)])]).await;
    let orders = ["b1", "b2", "b3", "b4"].map(|id| reserve(id, &[("B", 2)]));
    accepted(store, &orders).await;
    accepted(store, &[ship("b1"), cancel("b2", Some("c1"), &[(1, 1)])]).await;
    accepted(store, &[cancel("b2", None, &[])]).await;
    accepted(store, &[ship_after_cancel("b2")]).await;
    assert!(store.prune(now() + TimeDelta::days(1), now()).await.expect("a removal") > 9);
    accepted(store, &[acknowledge("b3"), reserve("b5", &[("B", 1)]), ship("b4")]).await;
    accepted(store, &[acknowledge("b5"), reserve("o4", &[("A", 1)])]).await;
}

async fn new(kind: Kind, is_pruned: bool) -> (Database, std::sync::Arc<dyn Store>) {
    let database = kind.database();
    let store = database.open().await;
    if is_pruned {
        pruned_story(&*store).await;
    } else {
        story(&*store).await;
    }
    (database, store)
}

/// Breaks rows of each kind of database; the invariant finds them, and all that is said is the same.
async fn assert_found(cases: &[(&str, &'static str)], is_pruned: bool) {
    for (name, statement) in cases {
        let mut said = Vec::new();
        for kind in KINDS {
            let (database, store) = new(kind, is_pruned).await;
            database.meddle(statement).await;
            let found = reports(&*store).await;
            assert!(
                broken(&found).contains(name),
                "{kind:?}: {name} holds after {statement}"
            );
            assert!(
                found
                    .iter()
                    .all(|report| report.examples.is_empty() == (report.violations == 0))
            );
            said.push(found);
            store.close().await;
        }
        let (one, other) = (said.remove(0), said.remove(0));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other, "{} after {statement}", one.name);
        }
    }
}

/// An invariant of each name, and what breaks it.
const BROKEN: [(&str, &str); 16] = [
    ("on_hand_adds_up", "UPDATE stock SET on_hand = on_hand + 1"),
    ("allocated_within_supply", "UPDATE items SET safety_stock = 4"),
    ("counters_match_lines", "UPDATE stock SET allocated = 1"),
    ("orders_lack_what_lines_lack", "UPDATE order_lines SET lacking = 1"),
    (
        "states_match_units",
        "UPDATE order_lines SET cancelled = quantity WHERE lacking = 0",
    ),
    ("no_idle_units", "UPDATE stock SET allocated = 1"),
    (
        "refunds_match_cancellations",
        "UPDATE order_lines SET cancelled = 1, refunded_units = 10 WHERE lacking = 0",
    ),
    (
        "cancelled_units_match_cancellations",
        "UPDATE order_lines SET cancelled = 1 WHERE lacking = 0",
    ),
    ("events_have_no_gaps", "UPDATE location_numbers SET next_event = 50"),
    ("states_match_events", "UPDATE orders SET state = 4 WHERE lacking = 0"),
    (
        "risk_matches_lines",
        "UPDATE order_lines SET is_late = 1 WHERE lacking > 0",
    ),
    ("risk_matches_events", "UPDATE orders SET at_risk = 1 WHERE lacking = 0"),
    ("directory_matches_orders", "UPDATE order_directory SET sequence = 7"),
    ("promises_match_events", "DELETE FROM orders"),
    (
        "first_come_first_served",
        "UPDATE orders SET state = 2, lacking = 1 WHERE sequence = 2; UPDATE order_lines SET lacking = 1 WHERE sequence = 2",
    ),
    (
        "inbounds_add_up",
        "INSERT INTO inbounds VALUES (1, 1, 'i1', '2026-03-20', 1)",
    ),
];

/// What breaks the books of a log that has lost its beginning.
const BROKEN_AFTER_PRUNING: [(&str, &str); 12] = [
    ("on_hand_adds_up", "UPDATE stock SET on_hand = on_hand + 1"),
    (
        "on_hand_adds_up",
        "UPDATE orders SET shipment = NULL WHERE order_id = 'b2'",
    ),
    ("on_hand_adds_up", "UPDATE orders SET state = 3 WHERE order_id = 'b1'"),
    ("on_hand_adds_up", "DELETE FROM stock"),
    (
        "events_have_no_gaps",
        "UPDATE log_horizons SET oldest_event = oldest_event - 1",
    ),
    ("events_have_no_gaps", "DELETE FROM log_horizons"),
    (
        "events_have_no_gaps",
        "DELETE FROM events WHERE event_sequence = (SELECT max(event_sequence) FROM events)",
    ),
    (
        "events_have_no_gaps",
        "DELETE FROM events WHERE event_sequence = (SELECT max(event_sequence) - 1 FROM events)",
    ),
    ("promises_match_events", "DELETE FROM orders WHERE order_id = 'b5'"),
    (
        "promises_match_events",
        "UPDATE orders SET promised_ship_date = '2030-01-07' WHERE order_id = 'o4'",
    ),
    (
        "states_match_events",
        "UPDATE orders SET state = 4 WHERE order_id = 'b5'",
    ),
    (
        "states_match_events",
        "UPDATE orders SET event_sequence = 999 WHERE order_id = 'b1'",
    ),
];

/// Control: each query finds rows that break it.
#[tokio::test]
async fn every_broken_invariant_is_found() {
    assert_found(&BROKEN, false).await;
    for kind in KINDS {
        let store = kind.database().open().await;
        let mut known = store.invariants();
        let mut named: Vec<_> = BROKEN.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        named.sort_unstable();
        assert_eq!(known, named, "{kind:?}");
        store.close().await;
    }
}

#[tokio::test]
async fn what_breaks_the_books_of_a_pruned_log_is_found() {
    assert_found(&BROKEN_AFTER_PRUNING, true).await;
}

#[tokio::test]
async fn rows_that_are_right_are_looked_at_and_nothing_is_found() {
    let mut said = Vec::new();
    for kind in KINDS {
        let database = kind.database();
        let empty = database.open().await;
        let mut found = reports(&*empty).await;
        assert!(found.iter().all(|report| report.checked_rows == 0));
        for is_pruned in [false, true] {
            let (_database, store) = new(kind, is_pruned).await;
            let right = reports(&*store).await;
            let unseen = right.iter().filter(|report| report.checked_rows == 0);
            assert!(
                unseen.clone().all(|report| report.name == "inbounds_add_up"),
                "{unseen:?}"
            );
            found.extend(right);
        }
        assert_eq!(broken(&found), [""; 0], "{kind:?}");
        said.push(found);
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn refunds_of_large_amounts_add_up() {
    for kind in KINDS {
        let database = kind.database();
        let store = database.open().await;
        accepted(&*store, &[put_location(), put_item("A", 0)]).await;
        let mut order = reserve("o1", &[("A", 1), ("A", 1)]);
        let Command::Reserve(reserve) = &mut order else {
            unreachable!("it is an order")
        };
        for line in &mut reserve.lines {
            line.price = Some(Amount::parse(5_000_000_000, 10_000_000).expect("an amount"));
        }
        let cancels = [cancel("o1", Some("c1"), &[(1, 1)]), cancel("o1", None, &[])];
        accepted(&*store, &[order]).await;
        accepted(&*store, &cancels).await;
        assert_invariants(&*store).await;
        database
            .meddle("UPDATE cancellations SET refund_nanos = refund_nanos + 1")
            .await;
        let report = store.check_invariant("refunds_match_cancellations", None).await;
        assert_eq!(
            report.expect("rows can be read").examples,
            ["location 1, order 1: 10000000000.020000000 refunded on lines, 10000000000.020000002 by cancellations"]
        );
    }
}

/// Releases that are revoked while a refill goes on wait behind units that it has yet to bring.
#[tokio::test]
async fn units_may_be_out_of_turn_while_a_refill_goes_on() {
    for kind in KINDS {
        let database = kind.database();
        let store = database.open().await;
        set_up(&*store).await;
        accepted(&*store, &[reserve("o2", &[("A", 6)]), reserve("o3", &[("A", 6)])]).await;
        let out_of_turn = "UPDATE order_lines SET lacking = quantity - 1 WHERE sequence = 3";
        database.meddle(out_of_turn).await;
        for (statement, violations) in [
            ("UPDATE stock SET pending_refill = NULL", 1),
            ("UPDATE stock SET pending_refill = '{}'", 0),
        ] {
            database.meddle(statement).await;
            let report = store.check_invariant("first_come_first_served", None).await;
            assert_eq!(report.expect("rows can be read").violations, violations, "{statement}");
        }
    }
}
