//! Every table of a location can lie anywhere by its location's key alone.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use super::{fill, run};
use crate::support::partitions::{PARTITIONS, partition_key};
use crate::support::postgres::Postgres;

/// Every unique index of the tables of the schema: table, index, columns. What migrations are recorded in is not Holdfast's.
const UNIQUE_KEYS: &str = "
SELECT t.relname::text, i.relname::text,
    array_agg(coalesce(a.attname::text, 'an expression'))
FROM pg_index AS x
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace AND t.relname <> '_sqlx_migrations'
GROUP BY 1, 2 ORDER BY 1, 2";

/// The tables and how many partitions each has.
const TABLES: &str = "
SELECT t.relname::text, (SELECT count(*) FROM pg_inherits AS h WHERE h.inhparent = t.oid)
FROM pg_class AS t
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
    AND t.relname <> '_sqlx_migrations'
ORDER BY 1";

/// Text columns that do not compare as bytes.
const OTHER_COLLATIONS: &str = "
SELECT table_name || '.' || column_name FROM information_schema.columns
WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
    AND table_name <> '_sqlx_migrations'";

/// The unique keys that lack the key of their table, and how many were looked at.
async fn keys_elsewhere(connection: &mut PgConnection) -> (Vec<String>, usize) {
    let keys: Vec<(String, String, Vec<String>)> = sqlx::query_as(UNIQUE_KEYS)
        .fetch_all(connection)
        .await
        .expect("the catalog can be read");
    let lacks =
        |table: &str, columns: &[String]| partition_key(table).is_some_and(|key| !columns.iter().any(|c| c == key));
    let found = keys.iter().filter(|(table, _, columns)| lacks(table, columns));
    (found.map(|(_, index, _)| index.clone()).collect(), keys.len())
}

async fn tables(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    let rows: Vec<(String, i64)> = sqlx::query_as(TABLES)
        .fetch_all(connection)
        .await
        .expect("the catalog can be read");
    rows.into_iter().collect()
}

#[tokio::test]
async fn every_unique_key_holds_its_tables_partition_key() {
    let database = Postgres::migrated_database();
    let mut connection = database.connect().await;
    let (found, keys) = keys_elsewhere(&mut connection).await;
    assert_eq!(found, Vec::<String>::new());
    // Each table has a primary key, so none was overlooked.
    assert!(keys >= tables(&mut connection).await.len(), "{keys} keys");
}

#[tokio::test]
async fn a_unique_key_without_its_tables_partition_key_is_found() {
    let database = Postgres::migrated_database();
    let mut connection = database.connect().await;
    for statement in [
        "CREATE UNIQUE INDEX orders_by_id ON orders (order_id)",
        "CREATE UNIQUE INDEX directory_by_place ON order_directory (location_key, sequence)",
        "CREATE UNIQUE INDEX items_by_name ON items (display_name)",
        "CREATE UNIQUE INDEX events_by_time ON events (at_us, location_key)",
        "CREATE UNIQUE INDEX receipts_by_words ON receipts (lower(content))",
    ] {
        assert!(run(&mut connection, statement).await.is_ok(), "{statement}");
    }
    let (found, _) = keys_elsewhere(&mut connection).await;
    assert_eq!(found, ["directory_by_place", "orders_by_id", "receipts_by_words"]);
}

#[tokio::test]
async fn every_table_of_a_location_is_partitioned_by_it() {
    let database = Postgres::partitioned_database();
    let mut connection = database.connect().await;
    fill(&mut connection).await;
    let tables = tables(&mut connection).await;
    let partitions = i64::try_from(PARTITIONS).expect("a few");
    for (table, count) in &tables {
        let expected = partition_key(table).map_or(0, |_| partitions);
        assert_eq!(*count, expected, "partitions of {table}");
    }
    let plain = Postgres::migrated_database();
    let names = |tables: BTreeMap<String, i64>| tables.into_keys().collect::<Vec<_>>();
    let others = self::tables(&mut plain.connect().await).await;
    assert_eq!(names(tables), names(others));
}

#[tokio::test]
async fn the_documented_calls_spread_every_table_by_its_key() {
    let database = Postgres::migrated_database();
    let tables = tables(&mut database.connect().await).await;
    let expected: BTreeMap<&str, Option<&str>> = tables
        .keys()
        .map(|table| (table.as_str(), partition_key(table)))
        .collect();
    let guide = include_str!("../../../docs/SCALING.md");
    let calls = guide
        .lines()
        .filter_map(|line| line.trim().strip_prefix("SELECT create_"));
    let called: Vec<(&str, Option<&str>)> = calls
        .map(|call| {
            let mut texts = call.split('\'').skip(1).step_by(2);
            let table = texts.next().expect("a call names its table");
            let key = call.starts_with("distributed_table").then(|| texts.next()).flatten();
            (table, key)
        })
        .collect();
    assert_eq!(called.len(), expected.len(), "each table once");
    assert_eq!(called.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

#[tokio::test]
async fn texts_compare_as_bytes_in_every_table() {
    for database in [Postgres::migrated_database(), Postgres::partitioned_database()] {
        let others: Vec<String> = sqlx::query_scalar(OTHER_COLLATIONS)
            .fetch_all(&mut database.connect().await)
            .await
            .expect("the catalog can be read");
        assert_eq!(others, Vec::<String>::new());
    }
}
