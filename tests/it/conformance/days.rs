//! Whose day is to begin: what a store finds is what a decision begins.

use chrono::TimeDelta;
use holdfast::allocator::command::{Command, Reestimate};
use holdfast::allocator::day::SKEW;
use holdfast::domain::Instant;
use holdfast::store::Store;

use super::warehouse::{accepted, now, place, put_location, run_at};

super::on_every_store! { days:
    a_day_begins_when_it_comes_and_anew_if_a_clock_was_wrong
}

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

fn day() -> Reestimate {
    Reestimate {
        location_id: place(),
        sku: None,
    }
}

async fn due(store: &dyn Store, at: Instant) -> Vec<Reestimate> {
    store.due(at).await.expect("a list").estimates
}

async fn step(store: &dyn Store, at: Instant) {
    run_at(store, at, &[Command::Reestimate(day())]).await;
}

pub(crate) async fn a_day_begins_when_it_comes_and_anew_if_a_clock_was_wrong(store: &dyn Store) {
    accepted(store, &[put_location()]).await;
    // The first day of a location began when it was put.
    assert_eq!(due(store, now()).await, []);
    let midnight: Instant = "2026-03-07T00:00:00Z".parse().expect("an instant");
    assert_eq!(due(store, midnight - MICROSECOND).await, []);
    assert_eq!(due(store, midnight).await, [day()]);
    // A clock may be behind the one by which the day began, as far as clocks may be apart.
    let behind = now() - SKEW;
    assert_eq!(due(store, behind).await, []);
    step(store, behind).await;
    assert_eq!(due(store, now()).await, [], "a step begins no day that is not found");
    let further_behind = behind - MICROSECOND;
    assert_eq!(due(store, further_behind).await, [day()]);
    step(store, further_behind).await;
    assert_eq!(due(store, now()).await, [day()], "a day that is found begins");
}
