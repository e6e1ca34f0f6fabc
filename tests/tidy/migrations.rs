//! Migrations are only ever added: numbered without gaps, the same in every backend, unchanged.
//!
//! What each makes of tables and columns is the same in every backend too, in the same order.
//! A list beside them holds a checksum of each. `HOLDFAST_BLESS=1 cargo test --test tidy` adds the
//! lines of new migrations to it; it never changes one.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use crate::tree::{Findings, Text, assert_clean, assert_finds, root, sample, under};

const CHECKSUMS: &str = "migrations/checksums.txt";

/// Every database that there is a store for.
const BACKENDS: [&str; 2] = ["postgres", "sqlite"];

/// Every backend's migrations: backend to file names in order, without the directories.
fn by_backend(files: &[Text]) -> BTreeMap<&str, Vec<&str>> {
    let mut backends: BTreeMap<&str, Vec<&str>> = BACKENDS.map(|backend| (backend, Vec::new())).into();
    for file in files {
        let below = file.path.strip_prefix("migrations/");
        if let Some((backend, name)) = below.and_then(|below| below.split_once('/')) {
            backends.entry(backend).or_default().push(name);
        }
    }
    backends
}

/// The number of `NNNN_name.sql`.
fn number_of(name: &str) -> Option<usize> {
    let (number, rest) = name.split_once('_')?;
    let words = rest.strip_suffix(".sql")?;
    let is_snake = words
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if number.len() == 4 && is_snake && !words.is_empty() {
        number.parse().ok()
    } else {
        None
    }
}

fn misnumbered(files: &[Text]) -> Findings {
    let backends = by_backend(files);
    let mut findings = Vec::new();
    for (backend, names) in &backends {
        for (expected, name) in (1..).zip(names) {
            if number_of(name) != Some(expected) {
                findings.push(format!("migrations/{backend}/{name}: expected {expected:04}_name.sql"));
            }
        }
    }
    let all: BTreeSet<&str> = backends.values().flatten().copied().collect();
    for (backend, names) in &backends {
        let missing = all.iter().filter(|name| !names.contains(name));
        findings.extend(missing.map(|name| format!("migrations/{backend}/{name}: missing")));
    }
    findings
}

/// The tables and columns that a migration adds, in its order, as `table.column`; a table itself is `table.`.
fn added(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    let mut found = Vec::new();
    for statement in code.join("\n").split(';') {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words[..] {
            ["CREATE", "TABLE", table, ..] => {
                found.push(format!("{table}."));
                found.extend(columns(statement).map(|column| format!("{table}.{column}")));
            }
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] => found.push(format!("{table}.{column}")),
            _ => {}
        }
    }
    found
}

/// The columns of a `CREATE TABLE`: the first word of each part between the outermost parentheses, unless it is that of a
/// constraint.
fn columns(statement: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in statement.char_indices() {
        match (c, depth) {
            ('(', _) => {
                depth += 1;
                start = if depth == 1 { at + 1 } else { start };
            }
            (')', 1) => {
                parts.push(&statement[start..at]);
                break;
            }
            (')', _) => depth -= 1,
            (',', 1) => {
                parts.push(&statement[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let first_words = parts.into_iter().filter_map(|part| part.split_whitespace().next());
    first_words.filter(|word| {
        word.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Where migrations of one number add other tables or columns, or add them in another order, than the first backend's.
fn out_of_step(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    let backends = by_backend(files);
    let text = |backend: &str, name: &str| {
        let path = format!("migrations/{backend}/{name}");
        let file = files.iter().find(|file| file.path == path);
        file.map(|file| added(&file.text))
    };
    let names: BTreeSet<&str> = backends.values().flatten().copied().collect();
    for name in names {
        let mut shapes = backends
            .keys()
            .filter_map(|backend| text(backend, name).map(|shape| (backend, shape)));
        let Some((first, expected)) = shapes.next() else {
            continue;
        };
        for (backend, shape) in shapes {
            let length = expected.len().max(shape.len());
            let differs = (0..length).find(|at| expected.get(*at) != shape.get(*at));
            findings.extend(differs.map(|at| {
                let [one, other] = [&expected, &shape].map(|shape| shape.get(at).map_or("nothing", String::as_str));
                format!("{name}: {first} adds {one}, where {backend} adds {other}")
            }));
        }
    }
    findings
}

/// FNV-1a, 64 bits: tells an accident, which is all that it is for.
fn checksum(text: &str) -> String {
    let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The lines of the list of checksums: path to checksum.
fn recorded(list: &str) -> BTreeMap<&str, &str> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path, sum))
        .collect()
}

fn changed(files: &[Text], list: &str) -> Findings {
    let recorded = recorded(list);
    let mut findings = Vec::new();
    for file in files {
        match recorded.get(file.path.as_str()) {
            None => findings.push(format!("{}: new; HOLDFAST_BLESS=1 records it", file.path)),
            Some(sum) if **sum != checksum(&file.text) => {
                findings.push(format!("{}: changed; write the next migration instead", file.path));
            }
            Some(_) => {}
        }
    }
    let present: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let gone = recorded.keys().filter(|path| !present.contains(*path));
    findings.extend(gone.map(|path| format!("{path}: recorded, but gone")));
    findings
}

/// The list with a line for each migration that it lacks.
fn blessed(files: &[Text], list: &str) -> String {
    let known = recorded(list);
    let new = files.iter().filter(|file| !known.contains_key(file.path.as_str()));
    let lines = new.map(|file| format!("{}  {}\n", checksum(&file.text), file.path));
    list.to_owned() + &lines.collect::<String>()
}

#[test]
fn migrations_are_numbered_without_gaps_and_in_step() {
    assert_clean(&misnumbered(&under(&["migrations"], &["sql"])));
}

#[test]
fn a_gap_a_bad_name_and_a_backend_out_of_step_are_found() {
    let paths = [
        "postgres/0001_tables.sql",
        "postgres/0003_more.sql",
        "sqlite/0001_tables.sql",
        "sqlite/2_More.sql",
    ];
    let files = paths.map(|path| sample(&format!("migrations/{path}"), ""));
    let expected = [
        "postgres/0003_more.sql: expected 0002",
        "sqlite/2_More.sql: expected 0002",
        "postgres/2_More.sql: missing",
        "sqlite/0003_more.sql: missing",
    ];
    assert_finds(&misnumbered(&files), &expected);
}

#[test]
fn migrations_of_one_number_add_the_same_tables_and_columns() {
    let files = under(&["migrations"], &["sql"]);
    let first = files
        .iter()
        .find(|file| file.path == "migrations/postgres/0001_tables.sql");
    let tables = added(&first.expect("there is a first migration").text);
    assert!(tables.contains(&"events.payload".to_owned()), "{tables:?}");
    assert_clean(&out_of_step(&files));
}

#[test]
fn a_table_or_a_column_that_one_backend_lacks_is_found() {
    let one = "-- CREATE TABLE no (a TEXT);\nCREATE TABLE t (\n a INTEGER CHECK (a IN (0, 1)), -- b\n c TEXT,\n UNIQUE (a, c)\n);\n\
        ALTER TABLE t ADD COLUMN d INTEGER;";
    assert_eq!(added(one), ["t.", "t.a", "t.c", "t.d"]);
    let others = [
        (one.replace("INTEGER", "BIGINT"), None),
        (
            one.replace(" c TEXT,", ""),
            Some("postgres adds t.d, where sqlite adds t.c"),
        ),
        (
            one.replace("COLUMN d", "COLUMN e"),
            Some("postgres adds t.e, where sqlite adds t.d"),
        ),
        (
            one.replace("ALTER", "-- ALTER"),
            Some("postgres adds nothing, where sqlite adds t.d"),
        ),
        (
            one.replace("TABLE t (", "TABLE u ("),
            Some("postgres adds u., where sqlite adds t."),
        ),
    ];
    for (other, expected) in others {
        let files = [
            sample("migrations/sqlite/0001_t.sql", one),
            sample("migrations/postgres/0001_t.sql", &other),
        ];
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_finds(&out_of_step(&files), &expected);
    }
}

#[test]
fn a_backend_without_migrations_is_found() {
    let files = [sample("migrations/sqlite/0001_t.sql", "")];
    assert_finds(&misnumbered(&files), &["migrations/postgres/0001_t.sql: missing"]);
}

#[test]
fn migrations_are_only_ever_added() {
    let files = under(&["migrations"], &["sql"]);
    let path = root().join(CHECKSUMS);
    let mut list = fs::read_to_string(&path).unwrap_or_default();
    if env::var_os("HOLDFAST_BLESS").is_some_and(|value| value == "1") {
        list = blessed(&files, &list);
        fs::write(&path, &list).expect("the list of checksums can be written");
    }
    assert_clean(&changed(&files, &list));
}

#[test]
fn a_changed_a_new_and_a_lost_migration_are_found() {
    let one = sample("migrations/a/0001_one.sql", "CREATE");
    let two = sample("migrations/a/0002_two.sql", "CREATE");
    let list = blessed(&[one, two], "# Checksums.\n");
    let files = [
        sample("migrations/a/0001_one.sql", "CREATE "),
        sample("migrations/a/0003_three.sql", "CREATE"),
    ];
    let expected = [
        "0001_one.sql: changed",
        "0003_three.sql: new",
        "0002_two.sql: recorded, but gone",
    ];
    assert_finds(&changed(&files, &list), &expected);
    assert_finds(&changed(&files, &blessed(&files, &list)), &["changed", "gone"]);
}

#[test]
fn the_checksum_is_fnv_1a() {
    assert_eq!(checksum(""), "cbf29ce484222325");
    assert_eq!(checksum("foobar"), "85944171f73967e8");
}
