//! Worked cases of the warehouse's side of a release: it is acknowledged, and may still be revoked.

use holdfast::proto::holdfast::v1::adjust_stock_request::Change;
use holdfast::proto::holdfast::v1::{self as pb, OrderState};
use tonic::{Code, Status};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::assert_error;
use crate::support::shop::{Shop, W1};

on_every_database! {
    an_acknowledgement_is_kept_once_and_shown_with_the_order
    what_is_not_released_cannot_be_acknowledged
    a_release_that_is_revoked_forgets_its_acknowledgement
}

async fn acknowledge(shop: &mut Shop, order_id: &str) -> Result<pb::AcknowledgeReleaseResponse, Status> {
    let request = pb::AcknowledgeReleaseRequest {
        order_id: order_id.to_owned(),
    };
    let answer = shop.warehouse.acknowledge_release(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn acknowledge_time(shop: &mut Shop, order_id: &str) -> Option<i64> {
    let order = shop.order(order_id).await;
    order.acknowledge_time.map(|time| time.seconds)
}

async fn an_acknowledgement_is_kept_once_and_shown_with_the_order(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    assert_eq!(acknowledge_time(&mut shop, "O1").await, None);
    let first = acknowledge(&mut shop, "O1").await.expect("an acknowledgement");
    let taken = first.order.expect("an order");
    assert!(!first.replayed && taken.state() == OrderState::Released);
    shop.set_clock("2026-03-02T10:00:00Z");
    let again = acknowledge(&mut shop, "O1").await.expect("a repeat");
    assert!(again.replayed);
    assert_eq!(again.order.expect("an order").acknowledge_time, taken.acknowledge_time);
    shop.ship("O1").await.expect("a shipment");
    assert!(acknowledge(&mut shop, "O1").await.expect("a repeat").replayed);

    let listed = pb::ListOrdersRequest {
        location_id: W1.to_owned(),
        ..pb::ListOrdersRequest::default()
    };
    let listed = shop.checkout.list_orders(listed).await.expect("a list").into_inner();
    assert_eq!(listed.orders[0].acknowledge_time, taken.acknowledge_time);
    let kinds: Vec<_> = shop.log().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds[kinds.len() - 3..],
        ["OrderReleased", "ReleaseAcknowledged", "OrderShipped"]
    );
    shop.close().await;
}

async fn what_is_not_released_cannot_be_acknowledged(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 3)]).await;
    for id in ["O1", "O2"] {
        shop.reserve(id, &[("A", 1)]).await;
    }
    shop.reserve("O3", &[("A", 9)]).await;
    shop.ship("O1").await.expect("a shipment");
    shop.cancel("O2").await.expect("a cancellation");
    for (id, reason) in [
        ("O1", "ORDER_SHIPPED"),
        ("O2", "ORDER_CANCELLED"),
        ("O3", "ORDER_NOT_RELEASED"),
    ] {
        let refused = acknowledge(&mut shop, id).await.expect_err(reason);
        assert_error(&refused, Code::FailedPrecondition, reason);
    }
    let refused = acknowledge(&mut shop, "O9").await.expect_err("no such order");
    assert_error(&refused, Code::NotFound, "UNKNOWN_ORDER");
    let refused = acknowledge(&mut shop, "").await.expect_err("no id");
    assert_error(&refused, Code::InvalidArgument, "INVALID_FIELD");
    shop.close().await;
}

async fn a_release_that_is_revoked_forgets_its_acknowledgement(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    acknowledge(&mut shop, "O1").await.expect("an acknowledgement");
    shop.adjust("A", Change::CountedQuantity(0)).await.expect("a count");
    assert_eq!(acknowledge_time(&mut shop, "O1").await, None);
    shop.receive("A", 5).await;
    let taken = acknowledge(&mut shop, "O1").await.expect("an acknowledgement");
    assert!(
        !taken.replayed,
        "the second release wants an acknowledgement of its own"
    );
    shop.cancel("O1")
        .await
        .expect("a cancel wins until the shipment is confirmed");
    assert_eq!(acknowledge_time(&mut shop, "O1").await, None);
    shop.close().await;
}
