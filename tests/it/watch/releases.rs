//! Releases: the beginning, what follows, and cuts anywhere.

use std::time::Duration;

use holdfast::grpc::StreamSettings;
use holdfast::proto::holdfast::v1::adjust_stock_request::Change;
use holdfast::proto::holdfast::v1::watch_releases_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, OrderState, ReleaseCause, RevocationCause};
use tonic::{Code, Status, Streaming};

use super::follower::Follower;
use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, metadata};
use crate::support::shop::{Shop, W1, brisk, date, item, location, order};

on_every_database! {
    a_release_says_all_that_a_picker_needs_from_the_beginning_and_as_it_comes
    releases_and_revocations_come_with_their_causes
    a_cut_anywhere_in_the_beginning_goes_on_right
    a_long_beginning_is_told_in_parts_and_stays_right
    a_token_serves_only_its_own_stream
    heartbeats_come_while_others_commit_and_the_tokens_move
    a_stream_that_has_lived_its_time_says_with_which_token_to_go_on
    a_connection_has_so_many_streams_and_no_more
}

async fn next(stream: &mut Streaming<pb::WatchReleasesResponse>) -> Item {
    loop {
        let message = stream.message().await.expect("a message").expect("the stream goes on");
        match message.item.expect("every message brings something") {
            Item::Heartbeat(_) => {}
            item @ (Item::Release(_) | Item::Revocation(_)) => return item,
        }
    }
}

async fn release(stream: &mut Streaming<pb::WatchReleasesResponse>) -> pb::Release {
    match next(stream).await {
        Item::Release(release) => release,
        other @ (Item::Revocation(_) | Item::Heartbeat(_)) => panic!("not a release: {other:?}"),
    }
}

async fn revocation(stream: &mut Streaming<pb::WatchReleasesResponse>) -> (String, RevocationCause, bool) {
    match next(stream).await {
        Item::Revocation(revocation) => (
            revocation.order_id.clone(),
            revocation.cause(),
            revocation.was_acknowledged,
        ),
        other @ (Item::Release(_) | Item::Heartbeat(_)) => panic!("not a revocation: {other:?}"),
    }
}

async fn acknowledge(shop: &mut Shop, order_id: &str) {
    let order_id = order_id.to_owned();
    let request = pb::AcknowledgeReleaseRequest { order_id };
    shop.warehouse
        .acknowledge_release(request)
        .await
        .expect("an acknowledgement");
}

/// The orders of `W1` that are released, by place.
async fn released(shop: &mut Shop) -> Vec<String> {
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListOrdersRequest {
            location_id: W1.to_owned(),
            states: vec![OrderState::Released.into()],
            page_token,
            ..pb::ListOrdersRequest::default()
        };
        let page = shop.checkout.list_orders(request).await.expect("a page").into_inner();
        ids.extend(page.orders.into_iter().map(|order| order.order_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

async fn a_release_says_all_that_a_picker_needs_from_the_beginning_and_as_it_comes(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5), ("B", 0)]).await;
    let mut request = order("O1", W1, &[("A", 2), ("B", 1), ("A", 1)]);
    request.customer = Some(pb::Customer {
        email: "ann@example.com".to_owned(),
        name: "Ann".to_owned(),
        locale: "fr-BE".to_owned(),
    });
    shop.try_reserve(request).await.expect("an order");
    let mut stream = Follower::of(W1).connect(&mut shop.warehouse).await.expect("a stream");
    shop.receive("B", 1).await;
    let told = release(&mut stream).await;
    let lines: Vec<_> = told
        .lines
        .iter()
        .map(|line| (line.line_number, line.sku.as_str(), line.quantity))
        .collect();
    assert_eq!(lines, [(1, "A", 2), (2, "B", 1), (3, "A", 1)]);
    assert_eq!((told.order_id.as_str(), told.sequence), ("O1", 1));
    assert_eq!(
        (told.customer_name.as_str(), told.customer_locale.as_str()),
        ("Ann", "fr-BE")
    );
    assert_eq!(told.cause(), ReleaseCause::Receipt);
    assert_eq!(told.ship_by_date, date("2026-03-03"));
    let stored = shop.order("O1").await;
    assert_eq!(told.promised_ship_date, stored.promised_ship_date);
    assert_eq!(told.ship_by_date, stored.ship_by_date);

    let mut later = Follower::of(W1).connect(&mut shop.warehouse).await.expect("a stream");
    assert_eq!(release(&mut later).await, told, "the beginning tells the same");
    acknowledge(&mut shop, "O1").await;
    let mut last = Follower::of(W1).connect(&mut shop.warehouse).await.expect("a stream");
    assert!(release(&mut last).await.acknowledged);
    assert_eq!(format!("{told:?}"), "Release { .. }", "who ordered is kept out of logs");
    shop.close().await;
}

async fn releases_and_revocations_come_with_their_causes(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    let mut stream = Follower::of(W1).connect(&mut shop.warehouse).await.expect("a stream");
    shop.reserve("O1", &[("A", 3)]).await;
    shop.reserve("O2", &[("A", 2)]).await;
    assert_eq!(release(&mut stream).await.cause(), ReleaseCause::Purchase);
    assert_eq!(release(&mut stream).await.order_id, "O2");
    acknowledge(&mut shop, "O1").await;
    shop.cancel("O1").await.expect("a cancellation");
    let revoked = ("O1".to_owned(), RevocationCause::Cancellation, true);
    assert_eq!(revocation(&mut stream).await, revoked);
    shop.adjust("A", Change::CountedQuantity(1)).await.expect("a count");
    let revoked = ("O2".to_owned(), RevocationCause::UnitsLost, false);
    assert_eq!(revocation(&mut stream).await, revoked);
    shop.adjust("A", Change::CountedQuantity(2)).await.expect("a count");
    assert_eq!(release(&mut stream).await.cause(), ReleaseCause::Adjustment);
    let part = pb::CancelOrderRequest {
        order_id: "O2".to_owned(),
        lines: vec![pb::CancelLine {
            line_number: 1,
            quantity: 1,
        }],
        request_id: "C1".to_owned(),
        ..pb::CancelOrderRequest::default()
    };
    shop.checkout.cancel_order(part).await.expect("a cancellation");
    assert_eq!(revocation(&mut stream).await.1, RevocationCause::Cancellation);
    let again = release(&mut stream).await;
    assert_eq!(
        (again.cause(), again.lines[0].quantity),
        (ReleaseCause::Cancellation, 1)
    );
    shop.close().await;
}

/// After each number of messages of the beginning: a cut, changes on both sides of it, and the rest.
async fn a_cut_anywhere_in_the_beginning_goes_on_right(kind: Kind) {
    const ORDERS: usize = 9;
    for cut_after in 0..=ORDERS + 1 {
        let mut shop = Shop::stocked(kind, &[("A", 100)]).await;
        for number in 1..=ORDERS {
            shop.reserve(&format!("O{number}"), &[("A", 2)]).await;
        }
        let mut follower = Follower::of(W1);
        follower.read(&mut shop.warehouse, cut_after).await;
        // Told or not: one is cancelled, one ships, one is cut down and released anew, and a new one comes.
        for at in [2, 7] {
            shop.cancel(&format!("O{at}")).await.expect("a cancellation");
            shop.ship(&format!("O{}", at + 1)).await.expect("a shipment");
            follower.open.remove(&format!("O{}", at + 1));
            let part = pb::CancelOrderRequest {
                order_id: format!("O{}", at + 2),
                lines: vec![pb::CancelLine {
                    line_number: 1,
                    quantity: 1,
                }],
                request_id: "C1".to_owned(),
                ..pb::CancelOrderRequest::default()
            };
            shop.checkout.cancel_order(part).await.expect("a cancellation");
        }
        shop.reserve("new", &[("A", 2)]).await;
        follower.read_all(&mut shop.warehouse).await;
        assert_eq!(follower.order_ids(), released(&mut shop).await, "cut after {cut_after}");
        let units = |id: &str| follower.open[id].lines[0].quantity;
        assert_eq!((units("O1"), units("O4"), units("O9"), units("new")), (2, 1, 1, 2));
        let told = follower.messages;
        follower.read_all(&mut shop.warehouse).await;
        assert_eq!(follower.messages, told + 1, "nothing is left to tell");
        shop.close().await;
    }
}

/// More orders than one part of the beginning holds, with changes while it is told.
async fn a_long_beginning_is_told_in_parts_and_stays_right(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 10_000)]).await;
    let calls = (1..=450).map(|number| {
        let mut checkout = shop.checkout.clone();
        tokio::spawn(async move { checkout.reserve(order(&format!("O{number}"), W1, &[("A", 1)])).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("a call").expect("an order");
    }
    let mut follower = Follower::of(W1);
    for step in 0..9 {
        follower.read(&mut shop.warehouse, 53).await;
        for at in [step * 7 + 1, 440 - step] {
            shop.cancel(&format!("O{at}")).await.expect("a cancellation");
        }
        shop.reserve(&format!("N{step}"), &[("A", 1)]).await;
    }
    follower.read_all(&mut shop.warehouse).await;
    assert_eq!(follower.order_ids(), released(&mut shop).await);
    shop.close().await;
}

async fn refused(shop: &mut Shop, location_id: &str, token: &str) -> Status {
    let follower = Follower {
        token: token.to_owned(),
        ..Follower::of(location_id)
    };
    follower.connect(&mut shop.warehouse).await.expect_err("no stream")
}

async fn a_token_serves_only_its_own_stream(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 9)]).await;
    shop.put_location(location("W2")).await;
    shop.reserve("O1", &[("A", 1)]).await;
    let mut follower = Follower::of(W1);
    follower.read_all(&mut shop.warehouse).await;
    let token = follower.token.clone();
    for (place, token) in [
        ("W2", token.as_str()),
        (W1, "junk"),
        (W1, &token[..token.len() - 1]),
        (W1, "r"),
    ] {
        let status = refused(&mut shop, place, token).await;
        assert_error(&status, Code::InvalidArgument, "RESUME_TOKEN_INVALID");
    }
    assert_error(&refused(&mut shop, "W9", "").await, Code::NotFound, "UNKNOWN_LOCATION");
    assert_error(
        &refused(&mut shop, "", "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    // Another database, where the same numbers are yet to come.
    let mut other = Shop::with_items(kind, &[]).await;
    let status = refused(&mut other, W1, &token).await;
    assert_error(&status, Code::InvalidArgument, "RESUME_TOKEN_INVALID");
    other.close().await;
    shop.close().await;
}

async fn heartbeats_come_while_others_commit_and_the_tokens_move(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 9)]).await;
    let mut stream = Follower::of(W1).connect(&mut shop.warehouse).await.expect("a stream");
    let mut checkout = shop.checkout.clone();
    let busy = tokio::spawn(async move {
        // Waiting orders: nothing is released, and much is committed.
        for number in 0..2_000 {
            let placed = checkout.reserve(order(&format!("O{number}"), W1, &[("A", 10)])).await;
            placed.expect("an order");
        }
    });
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let message = tokio::time::timeout(Duration::from_secs(5), stream.message()).await;
        let message = message
            .expect("in time")
            .expect("a message")
            .expect("the stream goes on");
        assert_eq!(message.item, Some(Item::Heartbeat(pb::Heartbeat {})));
        tokens.push(message.resume_token);
    }
    busy.abort();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "each token is past what was committed since");
    shop.close().await;
}

async fn a_stream_that_has_lived_its_time_says_with_which_token_to_go_on(kind: Kind) {
    let lifetime = Duration::from_millis(400);
    let mut shop = Shop::with_streams(kind, StreamSettings { lifetime, ..brisk() }).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.receive("A", 9).await;
    let mut follower = Follower::of(W1);
    let mut stream = follower.connect(&mut shop.warehouse).await.expect("a stream");
    let status = loop {
        match stream.message().await {
            Ok(message) => drop(follower.take(message.expect("the stream ends with a status"))),
            Err(status) => break status,
        }
    };
    assert_error(&status, Code::Unavailable, "STREAM_ENDED");
    assert_eq!(
        metadata(&status, "resume_token").as_deref(),
        Some(follower.token.as_str())
    );
    assert_eq!(metadata(&status, "retry_after_ms").as_deref(), Some("0"));
    shop.reserve("O1", &[("A", 1)]).await;
    follower.read(&mut shop.warehouse, 1).await;
    assert_eq!(follower.order_ids(), ["O1"]);
    shop.close().await;
}

async fn a_connection_has_so_many_streams_and_no_more(kind: Kind) {
    let settings = StreamSettings {
        streams_per_connection_max: 2,
        ..brisk()
    };
    let mut shop = Shop::with_streams(kind, settings).await;
    shop.put_location(location(W1)).await;
    let follower = Follower::of(W1);
    let first = follower.connect(&mut shop.warehouse).await.expect("a stream");
    let second = follower.connect(&mut shop.warehouse).await.expect("a stream");
    let status = follower.connect(&mut shop.warehouse).await.expect_err("too many");
    assert_error(&status, Code::Unavailable, "OVERLOADED");
    drop((first, second));
    let mut tries = 0;
    while follower.connect(&mut shop.warehouse).await.is_err() {
        tries += 1;
        assert!(tries < 500, "places of streams that ended are not given back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shop.close().await;
}
