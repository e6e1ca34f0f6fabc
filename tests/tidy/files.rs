//! How long a file may be, and how it opens.

use crate::tree::{Findings, Text, assert_clean, assert_finds, rust_files, sample};

/// Lines of a Rust file. A longer one holds two things: split it by noun or verb.
const FILE_LINES_MAX: usize = 400;

fn too_long(files: &[Text]) -> Findings {
    let lengths = files.iter().map(|file| (file, file.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines, limit {FILE_LINES_MAX}", file.path))
        .collect()
}

fn without_opening(files: &[Text]) -> Findings {
    files
        .iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{}: does not open with `//! ` and what it is", file.path))
        .collect()
}

#[test]
fn no_file_is_longer_than_its_limit() {
    assert_clean(&too_long(&rust_files()));
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let at_limit = sample("src/at_limit.rs", &"x\n".repeat(FILE_LINES_MAX));
    let above = sample("src/above.rs", &"x\n".repeat(FILE_LINES_MAX + 1));
    assert_finds(&too_long(&[at_limit, above]), &["src/above.rs: 401"]);
}

#[test]
fn every_file_opens_with_what_it_is() {
    assert_clean(&without_opening(&rust_files()));
}

#[test]
fn a_file_that_opens_with_anything_else_is_found() {
    let bad = ["use std::fs;\n", "// A file.\n", "\n//! A file.\n", "//!\n"];
    let files = bad.map(|text| sample("src/bad.rs", text));
    assert_finds(&without_opening(&files), &["src/bad.rs"; 4]);
    assert_clean(&without_opening(&[sample("src/good.rs", "//! A file.\n")]));
}
