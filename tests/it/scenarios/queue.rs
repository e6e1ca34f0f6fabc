//! Worked cases of the queue and of orders held whole.

use holdfast::proto::holdfast::v1::{self as pb, OrderState};

use crate::support::databases::{Kind, on_every_database};
use crate::support::shop::{Shop, W1, date, item, location, order};

on_every_database! {
    s01_orders_are_filled_in_the_order_in_which_they_were_placed
    s05_queues_of_two_locations_are_independent
    s07_one_unit_goes_to_the_older_of_two_orders
    s12_a_receipt_goes_to_the_head_of_the_queue
    a_partial_receipt_stays_at_the_head_though_a_smaller_order_could_be_filled
    s13_a_later_order_never_takes_an_older_ones_unit
    s14_cancelling_frees_what_was_allocated_and_no_more
    s18_on_hand_less_free_is_what_is_allocated_after_every_step
    s21_a_second_order_waits_behind_the_first
    s23_units_that_were_never_allocated_are_never_returned
    s26_a_waiting_order_holds_what_it_has
    s27_an_order_is_released_once_and_whole
    s29_an_order_with_missing_lines_is_held
    s31_cancelling_a_released_order_revokes_its_release
    s33_the_backorder_policy
    s34_a_short_order_is_one_waiting_order
}

async fn s01_orders_are_filled_in_the_order_in_which_they_were_placed(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 20)]).await;
    for (at, quantity) in [5, 3, 20, 20, 15].into_iter().enumerate() {
        shop.reserve(&format!("O{}", at + 1), &[("A", quantity)]).await;
    }
    for (id, allocated, units_ahead) in [("O1", 5, 0), ("O2", 3, 0), ("O3", 12, 0), ("O4", 0, 8), ("O5", 0, 28)] {
        let order = shop.order(id).await;
        assert_eq!(
            (order.lines[0].allocated_quantity, order.lines[0].units_ahead),
            (allocated, units_ahead),
            "{id}"
        );
    }
    assert_eq!(shop.counters("A").await, [20, 20, 43, 0]);
    assert_eq!(shop.state("O1").await, OrderState::Released);
    assert_eq!(shop.state("O2").await, OrderState::Released);
    assert_eq!(shop.state("O3").await, OrderState::Waiting);
    shop.close().await;
}

async fn s05_queues_of_two_locations_are_independent(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_location(location("W2")).await;
    shop.receive_at("W1", "A", 2).await;
    shop.receive_at("W2", "A", 2).await;
    for (id, at) in [("O1", "W1"), ("O2", "W2"), ("O3", "W1"), ("O4", "W2")] {
        shop.try_reserve(order(id, at, &[("A", 4)])).await.expect("an order");
    }
    for (id, allocated, sequence) in [("O1", 2, 1), ("O2", 2, 1), ("O3", 0, 2), ("O4", 0, 2)] {
        let order = shop.order(id).await;
        assert_eq!(
            (order.lines[0].allocated_quantity, order.sequence),
            (allocated, sequence),
            "{id}"
        );
    }
    shop.close().await;
}

async fn s07_one_unit_goes_to_the_older_of_two_orders(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.reserve("O1", &[("A", 1)]).await;
    shop.reserve("O2", &[("A", 1)]).await;
    let receipt = shop.receive("A", 1).await;
    assert_eq!(receipt.released_order_ids, ["O1"]);
    assert_eq!(receipt.lines[0].allocated_to_backlog, 1);
    assert_eq!(shop.state("O2").await, OrderState::Waiting);
    shop.close().await;
}

async fn s12_a_receipt_goes_to_the_head_of_the_queue(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    shop.reserve("O2", &[("A", 2)]).await;
    shop.receive("A", 5).await;
    assert_eq!(shop.allocated("O1").await, 5);
    assert_eq!(shop.allocated("O2").await, 0);
    shop.close().await;
}

async fn a_partial_receipt_stays_at_the_head_though_a_smaller_order_could_be_filled(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    shop.reserve("O2", &[("A", 2)]).await;
    shop.receive("A", 3).await;
    assert_eq!((shop.allocated("O1").await, shop.allocated("O2").await), (3, 0));
    assert_eq!(shop.counters("A").await, [3, 3, 4, 0]);
    shop.close().await;
}

async fn s13_a_later_order_never_takes_an_older_ones_unit(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 2)]).await;
    for id in ["O1", "O2", "O3"] {
        shop.reserve(id, &[("A", 1)]).await;
    }
    assert_eq!(
        (
            shop.allocated("O1").await,
            shop.allocated("O2").await,
            shop.allocated("O3").await
        ),
        (1, 1, 0)
    );
    shop.close().await;
}

async fn s14_cancelling_frees_what_was_allocated_and_no_more(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 2)]).await;
    let order = shop.reserve("O1", &[("A", 3)]).await;
    assert_eq!(
        (order.lines[0].allocated_quantity, order.lines[0].backordered_quantity),
        (2, 1)
    );
    shop.cancel("O1").await.expect("a cancellation");
    assert_eq!(shop.counters("A").await, [2, 0, 0, 2]);
    shop.close().await;
}

async fn s18_on_hand_less_free_is_what_is_allocated_after_every_step(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 7)]).await;
    let balanced = |[on_hand, allocated, _, available]: [i64; 4]| assert_eq!(on_hand - available, allocated);
    balanced(shop.counters("A").await);
    for (id, quantity) in [("O1", 3), ("O2", 6), ("O3", 2)] {
        shop.reserve(id, &[("A", quantity)]).await;
        balanced(shop.counters("A").await);
    }
    shop.ship("O1").await.expect("a shipment");
    balanced(shop.counters("A").await);
    shop.cancel("O2").await.expect("a cancellation");
    balanced(shop.counters("A").await);
    shop.receive("A", 4).await;
    balanced(shop.counters("A").await);
    shop.close().await;
}

async fn s21_a_second_order_waits_behind_the_first(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 2)]).await;
    let first = shop.reserve("O1", &[("A", 3)]).await;
    let second = shop.reserve("O2", &[("A", 2)]).await;
    assert_eq!(
        (first.lines[0].allocated_quantity, first.lines[0].backordered_quantity),
        (2, 1)
    );
    assert_eq!(
        (second.lines[0].allocated_quantity, second.lines[0].backordered_quantity),
        (0, 2)
    );
    shop.close().await;
}

async fn s23_units_that_were_never_allocated_are_never_returned(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 10)]).await;
    let order = shop.reserve("O1", &[("A", 15)]).await;
    assert_eq!(
        (order.lines[0].allocated_quantity, order.lines[0].backordered_quantity),
        (10, 5)
    );
    shop.cancel("O1").await.expect("a cancellation");
    assert_eq!(shop.counters("A").await, [10, 0, 0, 10]);
    shop.close().await;
}

async fn s26_a_waiting_order_holds_what_it_has(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5), ("B", 10)]).await;
    let first = shop.reserve("O1", &[("A", 5), ("B", 5)]).await;
    assert_eq!(first.state(), OrderState::Released);
    let second = shop.reserve("O2", &[("A", 5), ("B", 5)]).await;
    assert_eq!(second.state(), OrderState::Waiting);
    assert_eq!(second.lines[1].allocated_quantity, 5);
    let third = shop.reserve("O3", &[("B", 1)]).await;
    assert_eq!(third.state(), OrderState::Waiting);
    let placed: Vec<_> = shop
        .log()
        .await
        .into_iter()
        .filter(|(_, id)| id == "O1")
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(placed, ["OrderPlaced", "OrderReleased"]);
    shop.close().await;
}

async fn s27_an_order_is_released_once_and_whole(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    let order = shop.reserve("O1", &[("A", 10)]).await;
    assert_eq!(
        (order.state(), order.lines[0].allocated_quantity),
        (OrderState::Waiting, 5)
    );
    let receipt = shop.receive("A", 5).await;
    assert_eq!(receipt.released_order_ids, ["O1"]);
    assert_eq!(shop.allocated("O1").await, 10);
    let releases = shop
        .log()
        .await
        .into_iter()
        .filter(|(kind, _)| kind == "OrderReleased")
        .count();
    assert_eq!(releases, 1);
    shop.close().await;
}

async fn s29_an_order_with_missing_lines_is_held(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 15), ("B", 10), ("C", 0), ("D", 0)]).await;
    let order = shop.reserve("O1", &[("A", 20), ("B", 10), ("C", 20), ("D", 10)]).await;
    let held: Vec<_> = order
        .lines
        .iter()
        .map(|l| (l.allocated_quantity, l.backordered_quantity))
        .collect();
    assert_eq!(held, [(15, 5), (10, 0), (0, 20), (0, 10)]);
    assert_eq!(order.state(), OrderState::Waiting);
    shop.close().await;
}

async fn s31_cancelling_a_released_order_revokes_its_release(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 20)]).await;
    assert_eq!(shop.reserve("O1", &[("A", 5)]).await.state(), OrderState::Released);
    shop.cancel("O1").await.expect("a cancellation");
    assert_eq!(shop.counters("A").await, [20, 0, 0, 20]);
    let kinds: Vec<_> = shop
        .log()
        .await
        .into_iter()
        .filter(|(_, id)| id == "O1")
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(
        kinds,
        ["OrderPlaced", "OrderReleased", "ReleaseRevoked", "OrderCancelled"]
    );
    shop.close().await;
}

async fn s33_the_backorder_policy(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("B")
    })
    .await;
    shop.receive("A", 1).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("B", 10)]).await;

    let quote = shop.quote(&[("A", 1), ("B", 1)]).await;
    assert_eq!(quote.promised_ship_date, date("2026-03-11"));
    assert_eq!(quote.in_stock_lines_ship_date, date("2026-03-03"));
    assert!(quote.ships_together);
    assert_eq!(quote.lines[1].inbound_id, "PO-1");

    let order = shop.reserve("O1", &[("A", 1), ("B", 1)]).await;
    assert_eq!(
        (order.state(), order.promised_ship_date),
        (OrderState::Waiting, date("2026-03-11"))
    );
    assert_eq!(shop.counters("A").await, [1, 1, 0, 0]);

    shop.set_clock("2026-03-10T10:00:00Z");
    let request = pb::ReceiveStockRequest {
        location_id: W1.to_owned(),
        receipt_id: "GR-1".to_owned(),
        inbound_id: "PO-1".to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: "B".to_owned(),
            quantity: 10,
        }],
        ..pb::ReceiveStockRequest::default()
    };
    let receipt = shop
        .warehouse
        .receive_stock(request)
        .await
        .expect("a receipt")
        .into_inner();
    assert_eq!(receipt.released_order_ids, ["O1"]);
    assert!(!receipt.over_received);
    let order = shop.order("O1").await;
    assert_eq!(
        (order.state(), order.ship_by_date),
        (OrderState::Released, date("2026-03-11"))
    );
    assert_eq!(shop.stock("B").await.available, 9);
    shop.close().await;
}

async fn s34_a_short_order_is_one_waiting_order(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 4)]).await;
    let order = shop.reserve("O1", &[("A", 9)]).await;
    assert_eq!(
        (order.state(), order.lines[0].allocated_quantity),
        (OrderState::Waiting, 4)
    );
    shop.close().await;
}
