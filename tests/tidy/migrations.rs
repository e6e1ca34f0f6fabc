//! Migrations are only ever added: numbered without gaps, the same in every backend, unchanged.
//!
//! A list beside them holds a checksum of each. `HOLDFAST_BLESS=1 cargo test --test tidy` adds the
//! lines of new migrations to it; it never changes one.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use crate::tree::{Findings, Text, assert_clean, assert_finds, root, sample, under};

const CHECKSUMS: &str = "migrations/checksums.txt";

/// Every backend's migrations: backend to file names in order, without the directories.
fn by_backend(files: &[Text]) -> BTreeMap<&str, Vec<&str>> {
    let mut backends: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
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
        "a/0001_tables.sql",
        "a/0003_more.sql",
        "b/0001_tables.sql",
        "b/2_More.sql",
    ];
    let files = paths.map(|path| sample(&format!("migrations/{path}"), ""));
    let expected = [
        "a/0003_more.sql: expected 0002",
        "b/2_More.sql: expected 0002",
        "a/2_More.sql: missing",
        "b/0003_more.sql: missing",
    ];
    assert_finds(&misnumbered(&files), &expected);
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
