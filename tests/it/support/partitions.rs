//! The tables of a location in partitions by its key, made from the migrations as they are.

use std::fmt::Write as _;

/// Of each table.
pub(crate) const PARTITIONS: usize = 4;

/// The column that a table is partitioned by; `None` for one that every location reads or that names the locations.
pub(crate) fn partition_key(table: &str) -> Option<&'static str> {
    match table {
        "meta" | "locations" | "items" => None,
        "order_directory" => Some("order_id"),
        _ => Some("location_key"),
    }
}

/// A migration with each `CREATE TABLE` partitioned by its key. What a partition cannot inherit (storage parameters)
/// moves to the partitions.
pub(crate) fn partitioned(migration: &str) -> String {
    let mut rewritten = String::new();
    let mut rest = migration;
    while let Some(at) = rest.find("\nCREATE TABLE ") {
        let statement = &rest[at + 1..];
        let closing = statement.find("\n)").expect("the columns of a table end on a line") + "\n)".len();
        let end = closing + statement[closing..].find(';').expect("a statement ends");
        rewritten.push_str(&rest[..=at]);
        rewritten.push_str(&table_in_partitions(&statement[..closing], &statement[closing..end]));
        rest = &statement[end + 1..];
    }
    rewritten + rest
}

/// One table: its head and columns, and what follows them.
fn table_in_partitions(columns: &str, storage: &str) -> String {
    let table = columns.split_whitespace().nth(2).expect("a table has a name");
    let Some(key) = partition_key(table) else {
        return format!("{columns}{storage};");
    };
    let mut text = format!("{columns} PARTITION BY HASH ({key});");
    for remainder in 0..PARTITIONS {
        let bounds = format!("(MODULUS {PARTITIONS}, REMAINDER {remainder})");
        write!(
            text,
            "\nCREATE TABLE {table}_{remainder} PARTITION OF {table} FOR VALUES WITH {bounds}{storage};"
        )
        .expect("a text takes more text");
    }
    text
}

#[test]
fn a_table_is_partitioned_and_its_storage_moves_to_the_partitions() {
    let migration = "-- A.\nCREATE TABLE stock (\n    location_key BIGINT,\n    CHECK (true)\n) WITH (fillfactor = 50);\n\n\
        CREATE TABLE items (\n    sku_key BIGINT\n);\nCREATE INDEX i ON stock (a);\n";
    let text = partitioned(migration);
    assert!(text.starts_with(
        "-- A.\nCREATE TABLE stock (\n    location_key BIGINT,\n    CHECK (true)\n) PARTITION BY HASH (location_key);"
    ));
    let last =
        "\nCREATE TABLE stock_3 PARTITION OF stock FOR VALUES WITH (MODULUS 4, REMAINDER 3) WITH (fillfactor = 50);\n";
    assert!(text.contains(last), "{text}");
    assert!(
        text.ends_with("\nCREATE TABLE items (\n    sku_key BIGINT\n);\nCREATE INDEX i ON stock (a);\n"),
        "{text}"
    );
    assert_eq!(text.matches("PARTITION OF").count(), PARTITIONS);
}
