//! What a store keeps and finds of orders that wait for a payment, and of orders that name no location.

use chrono::TimeDelta;
use holdfast::allocator::command::Command;
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::ids::{LocationId, OrderId};
use holdfast::domain::order::OrderState;
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::Outcome;
use holdfast::store::{Round, Store, Verdict};

use super::warehouse::{
    accepted, counters, look, now, order_id, place, put_item, put_location, put_location_at, receive, reserve,
    reserve_at, run_at,
};

super::on_every_store! { tentative:
    a_tentative_order_lapses_for_whoever_comes_next
    a_reader_that_knew_of_no_payment_hears_of_one
    a_confirmed_order_stays_confirmed
    a_reused_id_lets_lapse_what_is_due_where_it_is_asked_for
    an_order_that_names_no_location_goes_where_the_units_are
}

pub(crate) fn minutes(count: i64) -> Instant {
    now() + TimeDelta::minutes(count)
}

pub(crate) fn tentative(id: &str, lines: &[(&str, i64)], deadline: Instant) -> Command {
    let Command::Reserve(mut order) = reserve(id, lines) else {
        panic!("an order is reserved")
    };
    order.terms.payment_deadline = Some(deadline);
    Command::Reserve(order)
}

async fn set_up(store: &dyn Store) {
    accepted(store, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
    accepted(store, &[receive("r1", &[("A", 5), ("B", 1)])]).await;
}

pub(crate) async fn a_tentative_order_lapses_for_whoever_comes_next(store: &dyn Store) {
    set_up(store).await;
    let orders = [
        tentative("o1", &[("A", 3), ("B", 2)], minutes(20)),
        tentative("o2", &[("A", 1)], minutes(10)),
    ];
    accepted(store, &orders).await;
    assert_eq!(counters(store, "A").await, (5, 4, 0));
    assert!(store.due(minutes(9)).await.expect("a list").lapsed.is_empty());
    assert_eq!(store.due(minutes(10)).await.expect("a list").lapsed, [place()]);
    run_at(store, minutes(10), &[Command::Lapse(place())]).await;
    assert_eq!(counters(store, "A").await, (5, 3, 0));
    run_at(store, minutes(30), &[reserve("o3", &[("A", 5)])]).await;
    assert_eq!(counters(store, "A").await, (5, 5, 0));
    assert_eq!(counters(store, "B").await, (1, 0, 0));
    assert!(store.due(minutes(60)).await.expect("a list").lapsed.is_empty());
    let seen = look(store, &["o1", "o2", "o3"], &[]).await.orders;
    assert_eq!(seen[0].0.cancelled_at, Some(minutes(20)));
    assert_eq!(seen[1].0.cancelled_at, Some(minutes(10)));
    assert!(seen[0].0.has_lapsed() && seen[1].0.has_lapsed());
    assert_eq!(seen[2].0.state, OrderState::Released);
}

/// A reader of a location at an instant, which finds what has lapsed there by then.
struct LapsedBy(Instant, Vec<OrderId>);

impl Round for LapsedBy {
    fn now(&self) -> Instant {
        self.0
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            locations: vec![place()],
            ..Footprint::default()
        }
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        Wants::default()
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        let due = ws.due.values().flat_map(|due| &due.orders);
        self.1 = due.map(|index| ws.order(*index).order_id.clone()).collect();
        Verdict::Abandon
    }
}

async fn lapsed_by(store: &dyn Store, now: Instant) -> Vec<OrderId> {
    let mut reader = LapsedBy(now, Vec::new());
    store.observe(&mut reader).await.expect("a snapshot");
    reader.1
}

pub(crate) async fn a_reader_that_knew_of_no_payment_hears_of_one(store: &dyn Store) {
    set_up(store).await;
    assert!(lapsed_by(store, minutes(1)).await.is_empty());
    accepted(store, &[tentative("o1", &[("A", 1)], minutes(20))]).await;
    accepted(store, &[tentative("o2", &[("A", 1)], minutes(10))]).await;
    accepted(store, &[tentative("o3", &[("A", 1)], minutes(30))]).await;
    assert!(lapsed_by(store, minutes(9)).await.is_empty());
    assert_eq!(lapsed_by(store, minutes(10)).await, [order_id("o2")]);
    run_at(store, minutes(10), &[Command::Lapse(place())]).await;
    assert!(lapsed_by(store, minutes(19)).await.is_empty());
    assert_eq!(lapsed_by(store, minutes(30)).await, [order_id("o1"), order_id("o3")]);
}

pub(crate) async fn a_confirmed_order_stays_confirmed(store: &dyn Store) {
    set_up(store).await;
    // In one round and in two: rows of new orders and rows that change.
    let confirm = |id: &str| Command::Confirm(order_id(id));
    accepted(store, &[tentative("o1", &[("A", 1)], minutes(20)), confirm("o1")]).await;
    accepted(store, &[tentative("o2", &[("A", 9)], minutes(20))]).await;
    run_at(store, minutes(5), &[confirm("o2")]).await;
    run_at(store, minutes(30), &[Command::Lapse(place())]).await;
    let seen = look(store, &["o1", "o2"], &[]).await.orders;
    assert_eq!(
        (seen[0].0.state, seen[0].0.confirmed_at),
        (OrderState::Released, Some(now()))
    );
    assert_eq!(
        (seen[1].0.state, seen[1].0.confirmed_at),
        (OrderState::Waiting, Some(minutes(5)))
    );
}

/// The id of an order that is placed elsewhere is refused where it is asked for: that location's lapses come first, and the
/// other one is left alone, whose lock nobody needs for that.
pub(crate) async fn a_reused_id_lets_lapse_what_is_due_where_it_is_asked_for(store: &dyn Store) {
    set_up(store).await;
    let elsewhere = LocationId::parse("elsewhere").expect("an id");
    accepted(store, &[put_location_at(elsewhere.clone())]).await;
    let Command::Reserve(mut there) = tentative("o3", &[("A", 1)], minutes(10)) else {
        panic!("an order is reserved")
    };
    there.location_id = Some(elsewhere.clone());
    let placed = [
        tentative("o1", &[("A", 1)], minutes(10)),
        reserve("o2", &[("A", 1)]),
        Command::Reserve(there),
    ];
    accepted(store, &placed).await;
    let outcomes = run_at(store, minutes(11), &[reserve_at(elsewhere, "o2", &[("A", 1)])]).await;
    let is_reused = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Decided(Decision::Rejected(Rejection::IdReused { .. }))
        )
    };
    assert!(outcomes.iter().all(is_reused), "{outcomes:?}");
    let orders = look(store, &["o1", "o2", "o3"], &[]).await.orders;
    let states: Vec<_> = orders.iter().map(|(order, ..)| order.state).collect();
    assert_eq!(
        states,
        [OrderState::Tentative, OrderState::Released, OrderState::Cancelled]
    );
}

pub(crate) async fn an_order_that_names_no_location_goes_where_the_units_are(store: &dyn Store) {
    set_up(store).await;
    let elsewhere = LocationId::parse("elsewhere").expect("an id");
    accepted(store, &[put_location_at(elsewhere.clone())]).await;
    let anywhere = |id: &str, lines: &[(&str, i64)]| {
        let Command::Reserve(mut order) = reserve(id, lines) else {
            panic!("an order is reserved")
        };
        order.location_id = None;
        Command::Reserve(order)
    };
    // The units are here, and once they are gone the lower id wins.
    let commands = [anywhere("o1", &[("A", 5)]), anywhere("o2", &[("A", 1), ("B", 2)])];
    let outcomes = run_at(store, now(), &commands).await;
    let at: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Decided(Decision::Accepted(Answer::Order(answer))) => answer.location_id.clone(),
            other @ (Outcome::Decided(_) | Outcome::Panicked(_) | Outcome::Failed(_)) => {
                panic!("not accepted: {other:?}")
            }
        })
        .collect();
    assert_eq!(at, [place(), elsewhere]);
    assert_eq!(counters(store, "B").await, (1, 0, 0));
}
