//! Work that is dropped midway: what it left open on a connection is nobody else's.

use holdfast::store::Store as _;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use sqlx::Connection as _;

use crate::conformance::warehouse::{accepted, counters, now, place, put_item, put_location, receive, run_at};
use crate::support::postgres::{Postgres, waiting};

#[tokio::test]
async fn a_read_and_a_round_that_are_dropped_leave_no_transaction() {
    let database = Postgres::database();
    let mut options = PostgresOptions::new(database.url()).expect("a URL");
    (options.readers, options.lanes) = (1, 1);
    PostgresStore::migrate(&options).await.expect("the tables are made");
    let store = PostgresStore::open(&options).await.expect("the store opens");
    accepted(&store, &[put_location(), put_item("A", 0), receive("r1", &[("A", 1)])]).await;
    assert_eq!(counters(&store, "A").await, (1, 0, 0));

    let (mut holder, mut watcher) = (database.connect().await, database.connect().await);
    let mut held = holder.begin().await.expect("a transaction");
    let lock = sqlx::query("LOCK TABLE stock, location_numbers IN ACCESS EXCLUSIVE MODE");
    lock.execute(&mut *held).await.expect("the lock");
    let read = store.logs();
    let commands = [receive("r2", &[("A", 2)])];
    let round = run_at(&store, now(), &commands);
    tokio::select! {
        _ = async { tokio::join!(read, round) } => panic!("they wait for the lock"),
        () = waiting(&mut watcher, 2) => {}
    }
    held.rollback().await.expect("it is given back");

    accepted(&store, &[receive("r3", &[("A", 4)])]).await;
    assert_eq!(counters(&store, "A").await, (5, 0, 0), "a read sees what is stored now");
    let events = store.last_event(&place()).await.expect("it is read");
    assert_eq!(events.map(|last| last.0), Some(3));
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut watcher)
    .await
    .expect("sessions can be seen");
    assert_eq!(open, 0);
    store.close().await;
}
