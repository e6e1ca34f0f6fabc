//! A new epoch, drawn for a database that was restored from a copy.

use super::warehouse::{accepted, assert_invariants, counters, put_item, put_location, receive};
use crate::support::databases::KINDS;

#[tokio::test]
async fn a_new_epoch_holds_from_the_next_start_on() {
    for kind in KINDS {
        let database = kind.database();
        let store = database.open().await;
        accepted(&*store, &[put_location(), put_item("A", 0), receive("r1", &[("A", 5)])]).await;
        let first = store.epoch();
        store.renew_epoch().await.expect("a new epoch");
        assert_eq!(store.epoch(), first, "{kind:?}: what runs goes on with its own");
        store.close().await;
        drop(store);
        let store = database.open().await;
        let second = store.epoch();
        assert_ne!(second, first, "{kind:?}");
        assert_eq!(counters(&*store, "A").await, (5, 0, 0));
        assert_invariants(&*store).await;
        store.close().await;
        drop(store);
        assert_eq!(database.open().await.epoch(), second, "{kind:?}: it is drawn once");
    }
}
