//! What the tables refuse whoever asks.

use super::{fill, run};
use crate::support::postgres::Postgres;

/// `integrity_constraint_violation`: what the triggers answer.
const REFUSED: &str = "23000";
/// `check_violation`.
const CHECK: &str = "23514";
/// `unique_violation`.
const UNIQUE: &str = "23505";

/// Statements, and what the database answers: rows, or the SQLSTATE of the refusal.
const ANSWERS: [(&str, Result<u64, &str>); 18] = [
    (
        "UPDATE orders SET promised_ship_date = '2026-01-06' WHERE location_key = 1",
        Err(REFUSED),
    ),
    (
        "UPDATE orders SET state = 4, promised_ship_date = promised_ship_date",
        Err(REFUSED),
    ),
    (
        "INSERT INTO orders SELECT * FROM orders
        ON CONFLICT (location_key, sequence) DO UPDATE SET promised_ship_date = excluded.promised_ship_date",
        Err(REFUSED),
    ),
    (
        "UPDATE orders SET state = 4, shipped_at_us = 1, event_sequence = 2 WHERE location_key = 1",
        Ok(1),
    ),
    ("UPDATE order_lines SET ready_date = '2026-01-06'", Err(REFUSED)),
    ("UPDATE order_lines SET promised_ship_date = '2026-01-06'", Err(REFUSED)),
    ("UPDATE order_lines SET basis = '{}'", Err(REFUSED)),
    ("UPDATE order_lines SET cancelled = 1", Ok(2)),
    ("UPDATE events SET payload = payload", Err(REFUSED)),
    ("UPDATE events SET at_us = 1 WHERE location_key = 2", Err(REFUSED)),
    ("DELETE FROM events WHERE location_key = 1", Err(REFUSED)),
    ("TRUNCATE events", Err(REFUSED)),
    ("UPDATE stock SET allocated = 11", Err(CHECK)),
    ("UPDATE orders SET lacking = 1", Err(CHECK)),
    ("UPDATE order_lines SET lacking = 1", Err(CHECK)),
    ("INSERT INTO order_directory VALUES ('a', 2, 9)", Err(UNIQUE)),
    ("INSERT INTO events VALUES (1, 1, 5, NULL, '{}')", Err(UNIQUE)),
    ("INSERT INTO meta VALUES (2, 7)", Err(CHECK)),
];

async fn assert_answers(database: &Postgres) {
    let mut connection = database.connect().await;
    fill(&mut connection).await;
    for (statement, expected) in ANSWERS {
        let answer = run(&mut connection, statement).await;
        let answer = answer.as_ref().map_err(String::as_str);
        assert_eq!(answer.copied(), expected, "{statement}");
    }
    let left: (i64, i64) = sqlx::query_as("SELECT count(*), sum(at_us)::bigint FROM events")
        .fetch_one(&mut connection)
        .await
        .expect("events can be read");
    assert_eq!(left, (2, 0));
}

#[tokio::test]
async fn a_promise_an_event_and_a_broken_rule_are_refused() {
    assert_answers(&Postgres::migrated_database()).await;
}

#[tokio::test]
async fn partitions_refuse_the_same() {
    assert_answers(&Postgres::partitioned_database()).await;
}

#[tokio::test]
async fn a_database_of_a_test_is_gone_after_it() {
    let keeper = Postgres::database();
    let other = Postgres::database();
    let name = other.name().to_owned();
    let open = other.connect().await;
    let mut connection = keeper.connect().await;
    let mut known = async || {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .expect("the catalog can be read")
    };
    assert_eq!(known().await, 1);
    drop(other);
    assert_eq!(known().await, 0);
    drop(open);
}
