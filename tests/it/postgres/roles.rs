//! What each role of `deploy/postgres/roles.sql` may and may not do.

use std::process::Command;

use holdfast::store::Store;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnection;

use super::{TWO_LOCATIONS, run};
use crate::conformance::warehouse::assert_invariants;
use crate::conformance::{flows, lists};
use crate::support::postgres::{MIGRATIONS, Postgres};
use crate::support::process::output_of;

/// `insufficient_privilege`.
const DENIED: &str = "42501";
/// `integrity_constraint_violation`: what the triggers answer.
const REFUSED: &str = "23000";
/// `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// As the application: what it does, and what it may not.
const APPLICATION: [(&str, Result<u64, &str>); 43] = [
    (
        "UPDATE locations SET config = '{}', config_version = 2 WHERE location_key = 1",
        Ok(1),
    ),
    (
        "UPDATE location_numbers SET next_order = 3, revision = revision + 1",
        Ok(2),
    ),
    ("SELECT * FROM location_numbers ORDER BY location_key FOR UPDATE", Ok(2)),
    ("SELECT singleton FROM meta FOR UPDATE", Ok(1)),
    ("UPDATE meta SET epoch = 8", Err(DENIED)),
    ("UPDATE items SET safety_stock = 1", Ok(1)),
    (
        "INSERT INTO stock VALUES (1, 1, 10, 1, 0, NULL) ON CONFLICT (location_key, sku_key) DO UPDATE SET on_hand = 11",
        Ok(1),
    ),
    (
        "UPDATE orders SET state = 4, shipped_at_us = 1, event_sequence = 2 WHERE location_key = 1",
        Ok(1),
    ),
    ("UPDATE order_lines SET cancelled = 1, refunded_units = 1", Ok(2)),
    ("INSERT INTO inbounds VALUES (1, 1, 'i', '2026-01-05', 1)", Ok(1)),
    ("INSERT INTO inbound_lines VALUES (1, 1, 0, 1, 5, 0, 5)", Ok(1)),
    ("DELETE FROM inbound_lines", Ok(1)),
    ("INSERT INTO events VALUES (1, 2, 0, 'a', '{}')", Ok(1)),
    ("SELECT * FROM _sqlx_migrations WHERE version = 1", Ok(1)),
    ("NOTIFY holdfast", Ok(0)),
    ("UPDATE events SET at_us = 0", Err(DENIED)),
    // Old events go below a horizon, which is said first and never goes back.
    ("DELETE FROM events WHERE location_key = 1", Err(REFUSED)),
    ("INSERT INTO log_horizons VALUES (1, 2)", Ok(1)),
    ("UPDATE log_horizons SET oldest_event = 1", Err(REFUSED)),
    ("DELETE FROM events WHERE location_key = 1", Err(REFUSED)),
    (
        "DELETE FROM events WHERE location_key = 1 AND event_sequence = 1",
        Ok(1),
    ),
    ("UPDATE log_horizons SET oldest_event = 2", Ok(1)),
    ("SELECT * FROM log_horizons", Ok(1)),
    ("UPDATE log_horizons SET location_key = 2", Err(DENIED)),
    ("DELETE FROM log_horizons", Err(DENIED)),
    ("TRUNCATE log_horizons", Err(DENIED)),
    ("TRUNCATE events", Err(DENIED)),
    ("UPDATE orders SET promised_ship_date = '2026-01-06'", Err(DENIED)),
    ("UPDATE orders SET order_id = 'c'", Err(DENIED)),
    ("UPDATE order_lines SET promised_ship_date = '2026-01-06'", Err(DENIED)),
    ("UPDATE order_lines SET ready_date = '2026-01-06'", Err(DENIED)),
    ("UPDATE order_lines SET basis = '{}'", Err(DENIED)),
    ("UPDATE order_directory SET sequence = 2", Err(DENIED)),
    ("UPDATE receipts SET answer = '{}'", Err(DENIED)),
    ("DELETE FROM orders", Err(DENIED)),
    ("DELETE FROM stock", Err(DENIED)),
    ("UPDATE _sqlx_migrations SET success = true", Err(DENIED)),
    (
        "INSERT INTO _sqlx_migrations SELECT * FROM _sqlx_migrations",
        Err(DENIED),
    ),
    ("CREATE TABLE mine (a int)", Err(DENIED)),
    ("CREATE TEMPORARY TABLE mine (a int)", Err(DENIED)),
    ("ALTER TABLE events DISABLE TRIGGER ALL", Err(DENIED)),
    ("DROP TABLE events", Err(DENIED)),
    ("SET ROLE holdfast_owner", Err(DENIED)),
];

/// As a reader.
const READER: [(&str, Result<u64, &str>); 6] = [
    ("SELECT * FROM orders", Ok(2)),
    ("SELECT * FROM events", Ok(2)),
    ("UPDATE stock SET on_hand = 1", Err(READ_ONLY)),
    ("SET default_transaction_read_only = off", Ok(0)),
    ("UPDATE stock SET on_hand = 1", Err(DENIED)),
    ("INSERT INTO items VALUES (2, 'x', 'x', 1, NULL, NULL, 0)", Err(DENIED)),
];

/// As the migrator, who acts as the owner; triggers hold for it too.
const MIGRATOR: [(&str, Result<u64, &str>); 6] = [
    ("CREATE TABLE later (a int)", Ok(0)),
    ("UPDATE events SET at_us = 0", Err(REFUSED)),
    ("DELETE FROM events", Err(REFUSED)),
    ("TRUNCATE events", Err(REFUSED)),
    ("CREATE ROLE mine", Err(DENIED)),
    ("CREATE DATABASE mine", Err(DENIED)),
];

/// As psql runs the file for whoever sets up a database.
fn apply_roles(database: &Postgres) {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postgres/roles.sql"))
        .arg(database.url());
    let output = output_of(&mut psql);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn assert_answers(connection: &mut PgConnection, role: &str, answers: &[(&'static str, Result<u64, &str>)]) {
    for (statement, expected) in answers {
        let answer = run(connection, statement).await;
        assert_eq!(
            answer.as_ref().map_err(String::as_str).copied(),
            *expected,
            "{role}: {statement}"
        );
    }
}

/// Every right on every table: what a second run of the file must not change.
async fn rights(database: &Postgres) -> Vec<(String, Option<String>, Option<String>)> {
    sqlx::query_as(
        "SELECT c.relname::text, c.relacl::text, string_agg(a.attname || ' ' || a.attacl::text, ', ' ORDER BY a.attnum)
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace GROUP BY c.oid ORDER BY 1",
    )
    .fetch_all(&mut database.connect().await)
    .await
    .expect("the catalog can be read")
}

/// Orders through their lives, and the removal of old events, with the application's rights and no more.
async fn rounds_run_as_the_application() {
    for number in 0..4 {
        let database = Postgres::database();
        apply_roles(&database);
        let as_role = |role| PostgresOptions::new(&database.url_as(role)).expect("the URL was made by this module");
        let migrated = PostgresStore::migrate(&as_role("holdfast_migrator")).await;
        migrated.expect("the migrator may migrate");
        apply_roles(&database);
        let store = PostgresStore::open(&as_role("holdfast_app")).await;
        let store = store.expect("the application may serve");
        match number {
            0 => lists::old_events_go_and_the_books_still_add_up(&store).await,
            1 => flows::an_order_is_cancelled_in_parts_and_all_is_refunded(&store).await,
            2 => flows::an_inbound_is_put_changed_received_and_closed(&store).await,
            _ => flows::lost_units_revoke_releases_newest_first(&store).await,
        }
        assert_invariants(&store).await;
        store.close().await;
    }
}

/// One test, for roles belong to the whole cluster.
#[tokio::test]
async fn each_role_may_do_its_work_and_nothing_else() {
    let database = Postgres::database();
    apply_roles(&database);
    let mut migrator = database.connect_as("holdfast_migrator").await;
    MIGRATIONS
        .run_direct(None, &mut migrator, false)
        .await
        .expect("the migrator may migrate");
    let before = rights(&database).await;
    apply_roles(&database);
    let after = rights(&database).await;
    assert_ne!(before, after);
    apply_roles(&database);
    assert_eq!(rights(&database).await, after);

    let mut application = database.connect_as("holdfast_app").await;
    let filled = sqlx::raw_sql(TWO_LOCATIONS).execute(&mut application).await;
    filled.expect("the application may add to every table");
    assert_answers(&mut application, "application", &APPLICATION).await;
    let mut reader = database.connect_as("holdfast_readonly").await;
    assert_answers(&mut reader, "reader", &READER).await;
    assert_answers(&mut migrator, "migrator", &MIGRATOR).await;

    // What a later migration makes can be read at once, and written only when the file says so.
    let later = [
        ("SELECT * FROM later", Ok(0)),
        ("INSERT INTO later VALUES (1)", Err(DENIED)),
    ];
    assert_answers(&mut application, "application", &later).await;
    rounds_run_as_the_application().await;
    let mut login = database.connect().await;
    let outsider = [
        ("SET ROLE pg_read_all_stats", Ok(0)),
        ("SELECT * FROM public.orders", Err(DENIED)),
        ("CREATE TABLE public.mine (a int)", Err(DENIED)),
    ];
    assert_answers(&mut login, "anybody else", &outsider).await;
}
