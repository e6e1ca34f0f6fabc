//! Two servers on one database: what one commits, those who follow the other hear of at once.

use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::monotonic;
use holdfast::grpc::StreamSettings;
use holdfast::proto::holdfast::v1 as pb;
use holdfast::server::ServerOptions;
use tonic::Streaming;

use super::follower::Follower;
use crate::support::databases::{Database, Kind};
use crate::support::instances::instance;
use crate::support::shop::{Shop, W1, brisk, item, location};

/// How late news may be on a machine that is busy. Nobody looks by itself within that time.
const LATE: Duration = Duration::from_secs(10);

/// Two servers that look at logs only when they are told of news.
async fn two_instances() -> (Shop, Shop, Arc<Database>) {
    let database = Arc::new(Kind::Postgres.database());
    let streams = StreamSettings {
        poll_interval: Duration::from_hours(1),
        ..brisk()
    };
    let (mut one, other) = (instance(&database, streams).await, instance(&database, streams).await);
    one.put_location(location(W1)).await;
    one.put_item(item("A")).await;
    one.receive("A", 50).await;
    (one, other, database)
}

/// Reads a stream until it brings news, and answers how long that took.
async fn next(follower: &mut Follower, stream: &mut Streaming<pb::WatchReleasesResponse>) -> Duration {
    let began = monotonic();
    let news = async {
        loop {
            let message = stream.message().await.expect("a message");
            if !follower.take(message.expect("the stream goes on")) {
                return;
            }
        }
    };
    tokio::time::timeout(LATE, news).await.expect("news in time");
    monotonic().saturating_duration_since(began)
}

/// Begins to follow, and reads what there is to tell.
async fn follow(shop: &mut Shop) -> (Follower, Streaming<pb::WatchReleasesResponse>) {
    let mut follower = Follower::of(W1);
    let mut stream = follower.connect(&mut shop.warehouse).await.expect("a stream");
    while let Some(message) = stream.message().await.expect("a message") {
        if follower.take(message) {
            return (follower, stream);
        }
    }
    panic!("the stream ended");
}

#[tokio::test]
async fn a_follower_of_one_instance_hears_what_the_other_commits() {
    let (mut one, mut other, _database) = two_instances().await;
    let (mut follower, mut stream) = follow(&mut other).await;
    let mut delays = Vec::new();
    for number in 1..=20 {
        one.reserve(&format!("O{number}"), &[("A", 1)]).await;
        delays.push(next(&mut follower, &mut stream).await);
    }
    assert_eq!(follower.order_ids().len(), 20);
    delays.sort_unstable();
    let median = delays[10];
    assert!(median < Duration::from_millis(500), "{delays:?}");
    one.cancel("O7").await.expect("a cancellation");
    next(&mut follower, &mut stream).await;
    assert!(!follower.order_ids().contains(&"O7"));
    drop(stream);
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn what_an_instance_commits_itself_is_no_news_to_it() {
    let database = Arc::new(Kind::Postgres.database());
    let store = database.open().await;
    let mut nudges = store.nudges().expect("others are heard");
    let mut one = Shop::start(store, Arc::clone(&database), ServerOptions::default()).await;
    let mut other = instance(&database, brisk()).await;
    one.put_location(location(W1)).await;
    one.put_item(item("A")).await;
    other.receive("A", 1).await;
    tokio::time::timeout(LATE, nudges.changed())
        .await
        .expect("news in time")
        .expect("the store lives");
    // The one that was first heard may have been that of the connection.
    tokio::time::sleep(Duration::from_millis(500)).await;
    nudges.mark_unchanged();
    for number in 1..=5 {
        one.reserve(&format!("O{number}"), &[("A", 1)]).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!nudges.has_changed().expect("the store lives"));
    other.reserve("O6", &[("A", 1)]).await;
    tokio::time::timeout(LATE, nudges.changed())
        .await
        .expect("news in time")
        .expect("the store lives");
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_stream_that_ends_with_its_instance_goes_on_at_the_other() {
    let (mut one, mut other, _database) = two_instances().await;
    for id in ["O1", "O2", "O3"] {
        one.reserve(id, &[("A", 1)]).await;
    }
    let mut follower = Follower::of(W1);
    follower.read(&mut one.warehouse, 2).await;
    one.cancel("O1").await.expect("a cancellation");
    one.close().await;
    other.reserve("O4", &[("A", 1)]).await;
    follower.read_all(&mut other.warehouse).await;
    assert_eq!(follower.order_ids(), ["O2", "O3", "O4"]);
    other.close().await;
}

#[tokio::test]
async fn news_are_heard_again_after_the_connection_that_brings_them_was_ended() {
    let (mut one, mut other, database) = two_instances().await;
    let (mut follower, mut stream) = follow(&mut other).await;
    one.reserve("O1", &[("A", 1)]).await;
    next(&mut follower, &mut stream).await;
    let Database::Postgres(postgres) = &*database else {
        panic!("it is a server")
    };
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'LISTEN%'
        ) AS ended",
    )
    .fetch_one(&mut postgres.connect().await)
    .await
    .expect("a superuser may");
    assert_eq!(ended, 2, "each instance listens");
    for id in ["O2", "O3"] {
        one.reserve(id, &[("A", 1)]).await;
        next(&mut follower, &mut stream).await;
    }
    assert_eq!(follower.order_ids(), ["O1", "O2", "O3"]);
    drop(stream);
    one.close().await;
    other.close().await;
}
