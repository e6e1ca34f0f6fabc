//! Lists, by pages.

use chrono::TimeDelta;
use holdfast::domain::event::ReleaseCause;
use holdfast::domain::ids::{ConsumerId, EventSequence, LocationId, Sequence};
use holdfast::domain::order::OrderState;
use holdfast::store::{LogEnds, OrderFilter, Page, Store};

use super::warehouse::{
    accepted, acknowledge, assert_invariants, cancel, now, place, put_item, put_location, receive, reserve, ship,
    ship_after_cancel, sku,
};

super::on_every_store! { lists:
    orders_are_listed_by_place_state_and_sku
    a_queue_is_listed_with_the_units_ahead
    the_catalog_is_listed_by_id
    logs_are_listed_with_their_ends
    what_is_released_is_listed_as_of_an_event
    old_events_go_and_the_books_still_add_up
    what_a_consumer_has_not_dealt_with_stays_until_it_is_silent_for_long
}

/// Five orders of 1 to 5 units, of B and A in turn; two units of A are there.
async fn set_up(store: &dyn Store) {
    accepted(
        store,
        &[
            put_location(),
            put_item("A", 0),
            put_item("B", 0),
            receive("r1", &[("A", 2)]),
        ],
    )
    .await;
    let name = |number| if number % 2 == 0 { "A" } else { "B" };
    let orders: Vec<_> = (1..=5)
        .map(|number| reserve(&format!("o{number}"), &[(name(number), number)]))
        .collect();
    accepted(store, &orders).await;
}

fn all<K>() -> Page<K> {
    Page { after: None, limit: 9 }
}

async fn places(store: &dyn Store, states: &[OrderState], name: Option<&str>, after: i64, limit: u32) -> Vec<i64> {
    let filter = OrderFilter {
        location_id: place(),
        states: states.to_vec(),
        sku: name.map(sku),
        at_risk: None,
    };
    let page = Page {
        after: Some(Sequence(after)),
        limit,
    };
    let listed = store.list_orders(&filter, page).await.expect("rows can be read");
    listed.into_iter().map(|(sequence, _)| sequence.0).collect()
}

pub(crate) async fn orders_are_listed_by_place_state_and_sku(store: &dyn Store) {
    set_up(store).await;
    let open = [OrderState::Waiting, OrderState::Released];
    assert_eq!(places(store, &[], None, 1, 3).await, [2, 3, 4]);
    assert_eq!(places(store, &open, None, 1, 2).await, [2, 3]);
    assert_eq!(places(store, &open[..1], Some("A"), 0, 9).await, [4]);
    assert_eq!(places(store, &[OrderState::Cancelled], None, 0, 9).await, [0; 0]);
    assert_eq!(
        places(store, &[OrderState::Cancelled, OrderState::Released], None, 0, 9).await,
        [2]
    );
}

pub(crate) async fn a_queue_is_listed_with_the_units_ahead(store: &dyn Store) {
    set_up(store).await;
    let page = Page { after: None, limit: 2 };
    let first = store
        .list_backlog(&place(), &sku("B"), page)
        .await
        .expect("rows can be read");
    let after = first.last().map(|line| (line.sequence, line.line_number));
    let page = Page { after, limit: 9 };
    let rest = store
        .list_backlog(&place(), &sku("B"), page)
        .await
        .expect("rows can be read");
    let lines = first.iter().chain(&rest);
    let lines: Vec<_> = lines.map(|line| (line.sequence.0, line.units_ahead.get())).collect();
    assert_eq!(lines, [(1, 0), (3, 1), (5, 4)]);
}

pub(crate) async fn the_catalog_is_listed_by_id(store: &dyn Store) {
    set_up(store).await;
    assert_eq!(
        store.list_stock(&place(), true, all()).await.expect("rows can be read"),
        [sku("A"), sku("B")]
    );
    let page = Page {
        after: Some(sku("A")),
        limit: 9,
    };
    assert_eq!(
        store.list_stock(&place(), false, page).await.expect("rows can be read"),
        [sku("B")]
    );
    let items = store.list_items(all()).await.expect("rows can be read");
    assert_eq!(
        items.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>(),
        ["A", "B"]
    );
    assert_eq!(store.list_locations(all()).await.expect("rows can be read").len(), 1);
    assert!(store.pending_refills().await.expect("rows can be read").is_empty());
}

pub(crate) async fn logs_are_listed_with_their_ends(store: &dyn Store) {
    assert_eq!(store.logs().await.expect("rows can be read"), []);
    set_up(store).await;
    let last = store.last_event(&place()).await.expect("rows can be read");
    let expected = LogEnds {
        location_id: place(),
        oldest: EventSequence(1),
        last: last.expect("a location"),
    };
    assert_eq!(store.logs().await.expect("rows can be read"), [expected]);
}

pub(crate) async fn what_is_released_is_listed_as_of_an_event(store: &dyn Store) {
    let released = async |after, limit| {
        let page = Page {
            after: Some(Sequence(after)),
            limit,
        };
        let listed = store.list_released(&place(), page).await;
        listed.expect("rows can be read")
    };
    assert_eq!(released(0, 9).await, None);
    set_up(store).await;
    accepted(store, &[receive("r2", &[("B", 4)]), acknowledge("o2")]).await;
    let all = released(0, 9).await.expect("a location");
    assert_eq!(
        Some(all.as_of),
        store.last_event(&place()).await.expect("rows can be read")
    );
    let seen: Vec<_> = all
        .orders
        .iter()
        .map(|order| (order.sequence.0, order.release_cause, order.acknowledged_at.is_some()))
        .collect();
    let (purchase, receipt) = (Some(ReleaseCause::Purchase), Some(ReleaseCause::Receipt));
    assert_eq!(seen, [(1, receipt, false), (2, purchase, true), (3, receipt, false)]);
    assert!(all.orders.iter().all(|order| order.lines.len() == 1));
    let page = released(1, 1).await.expect("a location");
    assert_eq!((page.as_of, page.orders), (all.as_of, vec![all.orders[1].clone()]));
}

pub(crate) async fn old_events_go_and_the_books_still_add_up(store: &dyn Store) {
    set_up(store).await;
    accepted(
        store,
        &[receive("r2", &[("B", 4)]), ship("o2"), cancel("o1", None, &[])],
    )
    .await;
    accepted(store, &[ship_after_cancel("o1")]).await;
    assert_eq!(
        store.prune(now(), now()).await.expect("a removal"),
        0,
        "nothing is older than itself"
    );
    let last = store.logs().await.expect("rows can be read")[0].last;
    let removed = store.prune(now() + TimeDelta::days(1), now()).await.expect("a removal");
    assert_eq!(i64::try_from(removed), Ok(last.0 - 1), "the last one stays");
    let ends = store.logs().await.expect("rows can be read");
    assert_eq!((ends[0].oldest, ends[0].last), (last, last));
    assert_invariants(store).await;
    accepted(store, &[reserve("o6", &[("A", 1)])]).await;
    assert_invariants(store).await;
    let events = store.list_events(&place(), all()).await.expect("rows can be read");
    let numbers: Vec<_> = events
        .expect("a location")
        .iter()
        .map(|event| event.event_sequence.0)
        .collect();
    assert_eq!(numbers, [last.0, last.0 + 1]);
}

pub(crate) async fn what_a_consumer_has_not_dealt_with_stays_until_it_is_silent_for_long(store: &dyn Store) {
    set_up(store).await;
    let last = store.logs().await.expect("rows can be read")[0].last;
    let name = |name: &str| ConsumerId::parse(name).expect("an id");
    let later = now() + TimeDelta::days(1);
    let dealt_with = async |consumer: &str, event: i64, at| {
        let nowhere = LocationId::parse("nowhere").expect("an id");
        let places = [(place(), EventSequence(event)), (nowhere, EventSequence(event))];
        let said = store.acknowledge_events(&name(consumer), &places, at).await;
        said.expect("it is written");
    };
    dealt_with("shop", 3, now()).await;
    dealt_with("mail", 4, later).await;
    // An acknowledgement holds for all before it: an earlier one that comes late changes nothing.
    dealt_with("mail", 2, now()).await;
    let listed = store.list_consumers().await.expect("rows can be read");
    let seen: Vec<_> = listed
        .iter()
        .map(|consumer| {
            (
                consumer.consumer_id.as_str(),
                consumer.acknowledged.0,
                consumer.acknowledged_at,
            )
        })
        .collect();
    assert_eq!(seen, [("mail", 4, later), ("shop", 3, now())]);
    assert!(
        listed
            .iter()
            .all(|consumer| consumer.location_id == place() && consumer.last == last)
    );
    assert!(
        listed.iter().all(|consumer| consumer.waiting_since == Some(now())),
        "{listed:?}"
    );
    let oldest = async |heard_since| {
        while store.prune(later, heard_since).await.expect("a removal") > 0 {}
        store.logs().await.expect("rows can be read")[0].oldest.0
    };
    assert_eq!(oldest(now()).await, 4, "both are waited for");
    assert_eq!(oldest(later).await, 5, "one has been silent");
    assert_eq!(
        oldest(later + TimeDelta::seconds(1)).await,
        last.0,
        "both have been silent"
    );
    dealt_with("shop", last.0, later).await;
    let listed = store.list_consumers().await.expect("rows can be read");
    assert_eq!((listed[1].acknowledged, listed[1].waiting_since), (last, None));
}
