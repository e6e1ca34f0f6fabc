//! What only a file can do wrong: a second process, damage, a schema of tomorrow, storage that fails.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use holdfast::allocator::command::Command;
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use holdfast::store::{Page, Round, Store, StoreError, Verdict};
use rusqlite::Connection;

use super::warehouse::{
    Sqlite, accepted, assert_invariants, counters, look, now, place, put_item, put_location, receive, reserve,
};

/// Bytes of a page of a database, when nobody asks for others.
const PAGE_BYTES: usize = 4096;

pub(crate) async fn set_up(store: &dyn Store) {
    accepted(
        store,
        &[
            put_location(),
            put_item("A", 0),
            receive("r1", &[("A", 5)]),
            reserve("o1", &[("A", 2)]),
        ],
    )
    .await;
}

async fn try_run(store: &SqliteStore, commands: &[Command]) -> Result<(), StoreError> {
    store.round(&mut CommandRound::new(now(), commands)).await
}

/// Another hand on the file.
fn raw(database: &Sqlite) -> Connection {
    Connection::open(database.path()).expect("the file opens")
}

pub(crate) fn meddle(database: &Sqlite, statement: &str) -> rusqlite::Result<usize> {
    raw(database).execute(statement, [])
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    let (order, epoch) = (look(&store, &["o1"], &[]).await.orders, store.epoch());
    let events = store
        .list_events(
            &place(),
            Page {
                after: None,
                limit: 100,
            },
        )
        .await
        .expect("the log");
    store.close().await;
    drop(store);
    let store = database.open().await;
    assert_eq!(store.epoch(), epoch);
    assert_eq!(look(&store, &["o1"], &[]).await.orders, order);
    assert_eq!(
        store
            .list_events(
                &place(),
                Page {
                    after: None,
                    limit: 100
                }
            )
            .await
            .expect("the log"),
        events
    );
    assert_eq!(counters(&store, "A").await, (5, 2, 0));
    assert_invariants(&store).await;
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_closed() {
    let store = Sqlite::new().open().await;
    store.close().await;
    store.close().await;
    assert!(matches!(
        try_run(&store, &[put_location()]).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(store.pending_refills().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_file_is_opened_once() {
    let database = Sqlite::new();
    let store = database.open().await;
    let error = database.try_open().expect_err("it is in use").to_string();
    assert!(error.contains("in use by another process"), "{error}");
    drop(store);
    database.open().await;
}

#[tokio::test]
async fn a_schema_of_tomorrow_is_refused_by_name() {
    let database = Sqlite::new();
    database.open().await.close().await;
    let tomorrow = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9001, 'x', 1, x'00', 0)";
    meddle(&database, tomorrow).expect("a row");
    let error = database.try_open().expect_err("it is unknown");
    assert!(
        matches!(&error, StoreError::Storage(said) if said.contains("9001")),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused() {
    let database = Sqlite::new();
    meddle(&database, "CREATE TABLE theirs (x)").expect("a table");
    assert!(matches!(database.try_open(), Err(StoreError::Storage(_))));
    let database = Sqlite::new();
    std::fs::write(
        database.path(),
        "no database at all, but long enough to be looked at".repeat(100),
    )
    .expect("a file");
    assert!(matches!(database.try_open(), Err(StoreError::Storage(_))));
}

#[tokio::test]
async fn promises_and_events_cannot_be_rewritten() {
    let database = Sqlite::new();
    set_up(&database.open().await).await;
    for statement in [
        "UPDATE orders SET promised_ship_date = '2030-01-01'",
        "UPDATE order_lines SET promised_ship_date = '2030-01-01'",
        "UPDATE order_lines SET ready_date = '2030-01-01'",
        "UPDATE events SET at_us = 0",
        "DELETE FROM events",
    ] {
        let error = meddle(&database, statement).expect_err(statement).to_string();
        assert!(error.contains("never"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_corrupt_row_is_named() {
    for (statement, column) in [
        ("UPDATE orders SET currency = 'EURO'", "currency"),
        ("UPDATE orders SET terms = '{'", "terms"),
        (
            "UPDATE order_lines SET cancelled = 1, refunded_nanos = -5",
            "refunded_units",
        ),
        ("UPDATE order_lines SET sku_key = 77", "sku_key"),
        ("DELETE FROM order_lines", "location_key"),
    ] {
        let database = Sqlite::new();
        let store = database.open().await;
        set_up(&store).await;
        meddle(&database, statement).expect(statement);
        let error = try_run(&store, &[reserve("o1", &[("A", 2)])])
            .await
            .expect_err(statement);
        let StoreError::Corrupt { column: named, row, .. } = &error else {
            panic!("{statement}: {error}")
        };
        assert_eq!((*named, row.starts_with("1/1")), (column, true), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_write_that_touches_other_rows_than_it_must_is_not_committed() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    let statement = "CREATE TRIGGER losing BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END";
    meddle(&database, statement).expect("a trigger");
    let error = try_run(&store, &[reserve("o2", &[("A", 1)])])
        .await
        .expect_err("an event is lost");
    assert!(
        matches!(
            error,
            StoreError::RowCount {
                statement: "insert_events",
                expected: 2,
                touched: 0
            }
        ),
        "{error}"
    );
    assert_eq!(counters(&store, "A").await, (5, 2, 0));
    meddle(&database, "DROP TRIGGER losing").expect("it goes");
    accepted(&store, &[reserve("o2", &[("A", 1)])]).await;
    assert_invariants(&store).await;
}

#[tokio::test]
async fn a_refused_statement_names_itself_and_leaves_nothing() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    let stray = "INSERT INTO events (location_key, event_sequence, at_us, payload) VALUES (1, 99, 0, '{}')";
    meddle(&database, stray).expect("a row");
    meddle(&database, "UPDATE location_numbers SET next_event = 99").expect("a row");
    let error = try_run(&store, &[reserve("o2", &[("A", 1)])])
        .await
        .expect_err("its number is taken");
    assert!(
        matches!(
            error,
            StoreError::Refused {
                statement: "insert_events",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(counters(&store, "A").await, (5, 2, 0));
}

#[tokio::test]
async fn a_full_disk_stops_the_store_and_acknowledges_nothing() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    store.close().await;
    drop(store);
    let mut options = SqliteOptions::new(database.path());
    options.pages_max = Some(60);
    let store = SqliteStore::open(&options).expect("the store opens");
    let orders: Vec<_> = (0..2_000)
        .map(|number| reserve(&format!("x{number}"), &[("A", 1)]))
        .collect();
    let error = try_run(&store, &orders).await.expect_err("it is full");
    assert!(matches!(error, StoreError::Storage(_)) && error.is_fatal(), "{error}");
    assert_eq!(counters(&store, "A").await, (5, 2, 0));
    assert_invariants(&store).await;
}

#[tokio::test]
async fn a_directory_in_place_of_a_file_is_refused() {
    for name in ["holdfast.db", "holdfast.db.lock"] {
        let database = Sqlite::new();
        std::fs::create_dir(database.path().with_file_name(name)).expect("a directory");
        let error = database.try_open().expect_err(name);
        assert!(matches!(error, StoreError::Storage(_)) && error.is_fatal(), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_page_stops_the_store_when_it_is_read() {
    let database = Sqlite::new();
    let store = database.open().await;
    set_up(&store).await;
    store.close().await;
    drop(store);
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = 'stock'";
    let page: i64 = raw(&database)
        .query_row(query, [], |row| row.get(0))
        .expect("the table is there");
    let mut bytes = std::fs::read(database.path()).expect("the file");
    let first = usize::try_from(page - 1).expect("a page") * PAGE_BYTES;
    bytes[first..first + PAGE_BYTES].fill(0xFF);
    std::fs::write(database.path(), bytes).expect("the file");
    let store = database.open().await;
    let error = try_run(&store, &[reserve("o2", &[("A", 1)])])
        .await
        .expect_err("counters cannot be read");
    assert!(matches!(error, StoreError::Storage(_)) && error.is_fatal(), "{error}");
}

/// A reader that waits until it is told to end.
struct Endless {
    began: mpsc::Sender<()>,
    end: mpsc::Receiver<()>,
}

impl Round for Endless {
    fn now(&self) -> Instant {
        now()
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        Wants::default()
    }

    fn decide(&mut self, _: &mut WorkingSet) -> Verdict {
        self.began.send(()).expect("the test waits");
        self.end.recv().expect("the test says when");
        Verdict::Abandon
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_end_holds_up_neither_checks_nor_the_end() {
    let database = Sqlite::new();
    let mut options = SqliteOptions::new(database.path());
    options.readers = 1;
    let store = Arc::new(SqliteStore::open(&options).expect("the store opens"));
    set_up(&*store).await;
    let ((began, has_begun), (end, may_end)) = (mpsc::channel(), mpsc::channel());
    let mut endless = Endless { began, end: may_end };
    let reading = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.observe(&mut endless).await }
    });
    has_begun.recv().expect("it begins");
    assert_invariants(&*store).await;
    let closed = tokio::time::timeout(Duration::from_secs(30), store.close()).await;
    assert!(closed.is_ok(), "the end waits for a reader");
    assert!(matches!(store.pending_refills().await, Err(StoreError::Unavailable(_))));
    end.send(()).expect("it waits");
    reading
        .await
        .expect("it does not panic")
        .expect("its snapshot is whole");
    drop(store);
    assert_eq!(counters(&database.open().await, "A").await, (5, 2, 0));
}
