//! Invariants, checked over rows that break them and rows that only look as if.

use holdfast::allocator::command::Command;
use holdfast::domain::money::Amount;
use holdfast::store::Store;

use super::sqlite_file::{meddle, set_up};
use super::warehouse::{Sqlite, accepted, assert_invariants, cancel, put_item, put_location, receive, reserve};

/// Control: each query finds rows that break it.
#[tokio::test]
async fn every_broken_invariant_is_found() {
    let broken = [
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
        ("directory_matches_orders", "UPDATE order_directory SET sequence = 7"),
        ("promises_match_events", "DELETE FROM orders"),
        (
            "first_come_first_served",
            "UPDATE order_lines SET lacking = 1 WHERE sequence = 2",
        ),
        (
            "inbounds_add_up",
            "INSERT INTO inbounds VALUES (1, 1, 'i1', '2026-03-20', 1)",
        ),
    ];
    for (name, statement) in broken {
        let database = Sqlite::new();
        let store = database.open().await;
        set_up(&store).await;
        accepted(
            &store,
            &[
                receive("r2", &[("A", 1)]),
                reserve("o2", &[("A", 2)]),
                reserve("o3", &[("A", 4)]),
            ],
        )
        .await;
        if name == "first_come_first_served" {
            meddle(&database, "UPDATE orders SET state = 2, lacking = 1 WHERE sequence = 2").expect(name);
        }
        meddle(&database, statement).expect(statement);
        let report = store.check_invariant(name, None).await.expect(name);
        assert!(
            report.violations > 0 && !report.examples.is_empty(),
            "{name} holds after {statement}"
        );
        assert!(store.invariants().contains(&name));
    }
    assert_eq!(broken.len(), Sqlite::new().open().await.invariants().len());
}

#[tokio::test]
async fn refunds_of_large_amounts_add_up() {
    let database = Sqlite::new();
    let store = database.open().await;
    accepted(&store, &[put_location(), put_item("A", 0)]).await;
    let mut order = reserve("o1", &[("A", 1), ("A", 1)]);
    let Command::Reserve(reserve) = &mut order else {
        unreachable!("it is an order")
    };
    for line in &mut reserve.lines {
        line.price = Some(Amount::parse(5_000_000_000, 10_000_000).expect("an amount"));
    }
    accepted(
        &store,
        &[order, cancel("o1", Some("c1"), &[(1, 1)]), cancel("o1", None, &[])],
    )
    .await;
    assert_invariants(&store).await;
    meddle(&database, "UPDATE cancellations SET refund_nanos = refund_nanos + 1").expect("a row");
    let report = store.check_invariant("refunds_match_cancellations", None).await;
    assert_eq!(
        report.expect("rows can be read").examples,
        ["location 1, order 1: 10000000000.020000000 refunded on lines, 10000000000.020000002 by cancellations"]
    );
}

/// Releases that are revoked while a refill goes on wait behind units that it has yet to bring.
#[tokio::test]
async fn units_may_be_out_of_turn_while_a_refill_goes_on() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    accepted(&store, &[reserve("o2", &[("A", 6)]), reserve("o3", &[("A", 6)])]).await;
    let out_of_turn = "UPDATE order_lines SET lacking = quantity - 1 WHERE sequence = 3";
    meddle(&database, out_of_turn).expect("a row");
    for (statement, violations) in [
        ("UPDATE stock SET pending_refill = NULL", 1),
        ("UPDATE stock SET pending_refill = '{}'", 0),
    ] {
        meddle(&database, statement).expect("a row");
        let report = store.check_invariant("first_come_first_served", None).await;
        assert_eq!(report.expect("rows can be read").violations, violations, "{statement}");
    }
}
