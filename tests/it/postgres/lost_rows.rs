//! A statement that touches other rows than it must: the round says so and is not committed.

use holdfast::sequencer::round::CommandRound;
use holdfast::store::{Store as _, StoreError};
use sqlx::AssertSqlSafe;

use crate::conformance::warehouse::{
    accepted, assert_invariants, counters, now, put_item, put_location, receive, reserve,
};
use crate::support::postgres::{self, Postgres};

/// Tables that a round writes, and the statement that says how many rows of each it touched.
const WRITTEN: [(&str, &str); 7] = [
    ("location_numbers", "write_hot"),
    ("stock", "write_hot"),
    ("order_directory", "write_hot"),
    ("orders", "write_hot"),
    ("order_lines", "write_hot"),
    ("events", "write_hot"),
    ("receipts", "insert_receipts"),
];

#[tokio::test]
async fn a_write_that_touches_other_rows_than_it_must_is_not_committed() {
    let database = Postgres::database();
    let store = postgres::open(&database).await;
    accepted(&store, &[put_location(), put_item("A", 0), receive("r1", &[("A", 5)])]).await;
    let mut meddler = database.connect().await;
    let losing = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";
    sqlx::query(losing).execute(&mut meddler).await.expect("a function");
    let commands = [reserve("o1", &[("A", 2)]), receive("r2", &[("A", 1)])];
    for (table, named) in WRITTEN {
        let trigger =
            format!("CREATE TRIGGER losing BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION lose()");
        let made = sqlx::query(AssertSqlSafe(trigger)).execute(&mut meddler).await;
        made.expect(table);
        let error = store.round(&mut CommandRound::new(now(), &commands)).await;
        let error = error.expect_err(table);
        let StoreError::RowCount {
            statement,
            expected: 1..,
            touched: 0,
        } = &error
        else {
            panic!("{table}: {error}")
        };
        assert_eq!(*statement, named, "{table}");
        assert_eq!(counters(&store, "A").await, (5, 0, 0), "{table}");
        let dropped = sqlx::query(AssertSqlSafe(format!("DROP TRIGGER losing ON {table}")));
        dropped.execute(&mut meddler).await.expect(table);
    }
    accepted(&store, &commands).await;
    assert_eq!(counters(&store, "A").await, (6, 2, 0));
    assert_invariants(&store).await;
}
