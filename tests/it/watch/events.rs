//! Events of one, several and all locations, followed and listed.

use std::collections::BTreeMap;

use holdfast::proto::holdfast::v1::watch_events_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, EventType};
use tonic::{Code, Status, Streaming};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, fields};
use crate::support::shop::{Shop, W1, location, order};

on_every_database! {
    a_token_covers_every_location_whichever_the_cut
    a_location_that_is_created_joins_a_stream_of_all
    types_are_filtered_and_the_token_moves_past_what_is_left_out
    a_token_of_other_locations_is_refused
    the_past_is_listed_by_pages
}

fn asked(location_ids: &[&str], types: &[EventType], token: &str) -> pb::WatchEventsRequest {
    pb::WatchEventsRequest {
        location_ids: location_ids.iter().map(ToString::to_string).collect(),
        resume_token: token.to_owned(),
        types: types.iter().map(|kind| i32::from(*kind)).collect(),
        ..pb::WatchEventsRequest::default()
    }
}

async fn watch(shop: &mut Shop, asked: pb::WatchEventsRequest) -> Result<Streaming<pb::WatchEventsResponse>, Status> {
    shop.events.watch_events(asked).await.map(tonic::Response::into_inner)
}

/// A reader that checks that each location's numbers follow each other, unless it filters.
#[derive(Debug, Default)]
struct Reader {
    token: String,
    last: BTreeMap<String, i64>,
    is_filtered: bool,
    events: Vec<pb::Event>,
}

impl Reader {
    fn take(&mut self, message: pb::WatchEventsResponse) -> bool {
        self.token = message.resume_token;
        let Some(Item::Event(event)) = message.item else {
            return true;
        };
        let last = self.last.entry(event.location_id.clone()).or_default();
        let follows = event.event_sequence == *last + 1 || self.is_filtered && event.event_sequence > *last;
        assert!(follows, "{event:?} after {last}");
        *last = event.event_sequence;
        self.events.push(event);
        false
    }

    /// Reads a new stream: so many messages, or until there is nothing left.
    async fn read(&mut self, shop: &mut Shop, asked: pb::WatchEventsRequest, most: usize) {
        let mut stream = watch(shop, asked).await.expect("a stream");
        for _ in 0..most {
            let message = stream.message().await.expect("a message").expect("the stream goes on");
            if self.take(message) {
                return;
            }
        }
    }
}

async fn two_locations(kind: Kind) -> Shop {
    let mut shop = Shop::stocked(kind, &[("A", 50)]).await;
    shop.put_location(location("W2")).await;
    shop.receive_at("W2", "A", 50).await;
    shop
}

async fn place(shop: &mut Shop, order_id: &str, location_id: &str) {
    shop.try_reserve(order(order_id, location_id, &[("A", 1)]))
        .await
        .expect("an order");
}

async fn a_token_covers_every_location_whichever_the_cut(kind: Kind) {
    let mut shop = two_locations(kind).await;
    let (mut all, mut both) = (Reader::default(), Reader::default());
    for step in 0..12 {
        place(&mut shop, &format!("O{step}"), ["W1", "W2"][step % 2]).await;
        let token = all.token.clone();
        all.read(&mut shop, asked(&[], &[], &token), 3).await;
        let token = both.token.clone();
        both.read(&mut shop, asked(&["W2", "W1"], &[], &token), 3).await;
    }
    // A location that comes later belongs to all, and not to those named.
    shop.put_location(location("W3")).await;
    for (reader, ids) in [(&mut all, &[][..]), (&mut both, &["W1", "W2", "W1"][..])] {
        let token = reader.token.clone();
        reader.read(&mut shop, asked(ids, &[], &token), usize::MAX).await;
    }
    let mut ends = BTreeMap::from([("W1".to_owned(), 14), ("W2".to_owned(), 14)]);
    assert_eq!(both.last, ends);
    ends.insert("W3".to_owned(), 1);
    assert_eq!(all.last, ends);
    shop.close().await;
}

async fn a_location_that_is_created_joins_a_stream_of_all(kind: Kind) {
    let mut shop = two_locations(kind).await;
    let mut reader = Reader::default();
    let mut stream = watch(&mut shop, asked(&[], &[], "")).await.expect("a stream");
    while !reader.take(stream.message().await.expect("a message").expect("the stream goes on")) {}
    shop.put_location(location("W3")).await;
    while !reader.last.contains_key("W3") {
        reader.take(stream.message().await.expect("a message").expect("the stream goes on"));
    }
    let before = reader.events.len();
    let token = reader.token.clone();
    reader.read(&mut shop, asked(&[], &[], &token), usize::MAX).await;
    assert_eq!(reader.events.len(), before, "the token covers the new location");
    shop.close().await;
}

async fn types_are_filtered_and_the_token_moves_past_what_is_left_out(kind: Kind) {
    let mut shop = two_locations(kind).await;
    for step in 0..6 {
        place(&mut shop, &format!("O{step}"), ["W1", "W2"][step % 2]).await;
    }
    let types = [EventType::OrderReleased, EventType::ReleaseRevoked];
    let mut reader = Reader {
        is_filtered: true,
        ..Reader::default()
    };
    reader.read(&mut shop, asked(&[], &types, ""), usize::MAX).await;
    assert_eq!(reader.events.len(), 6);
    // The same token without the filter: nothing is left.
    let mut rest = Reader::default();
    let token = reader.token.clone();
    rest.read(&mut shop, asked(&[], &[], &token), usize::MAX).await;
    assert!(rest.events.is_empty());
    let refused = watch(&mut shop, asked(&[], &[EventType::Unspecified], ""))
        .await
        .expect_err("no type");
    assert_eq!(fields(&refused), ["types[0]"]);
    shop.close().await;
}

async fn a_token_of_other_locations_is_refused(kind: Kind) {
    let mut shop = two_locations(kind).await;
    let mut reader = Reader::default();
    reader.read(&mut shop, asked(&["W1"], &[], ""), usize::MAX).await;
    let token = reader.token.clone();
    for ids in [&[][..], &["W2"], &["W1", "W2"]] {
        let refused = watch(&mut shop, asked(ids, &[], &token))
            .await
            .expect_err("other locations");
        assert_error(&refused, Code::InvalidArgument, "RESUME_TOKEN_INVALID");
    }
    let refused = watch(&mut shop, asked(&["W1", "W9"], &[], ""))
        .await
        .expect_err("unknown");
    assert_error(&refused, Code::NotFound, "UNKNOWN_LOCATION");
    shop.close().await;
}

async fn the_past_is_listed_by_pages(kind: Kind) {
    let mut shop = two_locations(kind).await;
    for step in 0..5 {
        place(&mut shop, &format!("O{step}"), W1).await;
    }
    let mut reader = Reader::default();
    reader.read(&mut shop, asked(&[W1], &[], ""), usize::MAX).await;
    let mut listed = Vec::new();
    let mut request = pb::ListEventsRequest {
        location_id: W1.to_owned(),
        page_size: 3,
        ..pb::ListEventsRequest::default()
    };
    loop {
        let page = shop
            .events
            .list_events(request.clone())
            .await
            .expect("a page")
            .into_inner();
        assert!(page.events.len() <= 3);
        listed.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, reader.events);
    request.types = vec![EventType::OrderPlaced.into()];
    let placed = shop
        .events
        .list_events(request.clone())
        .await
        .expect("a page")
        .into_inner();
    assert_eq!(placed.events.len(), 3);
    request.page_token = placed.next_page_token;
    let rest = shop
        .events
        .list_events(request.clone())
        .await
        .expect("a page")
        .into_inner();
    assert_eq!((rest.events.len(), rest.next_page_token.as_str()), (2, ""));
    request.types.clear();
    let refused = shop.events.list_events(request).await.expect_err("another list");
    assert_eq!(fields(&refused), ["page_token"]);
    let request = pb::ListEventsRequest {
        location_id: "W9".to_owned(),
        ..pb::ListEventsRequest::default()
    };
    let refused = shop.events.list_events(request).await.expect_err("unknown");
    assert_error(&refused, Code::NotFound, "UNKNOWN_LOCATION");
    shop.close().await;
}
