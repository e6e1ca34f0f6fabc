//! Worked cases of cancelling, shipping, counting, races and repeats.

use holdfast::proto::google::r#type::Money;
use holdfast::proto::holdfast::v1::adjust_stock_request::Change;
use holdfast::proto::holdfast::v1::{self as pb, OrderState};
use tonic::Code;

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, metadata};
use crate::support::shop::{Shop, W1, order};

on_every_database! {
    s50_cancelling_one_release_leaves_the_other
    s54_a_shipped_order_is_gone_and_cannot_be_cancelled
    s57_a_count_is_accepted_though_units_are_allocated
    waiting_orders_lose_units_before_released_ones_and_the_newest_first
    s58_stock_falls_once_by_what_was_shipped
    s59_a_released_order_waits_again_when_the_shelf_is_empty
    s64_of_many_orders_for_one_unit_exactly_one_is_accepted
    s66_whichever_of_two_orders_came_first_is_whole
    s71_repeats_have_one_effect_and_other_content_is_refused
    s73_in_stock_only_refuses_what_would_wait
    parts_of_a_line_are_refunded_pro_rata_and_sum_to_what_was_paid
    a_part_cancelled_of_a_released_order_revokes_it_and_releases_what_is_left
    a_parcel_that_left_after_the_cancel_comes_off_on_hand_and_keeps_the_refund
}

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn euros(units: i64, nanos: i32) -> Option<Money> {
    Some(Money {
        currency_code: "EUR".to_owned(),
        units,
        nanos,
    })
}

async fn s50_cancelling_one_release_leaves_the_other(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 15)]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    shop.reserve("O2", &[("A", 3)]).await;
    shop.cancel("O1").await.expect("a cancellation");
    let log = shop.log().await;
    let revoked: Vec<_> = log
        .iter()
        .filter(|(kind, _)| kind == "ReleaseRevoked")
        .map(|(_, id)| id.as_str())
        .collect();
    assert_eq!(revoked, ["O1"]);
    assert_eq!(shop.state("O2").await, OrderState::Released);
    shop.cancel("O2")
        .await
        .expect("a cancellation wins until the shipment is confirmed");
    assert_eq!(shop.counters("A").await, [15, 0, 0, 15]);
    shop.close().await;
}

async fn s54_a_shipped_order_is_gone_and_cannot_be_cancelled(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 10)]).await;
    shop.reserve("O1", &[("A", 10)]).await;
    let shipped = shop.ship("O1").await.expect("a shipment").order.expect("an order");
    assert_eq!((shipped.state(), shipped.parcels.len()), (OrderState::Shipped, 1));
    assert_eq!(shop.counters("A").await, [0, 0, 0, 0]);
    let refused = shop.cancel("O1").await.expect_err("it shipped");
    assert_error(&refused, Code::FailedPrecondition, "ORDER_SHIPPED");
    shop.close().await;
}

async fn s57_a_count_is_accepted_though_units_are_allocated(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 100)]).await;
    shop.reserve("O1", &[("A", 20)]).await;
    shop.reserve("O2", &[("A", 30)]).await;
    let refused = shop.adjust("A", Change::Delta(-101)).await.expect_err("below zero");
    assert_error(&refused, Code::FailedPrecondition, "ON_HAND_BELOW_ZERO");
    assert_eq!(shop.counters("A").await, [100, 50, 0, 50]);
    let adjusted = shop.adjust("A", Change::Delta(-100)).await.expect("a count");
    assert_eq!((adjusted.on_hand, adjusted.allocated, adjusted.available), (0, 0, 0));
    assert_eq!(adjusted.orders_returned_to_waiting, ["O1", "O2"]);
    assert_eq!(shop.counters("A").await, [0, 0, 50, 0]);
    let receipt = shop.receive("A", 20).await;
    assert_eq!(
        receipt.released_order_ids,
        ["O1"],
        "they wait again at their old places"
    );
    shop.close().await;
}

async fn waiting_orders_lose_units_before_released_ones_and_the_newest_first(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 10), ("B", 0)]).await;
    shop.reserve("O1", &[("A", 2), ("B", 1)]).await;
    shop.reserve("O2", &[("A", 3)]).await;
    shop.reserve("O3", &[("A", 4), ("B", 1)]).await;
    shop.reserve("O4", &[("A", 1)]).await;
    let adjusted = shop.adjust("A", Change::CountedQuantity(7)).await.expect("a count");
    assert!(adjusted.orders_returned_to_waiting.is_empty());
    assert_eq!(allocations(&mut shop).await, [2, 3, 1, 1]);
    let adjusted = shop.adjust("A", Change::CountedQuantity(3)).await.expect("a count");
    assert_eq!(adjusted.orders_returned_to_waiting, ["O4"]);
    assert_eq!(allocations(&mut shop).await, [0, 3, 0, 0]);
    let adjusted = shop.adjust("A", Change::CountedQuantity(2)).await.expect("a count");
    assert_eq!(adjusted.orders_returned_to_waiting, ["O2"]);
    assert_eq!(allocations(&mut shop).await, [2, 0, 0, 0]);
    shop.close().await;
}

async fn allocations(shop: &mut Shop) -> [i64; 4] {
    [
        shop.allocated("O1").await,
        shop.allocated("O2").await,
        shop.allocated("O3").await,
        shop.allocated("O4").await,
    ]
}

async fn s58_stock_falls_once_by_what_was_shipped(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 100)]).await;
    shop.reserve("O1", &[("A", 3)]).await;
    shop.ship("O1").await.expect("a shipment");
    assert_eq!(shop.counters("A").await, [97, 0, 0, 97]);
    shop.close().await;
}

async fn s59_a_released_order_waits_again_when_the_shelf_is_empty(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    let adjusted = shop.adjust("A", Change::CountedQuantity(0)).await.expect("a count");
    assert_eq!(adjusted.orders_returned_to_waiting, ["O1"]);
    // Once it waits and nobody knows until when, it is at risk too.
    let log = shop.log().await;
    let last = log.iter().rfind(|(kind, _)| kind != "PromiseAtRisk");
    assert_eq!(last, Some(&("ReleaseRevoked".to_owned(), "O1".to_owned())));
    assert_eq!(shop.state("O1").await, OrderState::Waiting);
    shop.close().await;
}

async fn s64_of_many_orders_for_one_unit_exactly_one_is_accepted(kind: Kind) {
    let shop = Shop::stocked(kind, &[("A", 1)]).await;
    let calls = (0..64).map(|n| {
        let mut checkout = shop.checkout.clone();
        let request = pb::ReserveRequest {
            in_stock_only: true,
            ..order(&format!("O{n}"), W1, &[("A", 1)])
        };
        tokio::spawn(async move { checkout.reserve(request).await })
    });
    let mut accepted = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("a call") {
            Ok(_) => accepted += 1,
            Err(refused) => assert_error(&refused, Code::FailedPrecondition, "INSUFFICIENT_STOCK"),
        }
    }
    assert_eq!(accepted, 1);
    shop.close().await;
}

async fn s66_whichever_of_two_orders_came_first_is_whole(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 20)]).await;
    let calls = [("O1", 5), ("O2", 20)].map(|(id, quantity)| {
        let mut checkout = shop.checkout.clone();
        let request = order(id, W1, &[("A", quantity)]);
        tokio::spawn(async move { checkout.reserve(request).await })
    });
    for call in calls {
        call.await.expect("a call").expect("an order");
    }
    let (first, second) = (shop.order("O1").await, shop.order("O2").await);
    let oldest = if first.sequence < second.sequence {
        &first
    } else {
        &second
    };
    assert_eq!(oldest.state(), OrderState::Released);
    assert_eq!(
        first.lines[0].allocated_quantity + second.lines[0].allocated_quantity,
        20
    );
    shop.close().await;
}

async fn s71_repeats_have_one_effect_and_other_content_is_refused(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 10)]).await;
    shop.reserve("O1", &[("A", 3)]).await;
    let again = shop.try_reserve(order("O1", W1, &[("A", 3)])).await.expect("a repeat");
    assert!(again.replayed);
    assert_eq!(again.order.expect("an order").sequence, 1);
    let other = shop
        .try_reserve(order("O1", W1, &[("A", 4)]))
        .await
        .expect_err("other content");
    assert_error(&other, Code::AlreadyExists, "ID_REUSED");
    assert_eq!(metadata(&other, "field").as_deref(), Some("lines[0].quantity"));
    assert!(!shop.ship("O1").await.expect("a shipment").replayed);
    assert!(shop.ship("O1").await.expect("a repeat").replayed);
    assert_eq!(shop.counters("A").await, [7, 0, 0, 7]);
    shop.close().await;
}

async fn s73_in_stock_only_refuses_what_would_wait(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 8)]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    let request = pb::ReserveRequest {
        in_stock_only: true,
        ..order("O2", W1, &[("A", 10)])
    };
    let refused = shop.try_reserve(request).await.expect_err("too many");
    assert_error(&refused, Code::FailedPrecondition, "INSUFFICIENT_STOCK");
    assert_eq!(shop.counters("A").await, [8, 2, 0, 6]);
    shop.close().await;
}

async fn parts_of_a_line_are_refunded_pro_rata_and_sum_to_what_was_paid(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 3)]).await;
    let mut request = order("O1", W1, &[("A", 3)]);
    request.lines[0].price = euros(10, 0);
    shop.try_reserve(request).await.expect("an order");
    let part = |request_id: &str| pb::CancelOrderRequest {
        order_id: "O1".to_owned(),
        lines: vec![pb::CancelLine {
            line_number: 1,
            quantity: 1,
        }],
        request_id: request_id.to_owned(),
        ..pb::CancelOrderRequest::default()
    };
    let mut refunds = Vec::new();
    for request_id in ["C1", "C2", "C2", "C3"] {
        refunds.push(
            shop.checkout
                .cancel_order(part(request_id))
                .await
                .expect("a part")
                .into_inner(),
        );
    }
    let amounts: Vec<_> = refunds.iter().map(|answer| answer.refund.clone()).collect();
    assert_eq!(
        amounts,
        [
            euros(3, 330_000_000),
            euros(3, 330_000_000),
            euros(3, 330_000_000),
            euros(3, 340_000_000)
        ]
    );
    assert_eq!(
        refunds.iter().map(|answer| answer.replayed).collect::<Vec<_>>(),
        [false, false, true, false]
    );
    let order = shop.order("O1").await;
    assert_eq!(
        (order.state(), order.refunded_total),
        (OrderState::Cancelled, euros(10, 0))
    );
    shop.close().await;
}

async fn a_part_cancelled_of_a_released_order_revokes_it_and_releases_what_is_left(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    shop.reserve("O2", &[("A", 2)]).await;
    let request = pb::CancelOrderRequest {
        order_id: "O1".to_owned(),
        lines: vec![pb::CancelLine {
            line_number: 1,
            quantity: 2,
        }],
        request_id: "C1".to_owned(),
        ..pb::CancelOrderRequest::default()
    };
    let answer = shop.checkout.cancel_order(request).await.expect("a part").into_inner();
    assert_eq!(answer.order.expect("an order").state(), OrderState::Released);
    let kinds: Vec<_> = shop
        .log()
        .await
        .into_iter()
        .filter(|(_, id)| id == "O1")
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        [
            "OrderPlaced",
            "OrderReleased",
            "LinesCancelled",
            "ReleaseRevoked",
            "OrderReleased"
        ]
    );
    assert_eq!(
        shop.state("O2").await,
        OrderState::Released,
        "what came free went to the queue"
    );
    shop.close().await;
}

async fn a_parcel_that_left_after_the_cancel_comes_off_on_hand_and_keeps_the_refund(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    let mut request = order("O1", W1, &[("A", 3)]);
    request.lines[0].price = euros(30, 0);
    shop.try_reserve(request).await.expect("an order");
    shop.cancel("O1").await.expect("a cancellation");
    shop.reserve("O2", &[("A", 4)]).await;
    let parcel = pb::Parcel {
        carrier: "Post".to_owned(),
        tracking_number: "T-9".to_owned(),
    };
    let request = pb::ReportShippedAfterCancelRequest {
        order_id: "O1".to_owned(),
        parcels: vec![parcel],
    };
    let reported = shop
        .warehouse
        .report_shipped_after_cancel(request.clone())
        .await
        .expect("a report")
        .into_inner();
    let order = reported.order.expect("an order");
    assert_eq!(
        (order.state(), order.refunded_total),
        (OrderState::Cancelled, euros(30, 0))
    );
    assert_eq!(shop.counters("A").await, [2, 2, 2, 0]);
    assert_eq!(shop.state("O2").await, OrderState::Waiting, "its units were lost");
    assert!(
        shop.warehouse
            .report_shipped_after_cancel(request)
            .await
            .expect("a repeat")
            .into_inner()
            .replayed
    );
    assert_eq!(shop.stock("A").await.on_hand, 2);
    shop.close().await;
}
