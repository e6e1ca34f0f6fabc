//! How far consumers are, said by all of them at once.

use std::sync::Arc;

use holdfast::domain::ids::{ConsumerId, EventSequence};
use holdfast::store::Store as _;
use tokio::task::JoinSet;

use crate::conformance::warehouse::{accepted, now, place, put_item, put_location, receive};
use crate::support::postgres::{self, Postgres};

const FOLLOWERS: usize = 40;
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

#[tokio::test]
async fn followers_acknowledge_on_one_connection() {
    let database = Postgres::database();
    let store = Arc::new(postgres::open(&database).await);
    accepted(&*store, &[put_location(), put_item("A", 0), receive("r1", &[("A", 1)])]).await;
    let mut watcher = database.connect().await;
    let before: i64 = sqlx::query_scalar(SESSIONS)
        .fetch_one(&mut watcher)
        .await
        .expect("a count");
    let mut followers = JoinSet::new();
    for number in 0..FOLLOWERS {
        let store = Arc::clone(&store);
        let consumer = ConsumerId::parse(&format!("follower-{number}")).expect("a name");
        let place = [(place(), EventSequence(1))];
        followers.spawn(async move { store.acknowledge_events(&consumer, &place, now()).await });
    }
    let mut most = before;
    while let Some(said) = followers.join_next().await {
        said.expect("no follower panics").expect("it is said");
        let sessions: i64 = sqlx::query_scalar(SESSIONS)
            .fetch_one(&mut watcher)
            .await
            .expect("a count");
        most = most.max(sessions);
    }
    assert!(most <= before + 1, "{most} sessions instead of {before}");
    assert_eq!(store.list_consumers().await.expect("they are listed").len(), FOLLOWERS);
}
