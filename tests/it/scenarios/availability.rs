//! Item pages that follow what can be had.

use std::time::Duration;

use holdfast::proto::holdfast::v1::watch_availability_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, Availability};
use tonic::{Code, Streaming};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, fields};
use crate::support::shop::{Shop, W1, date, location};

on_every_database! {
    an_item_page_gets_the_state_first_and_then_what_changes
    an_item_page_changes_when_only_the_day_does
    an_item_page_of_what_there_is_none_of_is_refused
    many_items_that_only_the_second_location_has_are_told
    pages_with_and_without_a_limit_share_what_they_watch
}

/// Long enough for a look, which comes every other second, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

type Answers = Streaming<pb::WatchAvailabilityResponse>;

fn request(skus: &[&str]) -> pb::WatchAvailabilityRequest {
    pb::WatchAvailabilityRequest {
        location_id: W1.to_owned(),
        skus: skus.iter().map(|sku| (*sku).to_owned()).collect(),
        available_quantity_cap: Some(5),
    }
}

async fn next(stream: &mut Answers) -> pb::ItemAvailability {
    let next = async {
        loop {
            let message = stream.message().await.expect("a message").expect("the stream goes on");
            match message.item.expect("an item") {
                Item::Availability(state) => return state,
                Item::Heartbeat(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("a change is told")
}

async fn an_item_page_gets_the_state_first_and_then_what_changes(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 9), ("B", 0)]).await;
    let opened = shop.checkout.watch_availability(request(&["B", "A"])).await;
    let mut stream = opened.expect("a stream").into_inner();
    let state = next(&mut stream).await;
    assert_eq!(
        (state.sku.as_str(), state.availability()),
        ("B", Availability::Backorder)
    );
    assert_eq!(state.promised_ship_date, date("2026-04-02"));
    let state = next(&mut stream).await;
    assert_eq!((state.sku.as_str(), state.availability()), ("A", Availability::InStock));
    assert_eq!(
        (state.available_quantity, state.promised_ship_date),
        (5, date("2026-03-03"))
    );

    // Many changes of A end with the latest; B, of which nothing changed, is not told again.
    for (id, quantity) in [("O1", 3), ("O2", 3), ("O3", 2)] {
        shop.reserve(id, &[("A", quantity)]).await;
    }
    let mut told = 0;
    loop {
        let state = next(&mut stream).await;
        told += 1;
        assert_eq!(state.sku, "A");
        if state.available_quantity == 1 {
            break;
        }
    }
    assert!(told <= 3, "changes within a second are one message");
    shop.reserve("O4", &[("A", 2)]).await;
    let state = next(&mut stream).await;
    assert_eq!(
        (state.availability(), state.available_quantity),
        (Availability::Backorder, 0)
    );
    drop(stream);
    shop.close().await;
}

async fn an_item_page_changes_when_only_the_day_does(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    let opened = shop.checkout.watch_availability(request(&["A"])).await;
    let mut stream = opened.expect("a stream").into_inner();
    assert_eq!(next(&mut stream).await.promised_ship_date, date("2026-03-03"));
    shop.set_clock("2026-03-03T00:00:00Z");
    assert_eq!(next(&mut stream).await.promised_ship_date, date("2026-03-04"));
    shop.put_location(pb::Location {
        active: Some(false),
        ..location(W1)
    })
    .await;
    let closed = next(&mut stream).await;
    assert_eq!(
        (closed.availability(), closed.unavailable_reason.as_str()),
        (Availability::Unavailable, "LOCATION_INACTIVE")
    );
    drop(stream);
    shop.close().await;
}

async fn an_item_page_of_what_there_is_none_of_is_refused(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    let error = shop
        .checkout
        .watch_availability(request(&["A", "Z"]))
        .await
        .expect_err("no such item");
    assert_error(&error, Code::NotFound, "UNKNOWN_SKU");
    assert_eq!(fields(&error), ["skus[1]"]);
    let elsewhere = pb::WatchAvailabilityRequest {
        location_id: "W9".to_owned(),
        ..request(&["A"])
    };
    let error = shop
        .checkout
        .watch_availability(elsewhere)
        .await
        .expect_err("no such location");
    assert_error(&error, Code::NotFound, "UNKNOWN_LOCATION");
    let many = vec!["A"; 1_001];
    for skus in [&[][..], &["A", "A"], &many] {
        let error = shop
            .checkout
            .watch_availability(request(skus))
            .await
            .expect_err("a bad list");
        assert_error(&error, Code::InvalidArgument, "INVALID_FIELD");
    }
    shop.close().await;
}

async fn many_items_that_only_the_second_location_has_are_told(kind: Kind) {
    let skus: Vec<String> = (0..40).map(|number| format!("S{number:02}")).collect();
    let names: Vec<&str> = skus.iter().map(String::as_str).collect();
    let mut shop = Shop::with_items(kind, &names).await;
    shop.put_location(location("W2")).await;
    for sku in &names {
        shop.receive_at("W2", sku, 1).await;
    }
    let anywhere = pb::WatchAvailabilityRequest {
        location_id: String::new(),
        ..request(&names)
    };
    let opened = shop.checkout.watch_availability(anywhere).await;
    let mut stream = opened.expect("a stream").into_inner();
    for sku in &names {
        let state = next(&mut stream).await;
        assert_eq!((state.sku.as_str(), state.location_id.as_str()), (*sku, "W2"));
    }
    drop(stream);
    shop.close().await;
}

async fn pages_with_and_without_a_limit_share_what_they_watch(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 9)]).await;
    let mut capped = shop
        .checkout
        .watch_availability(request(&["A"]))
        .await
        .expect("a stream")
        .into_inner();
    let whole = pb::WatchAvailabilityRequest {
        available_quantity_cap: None,
        ..request(&["A"])
    };
    let mut whole = shop
        .checkout
        .watch_availability(whole)
        .await
        .expect("a stream")
        .into_inner();
    assert_eq!(next(&mut capped).await.available_quantity, 5);
    assert_eq!(next(&mut whole).await.available_quantity, 9);
    shop.reserve("O1", &[("A", 1)]).await;
    assert_eq!(next(&mut whole).await.available_quantity, 8);
    // Below its limit nothing changed for the other until now.
    shop.reserve("O2", &[("A", 4)]).await;
    assert_eq!(next(&mut whole).await.available_quantity, 4);
    assert_eq!(next(&mut capped).await.available_quantity, 4);
    drop((capped, whole));
    shop.close().await;
}
