//! A cancel against the confirmation of the shipment: exactly one wins, and the streams tell the same story.
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
use super::validators::{from_environment, shipment};
use crate::support::databases::Kind;
use crate::support::errors::assert_error;
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

/// What the log says of each order: whether it shipped, and whether its release was revoked.
async fn story(shop: &mut Shop) -> BTreeMap<String, (bool, bool)> {
    let request = pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = shop.events.watch_events(request).await.expect("a stream").into_inner();
    let mut story: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    while let Some(Item::Event(event)) = stream.message().await.expect("a message").expect("it goes on").item {
        let payload = event.payload.expect("what happened");
        let told = (
            matches!(payload, Payload::OrderShipped(_)),
            matches!(payload, Payload::ReleaseRevoked(_)),
        );
        let (shipped, revoked) = story.entry(event.order_id).or_default();
        *shipped |= told.0;
        *revoked |= told.1;
    }
    // What is not about an order.
    story.remove("");
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_cancel_and_a_shipment_exactly_one_wins_and_the_streams_agree() {
    let races = from_environment("HOLDFAST_RACES", 600);
    let mut shop = Shop::stocked(Kind::Sqlite, &[("A", 1_000_000)]).await;
    let mut shipped = BTreeMap::new();
    for first in (0..races).step_by(AT_A_TIME) {
        let numbers = first..races.min(first + AT_A_TIME);
        let mut calls = JoinSet::new();
        for number in numbers {
            let clients = (shop.checkout.clone(), shop.warehouse.clone());
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
    assert_eq!(story(&mut shop).await, expected);
    let mut follower = Follower::of(W1);
    follower.read_all(&mut shop.warehouse).await;
    assert!(follower.open.is_empty(), "nothing is left to be shipped");
    shop.close().await;
}
