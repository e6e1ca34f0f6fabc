//! Every statement against the bundled library: it prepares, and it finds its rows by an index.

use super::super::tables::{Load, Table};
use super::connection::{Connection, name_of};
use super::{SqliteOptions, SqliteStore, apply, checkpoint, invariants, open, sql};

/// What is computed within a statement and walked there: common table expressions.
const COMPUTED: [&str; 4] = ["at", "head", "span", "queue"];
/// Statements that walk a table, each with the reason.
const WALKS: [(&str, &str); 7] = [
    (
        "list_pending_refills",
        "the index holds nothing but refills that were cut",
    ),
    (
        "list_lapsed_locations",
        "locations are few, and each is looked at by an index",
    ),
    (
        "list_pending_estimates",
        "locations are few, and the index holds nothing but queues to be estimated",
    ),
    ("list_logs", "every log is asked for"),
    ("find_horizons", "every log is asked for"),
    ("list_consumers", "consumers are few, and all are asked for"),
    ("load_all_locations", "every location is asked for"),
];
/// Lists that sort, each with the reason.
const SORTS: [(&str, &str); 1] = [(
    "list_pending_refills",
    "refills that were cut are few, and listed at a start",
)];

/// A connection to a new database.
fn connect(directory: &tempfile::TempDir) -> Connection {
    let path = directory.path().join("statements.db");
    let opened = SqliteStore::open(&SqliteOptions::new(&path));
    drop(opened.expect("the store opens"));
    Connection::open_writer(&path, None).expect("the file opens")
}

/// The statements of rounds and lists.
fn of_rounds_and_lists() -> Vec<&'static str> {
    let found = Load::ALL.into_iter().map(sql::text);
    found
        .chain(Table::ALL.into_iter().map(apply::text))
        .chain(Table::ALL.into_iter().filter_map(apply::text_at_once))
        .chain(sql::OTHERS)
        .collect()
}

fn is_list(statement: &str) -> bool {
    name_of_text(statement).starts_with("list_")
}

fn name_of_text(statement: &str) -> &str {
    statement.lines().next().unwrap_or_default().trim_start_matches("-- ")
}

/// The text constants of a file of statements.
fn declared(text: &str) -> usize {
    text.matches(": &str = \"-- ").count() + text.matches(": &str = concat!(\n    \"-- ").count()
}

#[test]
fn every_statement_prepares() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory);
    let queries = invariants::ALL.iter().map(|invariant| invariant.broken);
    let others = invariants::STATEMENTS.iter().chain(&open::STATEMENTS);
    let others = others.chain(&checkpoint::STATEMENTS).copied();
    let statements: Vec<_> = of_rounds_and_lists().into_iter().chain(others).chain(queries).collect();
    for statement in statements {
        let prepared = connection.prepare(statement);
        assert!(prepared.is_ok(), "{statement}: {prepared:?}");
    }
    let found = Load::ALL.len() + sql::OTHERS.len();
    let declared_to_find = declared(include_str!("sql.rs")) + declared(include_str!("estimates.rs"));
    assert_eq!(declared_to_find, found);
    assert_eq!(declared(include_str!("apply.rs")), Table::ALL.len());
    assert_eq!(declared(include_str!("invariants.rs")), invariants::STATEMENTS.len());
    assert_eq!(declared(include_str!("checkpoint.rs")), checkpoint::STATEMENTS.len());
}

#[test]
fn the_library_is_compiled_as_the_configuration_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = connect(&directory)
        .inner()
        .prepare("PRAGMA compile_options")
        .map(|mut asked| {
            let options = asked.query_map([], |row| row.get::<_, String>(0));
            options
                .expect("options")
                .map(|option| option.expect("a text"))
                .collect::<Vec<_>>()
        });
    let options = options.expect("options");
    let has = |name: &str| options.iter().any(|option| option.starts_with(name));
    assert!(
        has("OMIT_SHARED_CACHE") && !has("ENABLE_API_ARMOR") && !has("ENABLE_MEMORY_MANAGEMENT"),
        "{options:?}"
    );
}

/// Whether a step of a plan walks a table from its beginning.
fn walks_a_table(step: &str) -> bool {
    let Some(scanned) = step.strip_prefix("SCAN ") else {
        return false;
    };
    let is_given = scanned == "CONSTANT ROW" || scanned.ends_with("VALUES CLAUSE");
    let is_computed = scanned.contains("VIRTUAL TABLE") || COMPUTED.contains(&scanned);
    !is_given && !is_computed
}

fn excepted(exceptions: &[(&'static str, &str)]) -> Vec<&'static str> {
    exceptions.iter().map(|(name, _)| *name).collect()
}

#[test]
fn rounds_and_lists_find_their_rows_by_an_index_and_pages_do_not_sort() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory);
    let (mut walks, mut sorts) = (Vec::new(), Vec::new());
    for statement in of_rounds_and_lists() {
        let plan = connection.plan(statement).expect(statement);
        if plan.iter().any(|step| walks_a_table(step)) {
            walks.push(name_of(statement));
        }
        if is_list(statement) && plan.iter().any(|step| step.contains("TEMP B-TREE")) {
            sorts.push(name_of(statement));
        }
    }
    assert_eq!(walks, excepted(&WALKS));
    assert_eq!(sorts, excepted(&SORTS));
}

/// Every step along the open orders is to those of one state: what is open is walked once.
#[test]
fn open_orders_are_found_by_their_state() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut connection = connect(&directory);
    for (statement, expected) in [
        (
            sql::text(Load::ListOpenOrders),
            "(location_key=? AND state=? AND sequence>?)",
        ),
        (sql::text(Load::Holders), "(location_key=? AND state<?)"),
    ] {
        let plan = connection.plan(statement).expect(statement);
        let steps: Vec<_> = plan.iter().filter(|step| step.contains("orders_open")).collect();
        assert!(
            matches!(steps.as_slice(), [step] if step.ends_with(expected)),
            "{statement}: {plan:?}"
        );
    }
}
