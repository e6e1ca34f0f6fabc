//! The schema on PostgreSQL: what it refuses, who may do what, and that it can be laid out over several machines.

mod acknowledging;
mod clusters;
mod dropped;
mod failures;
mod late;
mod log;
mod lost_rows;
mod partitions;
mod readiness;
mod refusals;
mod roles;
mod serve;
mod tls;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;

use crate::support::postgres::Postgres;

/// Two locations with an order, its line, its directory entry and an event each.
const TWO_LOCATIONS: &str = "
INSERT INTO meta VALUES (1, 7);
INSERT INTO locations VALUES (1, 'one', 1, '{}'), (2, 'two', 1, '{}');
INSERT INTO location_numbers (location_key, next_order, next_event, next_inbound) VALUES (1, 2, 2, 1), (2, 2, 2, 1);
INSERT INTO items VALUES (1, 'sku', 'An item', 1, NULL, NULL, 0);
INSERT INTO stock VALUES (1, 1, 10, 1, 0, NULL), (2, 1, 10, 1, 0, NULL);
INSERT INTO order_directory VALUES ('a', 1, 1), ('b', 2, 1);
INSERT INTO orders (location_key, sequence, order_id, state, lacking, placed_at_us, promised_ship_date, calendar_version,
    event_sequence) VALUES (1, 1, 'a', 3, 0, 0, '2026-01-05', 1, 1), (2, 1, 'b', 3, 0, 0, '2026-01-05', 1, 1);
INSERT INTO order_lines (location_key, sequence, line_number, sku_key, quantity, lacking, ready_date, promised_ship_date)
    VALUES (1, 1, 1, 1, 1, 0, '2026-01-02', '2026-01-05'), (2, 1, 1, 1, 1, 0, '2026-01-02', '2026-01-05');
INSERT INTO events VALUES (1, 1, 0, 'a', '{}'), (2, 1, 0, 'b', '{}');
";

/// Writes the rows of two locations.
async fn fill(connection: &mut PgConnection) {
    let filled = sqlx::raw_sql(TWO_LOCATIONS).execute(connection).await;
    filled.expect("the rows break no constraint");
}

/// Runs one statement: rows affected, or the SQLSTATE of the refusal.
async fn run(connection: &mut PgConnection, statement: &'static str) -> Result<u64, String> {
    match sqlx::raw_sql(statement).execute(connection).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => {
            let refusal = error.as_database_error().and_then(DatabaseError::code);
            Err(refusal.unwrap_or_else(|| panic!("no refusal: {error}")).into_owned())
        }
    }
}

/// Every statement is understood by the database, and none depends on a round's size.
#[tokio::test]
async fn every_statement_prepares() {
    use sqlx::{Executor as _, SqlSafeStr as _};
    let database = Postgres::migrated_database();
    let mut connection = database.connect().await;
    for statement in holdfast::store::postgres::statements() {
        assert!(statement.starts_with("-- "), "{statement}");
        let prepared = connection.prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}
