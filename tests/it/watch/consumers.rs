//! Consumers with names: what they acknowledge is remembered, shown, and kept for them.

use holdfast::proto::holdfast::v1 as pb;
use pb::watch_events_response::Item;
use tonic::Code;

use crate::support::errors::assert_error;
use crate::support::shop::{Shop, W1};

async fn first_event(shop: &mut Shop, token: &str) -> (i64, String) {
    let request = pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        resume_token: token.to_owned(),
        consumer_id: "mail".to_owned(),
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = shop.events.watch_events(request).await.expect("a stream").into_inner();
    let message = stream.message().await.expect("a message").expect("the stream goes on");
    let Some(Item::Event(event)) = message.item else {
        panic!("not an event: {message:?}")
    };
    (event.event_sequence, message.resume_token)
}

async fn consumers(shop: &mut Shop) -> Vec<(String, i64, i64, i64)> {
    let request = pb::ListConsumersRequest::default();
    let listed = shop
        .operations
        .list_consumers(request)
        .await
        .expect("an answer")
        .into_inner();
    let seen = listed.consumers.into_iter().map(|consumer| {
        assert_eq!(consumer.location_id, W1);
        let acknowledged = consumer.acknowledged_event_sequence;
        (
            consumer.consumer_id,
            acknowledged,
            consumer.lag_events,
            consumer.lag_seconds,
        )
    });
    seen.collect()
}

fn ack(consumer_id: &str, location_ids: &[&str], token: &str) -> pb::AckEventsRequest {
    pb::AckEventsRequest {
        consumer_id: consumer_id.to_owned(),
        location_ids: location_ids.iter().map(ToString::to_string).collect(),
        resume_token: token.to_owned(),
    }
}

#[tokio::test]
async fn a_consumer_goes_on_after_what_it_acknowledged() {
    let mut shop = Shop::stocked(crate::support::databases::Kind::Postgres, &[("A", 9)]).await;
    shop.reserve("O1", &[("A", 1)]).await;
    let (first, token) = first_event(&mut shop, "").await;
    assert_eq!(first, 1);
    let listed = consumers(&mut shop).await;
    assert_eq!((listed[0].0.as_str(), listed[0].1), ("mail", 0));
    let all = listed[0].2;
    // Not acknowledged, so told again; then acknowledged, however often.
    assert_eq!(first_event(&mut shop, "").await.0, 1);
    for _ in 0..2 {
        shop.events
            .ack_events(ack("mail", &[W1], &token))
            .await
            .expect("an answer");
    }
    assert_eq!(first_event(&mut shop, "").await.0, 2);
    assert_eq!(consumers(&mut shop).await[0], ("mail".to_owned(), 1, all - 1, 0));
    shop.set_clock("2026-03-02T10:00:00Z");
    let lag = consumers(&mut shop).await[0].3;
    assert!(lag > 0, "{lag}");
    // A token of another stream is none of this one.
    let refused = shop
        .events
        .ack_events(ack("mail", &[], &token))
        .await
        .expect_err("another stream");
    assert_error(&refused, Code::InvalidArgument, "RESUME_TOKEN_INVALID");
    let refused = shop
        .events
        .ack_events(ack("", &[W1], &token))
        .await
        .expect_err("no name");
    assert_eq!(refused.code(), Code::InvalidArgument);
    shop.close().await;
}

#[tokio::test]
async fn releases_are_acknowledged_with_their_tokens() {
    let mut shop = Shop::stocked(crate::support::databases::Kind::Postgres, &[("A", 9)]).await;
    shop.reserve("O1", &[("A", 1)]).await;
    let request = pb::WatchReleasesRequest {
        location_id: W1.to_owned(),
        consumer_id: "dock".to_owned(),
        ..pb::WatchReleasesRequest::default()
    };
    let mut stream = shop
        .warehouse
        .watch_releases(request)
        .await
        .expect("a stream")
        .into_inner();
    stream.message().await.expect("a message").expect("the first release");
    let (_, before, lag, _) = consumers(&mut shop).await.remove(0);
    assert_eq!(lag, 0);
    shop.reserve("O2", &[("A", 1)]).await;
    let token = loop {
        let message = stream.message().await.expect("a message").expect("it goes on");
        if matches!(&message.item, Some(pb::watch_releases_response::Item::Release(release)) if release.order_id == "O2")
        {
            break message.resume_token;
        }
    };
    shop.events
        .ack_events(ack("dock", &[W1], &token))
        .await
        .expect("an answer");
    let (_, acknowledged, _, _) = consumers(&mut shop).await.remove(0);
    assert!(acknowledged > before, "{acknowledged}");
    drop(stream);
    shop.close().await;
}
