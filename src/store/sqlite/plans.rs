//! Every statement against the bundled library: it prepares, and it finds its rows by an index.

use super::connection::{Connection, name_of};
use super::{SqliteOptions, SqliteStore, invariants, lists, open, sql};

/// What is computed within a statement and walked there: common table expressions.
const COMPUTED: [&str; 4] = ["at", "head", "span", "queue"];
/// Statements that walk a table, each with the reason.
const WALKS: [(&str, &str); 3] = [
    ("load_location_keys", "all of them are asked for, and they are few"),
    (
        "list_pending_refills",
        "the index holds nothing but refills that were cut",
    ),
    (
        "list_lapsed_locations",
        "locations are few, and each is looked at by an index",
    ),
];
/// Lists that sort, each with the reason.
const SORTS: [(&str, &str); 2] = [
    ("list_inbound_lines", "the lines of one page"),
    (
        "list_pending_refills",
        "refills that were cut are few, and listed at a start",
    ),
];

/// A connection to a new database.
async fn connect(directory: &tempfile::TempDir) -> Connection {
    let path = directory.path().join("statements.db");
    let opened = SqliteStore::open(&SqliteOptions::new(&path)).await;
    drop(opened.expect("the store opens"));
    Connection::open_writer(&path, None).await.expect("the file opens")
}

/// The text constants of a file of statements.
fn declared(text: &str) -> usize {
    text.matches(": &str = \"-- ").count() + text.matches(": &str = concat!(\n    \"-- ").count()
}

#[tokio::test]
async fn every_statement_prepares() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory).await;
    let queries = invariants::ALL.iter().map(|invariant| invariant.broken);
    let statements: Vec<_> = sql::ALL
        .iter()
        .chain(&lists::ALL)
        .chain(&invariants::STATEMENTS)
        .chain(&open::STATEMENTS)
        .copied()
        .chain(queries)
        .collect();
    for statement in statements {
        let prepared = connection.prepare(statement).await;
        assert!(prepared.is_ok(), "{statement}: {prepared:?}");
    }
    assert_eq!(declared(include_str!("sql.rs")), sql::ALL.len());
    assert_eq!(declared(include_str!("lists.rs")), lists::ALL.len());
    assert_eq!(declared(include_str!("invariants.rs")), invariants::STATEMENTS.len());
}

/// Whether a step of a plan walks a table from its beginning.
fn walks_a_table(step: &str) -> bool {
    let Some(scanned) = step.strip_prefix("SCAN ") else {
        return false;
    };
    let is_computed = scanned.contains("VIRTUAL TABLE") || scanned == "CONSTANT ROW" || COMPUTED.contains(&scanned);
    !is_computed
}

fn excepted(exceptions: &[(&'static str, &str)]) -> Vec<&'static str> {
    exceptions.iter().map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn rounds_and_lists_find_their_rows_by_an_index_and_pages_do_not_sort() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory).await;
    let (mut walks, mut sorts) = (Vec::new(), Vec::new());
    for statement in sql::ALL.iter().chain(&lists::ALL).copied() {
        let plan = connection.plan(statement).await.expect(statement);
        if plan.iter().any(|step| walks_a_table(step)) {
            walks.push(name_of(statement));
        }
        if lists::ALL.contains(&statement) && plan.iter().any(|step| step.contains("TEMP B-TREE")) {
            sorts.push(name_of(statement));
        }
    }
    assert_eq!(walks, excepted(&WALKS));
    assert_eq!(sorts, excepted(&SORTS));
}

/// Every step along the open orders is to those of one state: what is open is walked once.
#[tokio::test]
async fn open_orders_are_found_by_their_state() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory).await;
    for (statement, expected) in [
        (lists::LIST_OPEN_ORDERS, "(location_key=? AND state=? AND sequence>?)"),
        (sql::LOAD_HOLDERS, "(location_key=? AND state=?)"),
    ] {
        let plan = connection.plan(statement).await.expect(statement);
        let steps: Vec<_> = plan.iter().filter(|step| step.contains("orders_open")).collect();
        assert!(
            matches!(steps.as_slice(), [step] if step.ends_with(expected)),
            "{statement}: {plan:?}"
        );
    }
}
