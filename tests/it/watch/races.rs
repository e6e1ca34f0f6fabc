//! A cancel against the confirmation of the shipment, at one server and at two that share a database: exactly one wins, and
//! the streams of every server tell the same story.
//!
//! `HOLDFAST_RACES` says how many are run (20,000 for the long form).

use std::collections::BTreeMap;

use holdfast::proto::holdfast::v1 as pb;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::event::Payload;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::watch_events_response::Item;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use super::follower::Follower;
use super::validators::{from_environment, log_of, shipment};
use crate::support::databases::Kind;
use crate::support::errors::assert_error;
use crate::support::instances::instances;
use crate::support::shop::{Shop, W1, order};

/// Races at a time.
const AT_A_TIME: usize = 50;

type Clients = (CheckoutServiceClient<Channel>, WarehouseServiceClient<Channel>);

/// Runs a race; answers whether the order shipped.
async fn race((mut checkout, mut warehouse): Clients, order_id: String, ship_first: bool) -> (String, bool) {
    checkout
        .reserve(order(&order_id, W1, &[("A", 1)]))
        .await
        .expect("an order");
    let cancel = pb::CancelOrderRequest {
        order_id: order_id.clone(),
        ..pb::CancelOrderRequest::default()
    };
    let confirmation = shipment(&order_id);
    let (cancelled, shipped) = if ship_first {
        let (shipped, cancelled) =
            tokio::join!(warehouse.confirm_shipment(confirmation), checkout.cancel_order(cancel));
        (cancelled, shipped)
    } else {
        tokio::join!(checkout.cancel_order(cancel), warehouse.confirm_shipment(confirmation))
    };
    match (cancelled, shipped) {
        (Ok(_), Err(refused)) => assert_error(&refused, Code::FailedPrecondition, "ORDER_CANCELLED"),
        (Err(refused), Ok(_)) => {
            assert_error(&refused, Code::FailedPrecondition, "ORDER_SHIPPED");
            return (order_id, true);
        }
        both => panic!("{order_id}: exactly one wins: {both:?}"),
    }
    (order_id, false)
}

/// The log up to an event, as a server's stream tells it. A busy server says that it lives in between.
async fn told(shop: &mut Shop, last: i64) -> Vec<pb::Event> {
    let request = pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = shop.events.watch_events(request).await.expect("a stream").into_inner();
    let mut told: Vec<pb::Event> = Vec::new();
    while told.last().is_none_or(|event| event.event_sequence < last) {
        let message = stream.message().await.expect("a message").expect("it goes on");
        if let Some(Item::Event(event)) = message.item {
            told.push(event);
        }
    }
    told
}

/// What the log says of each order: whether it shipped, and whether its release was revoked.
fn story(log: &[pb::Event]) -> BTreeMap<String, (bool, bool)> {
    let mut story: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for event in log {
        let payload = event.payload.as_ref().expect("what happened");
        let told = (
            matches!(payload, Payload::OrderShipped(_)),
            matches!(payload, Payload::ReleaseRevoked(_)),
        );
        let (shipped, revoked) = story.entry(event.order_id.clone()).or_default();
        *shipped |= told.0;
        *revoked |= told.1;
    }
    // What is not about an order.
    story.remove("");
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_cancel_and_a_shipment_exactly_one_wins_and_the_streams_agree() {
    run_races(instances(Kind::Sqlite, 1, &[W1]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_cancel_at_one_server_and_a_shipment_at_another_exactly_one_wins() {
    run_races(instances(Kind::Postgres, 2, &[W1]).await).await;
}

/// Cancels at one server what is shipped at the next, and the other way round.
async fn run_races(mut shops: Vec<Shop>) {
    let races = from_environment("HOLDFAST_RACES", 600);
    shops[0].receive("A", 1_000_000).await;
    let mut shipped = BTreeMap::new();
    for first in (0..races).step_by(AT_A_TIME) {
        let numbers = first..races.min(first + AT_A_TIME);
        let mut calls = JoinSet::new();
        for number in numbers {
            // Over four races, each server takes each part, first and second.
            let at = number >> 1;
            let (one, next) = (&shops[at % shops.len()], &shops[(at + 1) % shops.len()]);
            let clients = (one.checkout.clone(), next.warehouse.clone());
            calls.spawn(race(clients, format!("O{number}"), number % 2 == 0));
        }
        shipped.extend(calls.join_all().await);
    }
    let won = shipped.values().filter(|shipped| **shipped).count();
    assert!(
        won * 20 > races && (races - won) * 20 > races,
        "{won} of {races} shipped: that is no race"
    );
    let expected: BTreeMap<_, _> = shipped
        .iter()
        .map(|(id, shipped)| (id.clone(), (*shipped, !*shipped)))
        .collect();
    let log = log_of(&mut shops[0].events, W1).await;
    assert_eq!(story(&log), expected);
    let last = log.last().expect("much happened").event_sequence;
    for shop in &mut shops {
        assert!(told(shop, last).await == log, "every server tells the log");
        let mut follower = Follower::of(W1);
        follower.read_all(&mut shop.warehouse).await;
        assert!(follower.open.is_empty(), "nothing is left to be shipped");
    }
    for shop in shops {
        shop.close().await;
    }
}
