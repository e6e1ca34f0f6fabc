//! Orders that name no location: which of them fills them.

use holdfast::proto::holdfast::v1::{self as pb, Availability};
use tonic::{Code, Status};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, metadata, violations};
use crate::support::shop::{Shop, date, item, location, order};

on_every_database! {
    the_earliest_promise_wins_then_the_rank_then_the_id
    an_order_is_filled_whole_by_one_location_and_never_moves
    only_active_locations_that_can_take_the_order_are_considered
    a_date_later_than_accepted_is_the_best_that_there_is
    what_an_inbound_no_longer_brings_is_not_counted_on
    quotes_that_are_asked_for_together_are_each_as_if_asked_for_alone
}

/// A shop with an item A at locations of these ranks.
async fn shop(kind: Kind, ranks: &[(&str, i32)]) -> Shop {
    let mut shop = Shop::with_items(kind, &["A", "B"]).await;
    put_rank(&mut shop, "W1", 9).await;
    for (id, rank) in ranks {
        put_rank(&mut shop, id, *rank).await;
    }
    shop
}

async fn put_rank(shop: &mut Shop, id: &str, rank: i32) {
    shop.put_location(pb::Location { rank, ..location(id) }).await;
}

async fn placed_at(shop: &mut Shop, order_id: &str, lines: &[(&str, i64)]) -> String {
    let answer = shop.try_reserve(order(order_id, "", lines)).await.expect("an order");
    answer.order.expect("an order").location_id
}

async fn quote(shop: &mut Shop, lines: &[(&str, i64)]) -> Result<pb::Quote, Status> {
    let lines = lines.iter().map(|(sku, quantity)| pb::QuoteRequestLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
    });
    let request = pb::QuoteRequest {
        location_id: String::new(),
        lines: lines.collect(),
    };
    let answer = shop.checkout.quote(request).await?;
    Ok(answer.into_inner().quote.expect("a quote"))
}

async fn the_earliest_promise_wins_then_the_rank_then_the_id(kind: Kind) {
    let mut shop = shop(kind, &[("W2", 5), ("W3", 5), ("W4", 7)]).await;
    // Nobody has any: the lead time is the same everywhere.
    assert_eq!(placed_at(&mut shop, "O1", &[("A", 1)]).await, "W2");
    shop.receive_at("W4", "A", 3).await;
    let quoted = quote(&mut shop, &[("A", 2)]).await.expect("a quote");
    assert_eq!(
        (quoted.location_id.as_str(), quoted.availability()),
        ("W4", Availability::InStock)
    );
    assert_eq!(quoted.promised_ship_date, date("2026-03-03"));
    assert_eq!(placed_at(&mut shop, "O2", &[("A", 2)]).await, "W4");
    // One unit is left there, two are asked for: waiting is as long everywhere.
    assert_eq!(placed_at(&mut shop, "O3", &[("A", 2)]).await, "W2");
    shop.receive_at("W1", "B", 1).await;
    assert_eq!(placed_at(&mut shop, "O4", &[("B", 1)]).await, "W1");
    shop.close().await;
}

async fn an_order_is_filled_whole_by_one_location_and_never_moves(kind: Kind) {
    let mut shop = shop(kind, &[("W2", 1)]).await;
    shop.receive_at("W1", "A", 5).await;
    shop.receive_at("W2", "B", 5).await;
    // Both have half of it.
    assert_eq!(placed_at(&mut shop, "O1", &[("A", 1), ("B", 1)]).await, "W2");
    shop.receive_at("W1", "B", 5).await;
    assert_eq!(shop.order("O1").await.location_id, "W2");
    let again = shop
        .try_reserve(order("O1", "", &[("A", 1), ("B", 1)]))
        .await
        .expect("a repeat");
    assert!(again.replayed);
    let named = shop
        .try_reserve(order("O1", "W2", &[("A", 1), ("B", 1)]))
        .await
        .expect("a repeat");
    assert!(named.replayed);
    let error = shop.try_reserve(order("O1", "W1", &[("A", 1), ("B", 1)])).await;
    assert_error(&error.expect_err("another location"), Code::AlreadyExists, "ID_REUSED");
    assert_eq!(placed_at(&mut shop, "O2", &[("A", 1), ("B", 1)]).await, "W1");
    shop.close().await;
}

async fn only_active_locations_that_can_take_the_order_are_considered(kind: Kind) {
    let mut shop = shop(kind, &[("W2", 1)]).await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("A")
    })
    .await;
    let error = shop
        .try_reserve(order("O1", "", &[("A", 1), ("B", 1)]))
        .await
        .expect_err("no date");
    assert_error(&error, Code::FailedPrecondition, "NO_SUPPLY_DATE");
    assert_eq!(violations(&error), ["NO_SUPPLY_DATE"]);
    let quoted = quote(&mut shop, &[("A", 1)]).await.expect("a quote");
    assert_eq!(
        (quoted.location_id.as_str(), quoted.availability()),
        ("W2", Availability::Unavailable)
    );
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 1)]).await;
    assert_eq!(placed_at(&mut shop, "O1", &[("A", 1)]).await, "W1");

    shop.receive_at("W2", "A", 1).await;
    for id in ["W1", "W2"] {
        shop.put_location(pb::Location {
            active: Some(false),
            ..location(id)
        })
        .await;
        let wanted = quote(&mut shop, &[("A", 1)]).await;
        if id == "W1" {
            assert_eq!(wanted.expect("a quote").location_id, "W2");
        } else {
            assert_error(
                &wanted.expect_err("none is active"),
                Code::FailedPrecondition,
                "LOCATION_INACTIVE",
            );
        }
    }
    let error = shop
        .try_reserve(order("O2", "", &[("A", 1)]))
        .await
        .expect_err("none is active");
    assert_error(&error, Code::FailedPrecondition, "LOCATION_INACTIVE");
    shop.close().await;
}

async fn a_date_later_than_accepted_is_the_best_that_there_is(kind: Kind) {
    let mut shop = shop(kind, &[("W2", 1)]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 1)]).await;
    let request = pb::ReserveRequest {
        latest_acceptable_ship_date: date("2026-03-05"),
        ..order("O1", "", &[("A", 1)])
    };
    let error = shop.try_reserve(request).await.expect_err("too late everywhere");
    assert_error(&error, Code::FailedPrecondition, "PROMISE_LATER_THAN_ACCEPTED");
    assert_eq!(metadata(&error, "promised_ship_date").as_deref(), Some("2026-03-11"));
    let error = shop
        .try_reserve(order("O1", "", &[("Z", 1)]))
        .await
        .expect_err("no such item");
    assert_error(&error, Code::NotFound, "UNKNOWN_SKU");
    shop.close().await;
}

async fn what_an_inbound_no_longer_brings_is_not_counted_on(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A", "B"]).await;
    shop.put_inbound("I1", "2026-03-10", &[("A", 5), ("B", 5)]).await;
    // What is coming of A is read, and kept by who read it.
    assert_eq!(
        quote(&mut shop, &[("A", 1)]).await.expect("a quote").lines[0].inbound_id,
        "I1"
    );
    let placed = shop.reserve("O1", &[("A", 1)]).await;
    assert_eq!(placed.promised_ship_date, date("2026-03-11"));
    // The line of A goes with a call that does not name A.
    shop.put_inbound("I1", "2026-03-10", &[("B", 5)]).await;
    assert_eq!(
        quote(&mut shop, &[("A", 1)]).await.expect("a quote").lines[0].inbound_id,
        ""
    );
    let placed = shop.reserve("O2", &[("A", 1)]).await;
    assert_eq!(placed.promised_ship_date, date("2026-04-02"));
    assert_eq!(
        shop.reserve("O3", &[("B", 1)]).await.promised_ship_date,
        date("2026-03-11")
    );
    shop.close().await;
}

async fn quotes_that_are_asked_for_together_are_each_as_if_asked_for_alone(kind: Kind) {
    let mut shop = shop(kind, &[("W2", 1)]).await;
    shop.receive_at("W2", "A", 3).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..60_i64 {
        let mut checkout = shop.checkout.clone();
        calls.spawn(async move {
            let line = |sku: &str, quantity| pb::QuoteRequestLine {
                sku: sku.to_owned(),
                quantity,
            };
            let request = pb::QuoteRequest {
                location_id: if number % 3 == 2 { "W9" } else { "" }.to_owned(),
                lines: vec![line(if number % 3 == 1 { "Z" } else { "A" }, 1 + number % 4)],
            };
            (number, checkout.quote(request).await)
        });
    }
    while let Some(called) = calls.join_next().await {
        let (number, answer) = called.expect("no call panics");
        match (number % 3, answer) {
            (0, Ok(answer)) => {
                let quote = answer.into_inner().quote.expect("a quote");
                let line = &quote.lines[0];
                let asked = 1 + number % 4;
                assert_eq!((line.sku.as_str(), line.quantity), ("A", asked));
                assert_eq!(line.available_quantity, asked.min(3), "nobody takes from anybody");
            }
            (1, Err(status)) => assert_error(&status, Code::NotFound, "UNKNOWN_SKU"),
            (2, Err(status)) => assert_error(&status, Code::NotFound, "UNKNOWN_LOCATION"),
            (_, answer) => panic!("quote {number} was answered {answer:?}"),
        }
    }
    shop.close().await;
}
