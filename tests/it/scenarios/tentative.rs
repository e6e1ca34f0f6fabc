//! Orders that wait for their payment: what they hold, until when, and what becomes of them.

use std::time::Duration;

use holdfast::proto::holdfast::v1::{self as pb, OrderState};
use tonic::{Code, Status};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, fields, metadata};
use crate::support::shop::{Shop, W1, date, order};

on_every_database! {
    a_tentative_order_is_released_once_its_payment_is_confirmed
    at_its_deadline_an_order_holds_nothing_whoever_asks_first
    orders_lapse_by_deadline_and_then_by_place_each_with_its_refill
    a_quiet_location_is_swept
    every_reason_not_to_confirm_is_named
    a_deadline_that_has_passed_or_is_far_ahead_is_refused
    a_backordered_tentative_order_keeps_promise_and_place_and_waits_once_confirmed
    what_was_promised_before_the_cutoff_is_not_delayed_by_the_payment
}

/// Long enough for the sweeper, which comes by once a second, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn timestamp(text: &str) -> Option<prost_types::Timestamp> {
    Some(text.parse().expect("tests name instants that exist"))
}

/// An order whose payment may take until a time of Monday 2026-03-02.
fn tentative(order_id: &str, lines: &[(&str, i64)], until: &str) -> pb::ReserveRequest {
    pb::ReserveRequest {
        payment_deadline: timestamp(&format!("2026-03-02T{until}Z")),
        ..order(order_id, W1, lines)
    }
}

async fn place(shop: &mut Shop, request: pb::ReserveRequest) -> pb::Order {
    let answer = shop.try_reserve(request).await.expect("an order");
    answer.order.expect("an order")
}

async fn confirm(shop: &mut Shop, order_id: &str) -> Result<pb::ConfirmOrderResponse, Status> {
    let order_id = order_id.to_owned();
    let request = pb::ConfirmOrderRequest { order_id };
    let answer = shop.checkout.confirm_order(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn first_event(stream: &mut tonic::Streaming<pb::WatchEventsResponse>) -> pb::Event {
    loop {
        let message = stream.message().await.expect("a message").expect("the stream goes on");
        if let Some(pb::watch_events_response::Item::Event(event)) = message.item {
            return event;
        }
    }
}

/// Asserts what the log of `W1` holds from the first order that lapsed on: the kind of each event, and the order that it is about.
async fn assert_since_lapse(shop: &mut Shop, expected: &[(&str, &str)]) {
    let log = shop.log().await;
    let since = log.iter().map(|(kind, id)| (kind.as_str(), id.as_str()));
    let since: Vec<_> = since.skip_while(|(kind, _)| *kind != "OrderLapsed").collect();
    assert_eq!(since, expected);
}

async fn a_tentative_order_is_released_once_its_payment_is_confirmed(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 3)]).await;
    let placed = place(&mut shop, tentative("O1", &[("A", 2)], "09:30:00")).await;
    assert_eq!(placed.state(), OrderState::Tentative);
    assert_eq!(placed.payment_deadline, timestamp("2026-03-02T09:30:00Z"));
    assert_eq!(placed.promised_ship_date, date("2026-03-03"));
    assert_eq!(shop.counters("A").await, [3, 2, 0, 1]);
    assert!(shop.ship("O1").await.is_err(), "nothing tells the warehouse to ship it");

    shop.set_clock("2026-03-02T09:29:59.999999Z");
    let answer = confirm(&mut shop, "O1").await.expect("the payment came in time");
    let confirmed = answer.order.expect("an order");
    assert!(!answer.replayed);
    assert_eq!(
        (confirmed.state(), confirmed.sequence),
        (OrderState::Released, placed.sequence)
    );
    assert_eq!(confirmed.promised_ship_date, placed.promised_ship_date);
    assert_eq!(confirmed.ship_by_date, date("2026-03-03"));
    assert_eq!(confirmed.confirm_time, timestamp("2026-03-02T09:29:59.999999Z"));

    shop.set_clock("2026-03-02T12:00:00Z");
    let again = confirm(&mut shop, "O1").await.expect("a repeat");
    assert!(again.replayed);
    assert_eq!(again.order, Some(shop.order("O1").await));
    let log = shop.log().await;
    let kinds: Vec<_> = log
        .iter()
        .filter(|(_, id)| id == "O1")
        .map(|(kind, _)| kind.as_str())
        .collect();
    assert_eq!(kinds, ["OrderPlaced", "OrderConfirmed", "OrderReleased"]);
    shop.ship("O1").await.expect("a shipment");
    shop.close().await;
}

async fn at_its_deadline_an_order_holds_nothing_whoever_asks_first(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 3)]).await;
    place(&mut shop, tentative("O1", &[("A", 2)], "09:10:00")).await;
    place(&mut shop, tentative("O2", &[("A", 2)], "09:10:00")).await;
    shop.reserve("O3", &[("A", 1)]).await;
    assert_eq!(shop.counters("A").await, [3, 3, 2, 0]);
    assert_eq!(shop.order("O3").await.lines[0].units_ahead, 1);

    shop.set_clock("2026-03-02T09:10:00Z");
    // Readers foresee it, before anybody wrote it down.
    assert_eq!(shop.counters("A").await, [3, 1, 0, 2]);
    let quote = shop.quote(&[("A", 2)]).await;
    assert_eq!(quote.lines[0].available_quantity, 2);
    assert_eq!(shop.state("O3").await, OrderState::Released);
    let lapsed = shop.order("O1").await;
    assert_eq!(lapsed.state(), OrderState::Cancelled);
    assert_eq!(lapsed.cancel_time, timestamp("2026-03-02T09:10:00Z"));

    // And the next order gets the units.
    let next = shop.reserve("O4", &[("A", 2)]).await;
    assert_eq!((next.state(), next.sequence), (OrderState::Released, 4));
    // What O1 held goes to O2, which is next in line, and to O3.
    let expected = [
        ("OrderLapsed", "O1"),
        ("OrderReleased", "O3"),
        ("OrderLapsed", "O2"),
        ("OrderPlaced", "O4"),
        ("OrderReleased", "O4"),
    ];
    assert_since_lapse(&mut shop, &expected).await;
    shop.close().await;
}

async fn orders_lapse_by_deadline_and_then_by_place_each_with_its_refill(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 2)]).await;
    place(&mut shop, tentative("O1", &[("A", 1)], "09:20:00")).await;
    place(&mut shop, tentative("O2", &[("A", 1)], "09:10:00")).await;
    place(&mut shop, tentative("O3", &[("A", 1)], "09:20:00")).await;
    shop.reserve("O4", &[("A", 1)]).await;
    shop.set_clock("2026-03-02T10:00:00Z");
    shop.receive("A", 1).await;
    // What O2 held goes to O3, which is next in line, and from there to O4.
    let expected = [
        ("OrderLapsed", "O2"),
        ("OrderLapsed", "O1"),
        ("OrderReleased", "O4"),
        ("OrderLapsed", "O3"),
        ("StockReceived", ""),
    ];
    assert_since_lapse(&mut shop, &expected).await;
    assert_eq!(shop.counters("A").await, [3, 1, 0, 2]);
    shop.close().await;
}

async fn a_quiet_location_is_swept(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    place(&mut shop, tentative("O1", &[("A", 1)], "09:05:00")).await;
    shop.set_clock("2026-03-02T09:05:00Z");
    let request = pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        types: vec![pb::EventType::OrderLapsed.into()],
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = shop.events.watch_events(request).await.expect("a stream").into_inner();
    let event = tokio::time::timeout(PATIENCE, first_event(&mut stream)).await;
    let event = event.expect("somebody comes by");
    assert_eq!(event.order_id, "O1");
    let Some(pb::event::Payload::OrderLapsed(payload)) = event.payload else {
        panic!("{event:?}")
    };
    assert_eq!(payload.payment_deadline, timestamp("2026-03-02T09:05:00Z"));
    assert_eq!(payload.lines.len(), 1);
    drop(stream);
    shop.close().await;
}

async fn every_reason_not_to_confirm_is_named(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    let error = confirm(&mut shop, "O9").await.expect_err("no such order");
    assert_error(&error, Code::NotFound, "UNKNOWN_ORDER");
    let error = confirm(&mut shop, "").await.expect_err("no id");
    assert_error(&error, Code::InvalidArgument, "INVALID_FIELD");
    shop.reserve("O1", &[("A", 1)]).await;
    let error = confirm(&mut shop, "O1")
        .await
        .expect_err("it was paid when it was placed");
    assert_error(&error, Code::FailedPrecondition, "NOT_TENTATIVE");
    assert_eq!(metadata(&error, "state").as_deref(), Some("ORDER_STATE_RELEASED"));
    place(&mut shop, tentative("O2", &[("A", 1)], "09:30:00")).await;
    shop.cancel("O2").await.expect("a cancellation");
    let error = confirm(&mut shop, "O2").await.expect_err("it is cancelled");
    assert_error(&error, Code::FailedPrecondition, "ORDER_CANCELLED");
    place(&mut shop, tentative("O3", &[("A", 1)], "09:30:00")).await;
    shop.set_clock("2026-03-02T09:30:00Z");
    for _ in 0..2 {
        let error = confirm(&mut shop, "O3").await.expect_err("the payment came late");
        assert_error(&error, Code::FailedPrecondition, "PAYMENT_DEADLINE_PASSED");
        assert_eq!(
            metadata(&error, "payment_deadline").as_deref(),
            Some("2026-03-02T09:30:00Z")
        );
    }
    assert_eq!(shop.counters("A").await, [5, 1, 0, 4]);
    shop.close().await;
}

async fn a_deadline_that_has_passed_or_is_far_ahead_is_refused(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    for until in ["08:59:59", "09:00:00", "10:00:00.000001"] {
        let request = tentative("O1", &[("A", 1)], until);
        let error = shop.try_reserve(request).await.expect_err("a deadline out of range");
        assert_error(&error, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(fields(&error), ["payment_deadline"], "{until}");
    }
    place(&mut shop, tentative("O1", &[("A", 1)], "10:00:00")).await;
    // A repeat is one although the deadline is nearer by now, and has another content with another deadline.
    shop.set_clock("2026-03-02T10:30:00Z");
    let again = shop
        .try_reserve(tentative("O1", &[("A", 1)], "10:00:00"))
        .await
        .expect("a repeat");
    assert!(again.replayed);
    assert_eq!(again.order.expect("an order").state(), OrderState::Cancelled);
    let other = tentative("O1", &[("A", 1)], "10:45:00");
    let error = shop.try_reserve(other).await.expect_err("another deadline");
    assert_error(&error, Code::AlreadyExists, "ID_REUSED");
    assert_eq!(metadata(&error, "field").as_deref(), Some("payment_deadline"));
    shop.close().await;
}

async fn a_backordered_tentative_order_keeps_promise_and_place_and_waits_once_confirmed(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 5)]).await;
    let placed = place(&mut shop, tentative("O1", &[("A", 2)], "10:00:00")).await;
    assert_eq!(placed.promised_ship_date, date("2026-03-11"));
    let next = shop.reserve("O2", &[("A", 1)]).await;
    assert_eq!(next.lines[0].units_ahead, 2);
    shop.put_inbound("PO-1", "2026-03-20", &[("A", 5)]).await;
    let confirmed = confirm(&mut shop, "O1")
        .await
        .expect("a payment")
        .order
        .expect("an order");
    assert_eq!(confirmed.state(), OrderState::Waiting);
    assert_eq!(confirmed.promised_ship_date, date("2026-03-11"));
    assert_eq!(confirmed.estimated_ship_date, date("2026-03-23"));
    shop.receive("A", 2).await;
    assert_eq!(shop.state("O1").await, OrderState::Released);
    assert_eq!(shop.state("O2").await, OrderState::Waiting);
    shop.close().await;
}

async fn what_was_promised_before_the_cutoff_is_not_delayed_by_the_payment(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    let cutoff = holdfast::proto::google::r#type::TimeOfDay {
        hours: 9,
        minutes: 10,
        ..Default::default()
    };
    shop.put_location(pb::Location {
        cutoff: Some(cutoff),
        ..crate::support::shop::location(W1)
    })
    .await;
    let placed = place(&mut shop, tentative("O1", &[("A", 1)], "09:30:00")).await;
    assert_eq!(placed.promised_ship_date, date("2026-03-03"));
    shop.set_clock("2026-03-02T09:20:00Z");
    let confirmed = confirm(&mut shop, "O1")
        .await
        .expect("a payment")
        .order
        .expect("an order");
    assert_eq!(confirmed.ship_by_date, date("2026-03-03"));
    assert!(!confirmed.at_risk);
    shop.close().await;
}
