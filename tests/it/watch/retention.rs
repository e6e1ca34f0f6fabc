//! Streams over events that are no longer kept: they say so, and never pass over them.

use std::sync::Arc;

use chrono::TimeDelta;
use holdfast::proto::holdfast::v1 as pb;
use holdfast::sequencer::Limits;
use holdfast::store::Store;
use tonic::Code;

use super::follower::Follower;
use crate::support::at;
use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, metadata};
use crate::support::shop::{Shop, W1, item, location};

on_every_database! {
    a_token_below_the_horizon_is_told_the_oldest_that_is_served
    releases_begin_anew_after_what_a_token_knows_is_gone
    a_page_of_the_past_that_is_gone_says_so
}

/// A shop with orders, and its store.
async fn shop(kind: Kind) -> (Shop, Arc<dyn Store>) {
    let database = kind.database();
    let store = database.open().await;
    let mut shop = Shop::on_with(Arc::clone(&store), Arc::new(database), Limits::default()).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop.receive("A", 50).await;
    for number in 1..=5 {
        shop.reserve(&format!("O{number}"), &[("A", 1)]).await;
    }
    (shop, store)
}

async fn prune(store: &Arc<dyn Store>) {
    let before = at("2026-03-02T09:00:00Z") + TimeDelta::hours(1);
    while store.prune(before, before).await.expect("a removal") > 0 {}
}

fn events_after(token: &str) -> pb::WatchEventsRequest {
    pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        resume_token: token.to_owned(),
        ..pb::WatchEventsRequest::default()
    }
}

async fn a_token_below_the_horizon_is_told_the_oldest_that_is_served(kind: Kind) {
    let (mut shop, store) = shop(kind).await;
    let mut stream = shop
        .events
        .watch_events(events_after(""))
        .await
        .expect("a stream")
        .into_inner();
    let first = stream.message().await.expect("a message").expect("the stream goes on");
    drop(stream);
    let mut follower = Follower::of(W1);
    follower.read(&mut shop.warehouse, 2).await;
    prune(&store).await;

    let refused = shop.events.watch_events(events_after(&first.resume_token)).await;
    let refused = refused.expect_err("its events are gone");
    assert_error(&refused, Code::OutOfRange, "RESUME_TOKEN_EXPIRED");
    let oldest = metadata(&refused, "oldest_resume_token").expect("the oldest token");
    let mut stream = shop
        .events
        .watch_events(events_after(&oldest))
        .await
        .expect("a stream")
        .into_inner();
    let next = stream.message().await.expect("a message").expect("the stream goes on");
    let Some(pb::watch_events_response::Item::Event(event)) = next.item else {
        panic!("not an event: {next:?}")
    };
    let last = store.logs().await.expect("rows can be read")[0].last;
    assert_eq!(event.event_sequence, last.0);

    // Without a token it begins with what is kept.
    let mut fresh = shop
        .events
        .watch_events(events_after(""))
        .await
        .expect("a stream")
        .into_inner();
    let next = fresh.message().await.expect("a message").expect("the stream goes on");
    assert_eq!(next.item, Some(pb::watch_events_response::Item::Event(event)));
    drop((stream, fresh));
    shop.close().await;
}

async fn releases_begin_anew_after_what_a_token_knows_is_gone(kind: Kind) {
    let (mut shop, store) = shop(kind).await;
    let mut follower = Follower::of(W1);
    follower.read(&mut shop.warehouse, 5).await;
    // The follower misses a revocation, and then the log of it.
    shop.cancel("O2").await.expect("a cancellation");
    shop.reserve("O6", &[("A", 1)]).await;
    prune(&store).await;
    let refused = follower
        .connect(&mut shop.warehouse)
        .await
        .expect_err("its events are gone");
    assert_error(&refused, Code::OutOfRange, "RESUME_TOKEN_EXPIRED");
    let mut fresh = Follower::of(W1);
    fresh.read_all(&mut shop.warehouse).await;
    assert_eq!(fresh.order_ids(), ["O1", "O3", "O4", "O5", "O6"]);
    shop.close().await;
}

async fn a_page_of_the_past_that_is_gone_says_so(kind: Kind) {
    let (mut shop, store) = shop(kind).await;
    let mut request = pb::ListEventsRequest {
        location_id: W1.to_owned(),
        page_size: 2,
        ..pb::ListEventsRequest::default()
    };
    let page = shop
        .events
        .list_events(request.clone())
        .await
        .expect("a page")
        .into_inner();
    prune(&store).await;
    request.page_token = page.next_page_token;
    let refused = shop.events.list_events(request.clone()).await.expect_err("it is gone");
    assert_error(&refused, Code::OutOfRange, "RESUME_TOKEN_EXPIRED");
    request.page_token.clear();
    let page = shop.events.list_events(request).await.expect("a page").into_inner();
    assert_eq!(page.events.len(), 1);
    shop.close().await;
}
