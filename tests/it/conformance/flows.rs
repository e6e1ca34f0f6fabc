//! Orders through their lives.

use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::allocator::{command::Command, decide};
use holdfast::domain::ids::{EventSequence, LineNumber, LocationId, Sequence};
use holdfast::domain::order::OrderState;
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::{CommandRound, Outcome};
use holdfast::store::faulty::{Fault, FaultyStore};
use holdfast::store::{Page, Store, StoreError};

use super::warehouse::{
    Sqlite, accepted, adjust, assert_invariants, cancel, counters, look, now, order_id, place, put_inbound, put_item,
    put_location, put_location_at, receive, receive_on, reserve, reserve_at, run, ship, ship_after_cancel,
};

super::on_every_store! { flows:
    an_order_waits_is_released_and_ships
    a_round_equals_its_commands_singly
    a_command_that_panics_costs_itself_alone
    an_order_is_cancelled_in_parts_and_all_is_refunded
    lost_units_revoke_releases_newest_first
    repeats_are_answered_from_the_rows
    an_inbound_is_put_changed_received_and_closed
    more_safety_stock_takes_units_back
}

async fn set_up(store: &dyn Store) {
    accepted(store, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
}

pub(crate) async fn an_order_waits_is_released_and_ships(store: &dyn Store) {
    set_up(store).await;
    accepted(
        store,
        &[
            receive("r1", &[("A", 5)]),
            reserve("o1", &[("A", 2), ("B", 3)]),
            reserve("o2", &[("B", 1)]),
        ],
    )
    .await;
    let seen = look(store, &["o1", "o2"], &[]).await;
    let ahead: Vec<Vec<i64>> = seen
        .orders
        .iter()
        .map(|(_, ahead)| ahead.iter().map(|units| units.get()).collect())
        .collect();
    assert_eq!(ahead, [vec![0, 0], vec![3]]);
    assert_eq!(seen.orders[0].0.state, OrderState::Waiting);
    accepted(store, &[receive("r2", &[("B", 2)])]).await;
    assert_eq!(counters(store, "B").await, (2, 2, 2));
    accepted(store, &[receive("r3", &[("B", 2)])]).await;
    let seen = look(store, &["o1", "o2"], &[]).await;
    assert!(seen.orders.iter().all(|(order, _)| order.state == OrderState::Released));
    accepted(store, &[ship("o1")]).await;
    assert_eq!(counters(store, "A").await, (3, 0, 0));
    assert_eq!(look(store, &["o1"], &[]).await.orders[0].0.state, OrderState::Shipped);
    let events = store
        .list_events(
            &place(),
            Page {
                after: None,
                limit: 100,
            },
        )
        .await
        .expect("the log")
        .expect("the location");
    let kinds: Vec<_> = events.iter().map(|event| event.payload.kind()).collect();
    let expected = [
        "location_changed",
        "stock_received",
        "order_placed",
        "order_placed",
        "stock_received",
        "stock_received",
        "order_released",
        "order_released",
        "order_shipped",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        store.last_event(&place()).await.expect("the log"),
        Some(EventSequence(9))
    );
}

/// Commands that touch each other: supply, orders, cancels, a refusal.
fn story() -> Vec<Command> {
    vec![
        receive("r1", &[("A", 3), ("B", 10)]),
        reserve("o1", &[("A", 2), ("B", 1)]),
        reserve("o2", &[("A", 2), ("A", 1)]),
        reserve("o1", &[("A", 2), ("B", 1)]),
        reserve("o3", &[("Z", 1)]),
        cancel("o1", Some("c1"), &[(1, 1)]),
        receive("r2", &[("A", 1)]),
        cancel("o2", None, &[]),
        reserve("o4", &[("A", 3)]),
        adjust("a1", "A", -2),
        ship("o1"),
        put_location_at(elsewhere()),
        reserve_at(elsewhere(), "o5", &[("C", 1), ("B", 1)]),
        reserve_at(elsewhere(), "o6", &[("Z", 1)]),
        reserve("o7", &[("B", 2), ("B", 1)]),
        cancel("o7", Some("c2"), &[(1, 1)]),
        ship("o7"),
    ]
}

fn elsewhere() -> LocationId {
    LocationId::parse("elsewhere").expect("an id")
}

pub(crate) async fn a_round_equals_its_commands_singly(store: &dyn Store) {
    let other = Sqlite::new();
    let singly = other.open().await;
    for store in [store, &singly] {
        set_up(store).await;
        accepted(store, &[put_item("C", 0)]).await;
    }
    let together = run(store, &story()).await;
    let mut one_by_one = Vec::new();
    for command in story() {
        one_by_one.extend(run(&singly, &[command]).await);
    }
    assert_eq!(format!("{together:?}"), format!("{one_by_one:?}"));
    assert!(
        matches!(together[12], Outcome::Decided(Decision::Accepted(_))),
        "items are known at a location of the same round: {:?}",
        together[12]
    );
    let page = || Page {
        after: None,
        limit: 1000,
    };
    let events = store.list_events(&place(), page()).await.expect("the log");
    assert_eq!(events, singly.list_events(&place(), page()).await.expect("the log"));
    let ids = ["o1", "o2", "o4", "o5", "o7"];
    assert_eq!(
        look(store, &ids, &[]).await.orders,
        look(&singly, &ids, &[]).await.orders
    );
    assert_eq!(
        look(store, &[], &["A", "B"]).await.stocks,
        look(&singly, &[], &["A", "B"]).await.stocks
    );
    assert_invariants(&singly).await;
}

fn panicky(ws: &mut WorkingSet, command: &Command) -> Decision {
    let decision = decide(ws, command);
    let is_bad = matches!(command, Command::Reserve(reserve) if reserve.order_id == order_id("bad"));
    assert!(!is_bad, "injected after its changes");
    decision
}

pub(crate) async fn a_command_that_panics_costs_itself_alone(store: &dyn Store) {
    set_up(store).await;
    let commands = [
        receive("r1", &[("A", 2)]),
        reserve("bad", &[("A", 1)]),
        reserve("good", &[("A", 2)]),
    ];
    let mut round = CommandRound::with_decide(now(), &commands, panicky);
    store.round(&mut round).await.expect("the round is committed");
    let outcomes = round.into_outcomes().expect("no invariant is broken");
    assert!(matches!(outcomes[1], Outcome::Panicked(_)));
    assert!(matches!(outcomes[2], Outcome::Decided(Decision::Accepted(_))));
    assert_eq!(counters(store, "A").await, (2, 2, 0));
    assert_eq!(look(store, &["good"], &[]).await.orders[0].0.sequence, Sequence(1));
}

pub(crate) async fn an_order_is_cancelled_in_parts_and_all_is_refunded(store: &dyn Store) {
    set_up(store).await;
    accepted(
        store,
        &[receive("r1", &[("A", 5)]), reserve("o1", &[("A", 3), ("B", 2)])],
    )
    .await;
    accepted(store, &[cancel("o1", Some("c1"), &[(1, 1), (2, 1)])]).await;
    accepted(store, &[cancel("o1", Some("c2"), &[(2, 1)])]).await;
    assert_eq!(look(store, &["o1"], &[]).await.orders[0].0.state, OrderState::Released);
    accepted(store, &[cancel("o1", None, &[])]).await;
    let order = look(store, &["o1"], &[]).await.orders.remove(0).0;
    assert_eq!(
        (order.state, order.refunded_total()),
        (OrderState::Cancelled, order.total())
    );
    assert_eq!(order.line(LineNumber(1)).map(|line| line.cancelled.get()), Some(3));
    accepted(store, &[ship_after_cancel("o1")]).await;
    assert_eq!(counters(store, "A").await, (3, 0, 0));
}

pub(crate) async fn lost_units_revoke_releases_newest_first(store: &dyn Store) {
    set_up(store).await;
    let orders = ["o1", "o2", "o3"].map(|id| reserve(id, &[("A", 2), ("B", 1)]));
    accepted(store, &[receive("r1", &[("A", 5), ("B", 5)])]).await;
    accepted(store, &orders).await;
    accepted(store, &[adjust("a1", "A", -3)]).await;
    let seen = look(store, &["o1", "o2", "o3"], &["B"]).await;
    let states: Vec<_> = seen.orders.iter().map(|(order, _)| order.state).collect();
    assert_eq!(states, [OrderState::Released, OrderState::Waiting, OrderState::Waiting]);
    accepted(store, &[receive("r2", &[("A", 4)])]).await;
    assert_eq!(counters(store, "A").await, (6, 6, 0));
}

pub(crate) async fn repeats_are_answered_from_the_rows(store: &dyn Store) {
    set_up(store).await;
    let commands = [
        receive("r1", &[("A", 5)]),
        reserve("o1", &[("A", 2)]),
        adjust("a1", "A", -1),
        cancel("o1", Some("c1"), &[(1, 1)]),
    ];
    let first = accepted(store, &commands).await;
    let before = store.last_event(&place()).await.expect("the log");
    let again = accepted(store, &commands).await;
    assert_eq!(store.last_event(&place()).await.expect("the log"), before);
    for (first, again) in first.iter().zip(&again) {
        match (first, again) {
            (Answer::Received(a), Answer::Received(b)) => {
                assert_eq!((a, true), (&without_replay(b.clone()), b.replayed));
            }
            (Answer::Order(a), Answer::Order(b)) => assert_eq!(
                (&a.order.order_id, a.refund, true),
                (&b.order.order_id, b.refund, b.replayed)
            ),
            (Answer::Adjusted(a), Answer::Adjusted(b)) => {
                assert_eq!((a.event_sequence, true), (b.event_sequence, b.replayed));
            }
            other => panic!("{other:?}"),
        }
    }
    let other = run(store, &[reserve("o1", &[("A", 3)])]).await;
    assert!(
        matches!(
            other[0],
            Outcome::Decided(Decision::Rejected(Rejection::IdReused { .. }))
        ),
        "{other:?}"
    );
}

fn without_replay(mut received: holdfast::allocator::decision::Received) -> holdfast::allocator::decision::Received {
    received.replayed = false;
    received
}

pub(crate) async fn an_inbound_is_put_changed_received_and_closed(store: &dyn Store) {
    set_up(store).await;
    accepted(store, &[put_inbound("i1", "2026-03-20", &[("A", 5), ("B", 5)])]).await;
    accepted(store, &[reserve("o1", &[("A", 5)])]).await;
    let promised = look(store, &["o1"], &[]).await.orders[0].0.promised_ship_date;
    assert_eq!(promised, "2026-03-23".parse().expect("a date"));
    accepted(
        store,
        &[
            receive_on("r1", Some("i1"), &[("A", 2)]),
            put_inbound("i1", "2026-04-20", &[("B", 4)]),
        ],
    )
    .await;
    let filter = holdfast::store::InboundFilter {
        location_id: place(),
        sku: None,
        state: None,
    };
    let listed = store
        .list_inbounds(&filter, Page { after: None, limit: 10 })
        .await
        .expect("the inbounds");
    let lines: Vec<_> = listed[0]
        .lines
        .iter()
        .map(|line| (line.sku.as_str(), line.quantity.get(), line.received.get()))
        .collect();
    assert_eq!(lines, [("B", 4, 0), ("A", 0, 2)]);
    let close = holdfast::allocator::command::CloseInbound {
        location_id: place(),
        inbound_id: listed[0].inbound_id.clone(),
    };
    accepted(
        store,
        &[
            put_inbound("i1", "2026-04-20", &[("A", 4)]),
            Command::CloseInbound(close),
        ],
    )
    .await;
    assert_eq!(look(store, &["o1"], &[]).await.orders[0].0.promised_ship_date, promised);
}

pub(crate) async fn more_safety_stock_takes_units_back(store: &dyn Store) {
    set_up(store).await;
    accepted(
        store,
        &[
            receive("r1", &[("A", 5)]),
            reserve("o1", &[("A", 3)]),
            reserve("o2", &[("A", 2)]),
        ],
    )
    .await;
    accepted(store, &[put_item("A", 4)]).await;
    assert_eq!(counters(store, "A").await, (5, 1, 4));
    accepted(store, &[put_item("A", 0)]).await;
    assert_eq!(counters(store, "A").await, (5, 5, 0));
}

#[tokio::test]
async fn a_faulty_store_loses_the_round_or_its_answer() {
    let database = Sqlite::new();
    let faults = |number| match number {
        2 => Some(Fault::BeforeRound),
        3 => Some(Fault::AfterCommit),
        4 => Some(Fault::Storage),
        _ => None,
    };
    let reads = |number| (number == 3).then_some(Fault::BeforeRound);
    let store = FaultyStore::new(database.open().await, Box::new(faults)).with_read_faults(Box::new(reads));
    set_up(&store).await;
    let commands = [receive("r1", &[("A", 5)])];
    let mut round = CommandRound::new(now(), &commands);
    assert!(matches!(store.round(&mut round).await, Err(StoreError::Unavailable(_))));
    assert_eq!(counters(&store, "A").await, (0, 0, 0));
    let mut round = CommandRound::new(now(), &commands);
    assert!(matches!(
        store.round(&mut round).await,
        Err(StoreError::CommitUnknown(_))
    ));
    assert_eq!(counters(&store, "A").await, (5, 0, 0));
    let more = [receive("r2", &[("A", 1)])];
    let failed = store.round(&mut CommandRound::new(now(), &more)).await;
    assert!(matches!(failed, Err(error @ StoreError::Storage(_)) if error.is_fatal()));
    let unread = store.observe(&mut CommandRound::new(now(), &more)).await;
    assert!(matches!(unread, Err(StoreError::Unavailable(_))));
    assert_eq!(counters(&store, "A").await, (5, 0, 0));
}
