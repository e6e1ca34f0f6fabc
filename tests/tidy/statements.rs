//! Every SQL statement says its name, so that a database's own log and views tell which it is.

use std::collections::BTreeMap;

use crate::rust_code::{first_string, is_word, without_literals};
use crate::tree::{Findings, Text, assert_clean, assert_finds, rust_files, sample};

/// `src/store/<backend>/sql.rs`.
fn holds_statements(path: &str) -> bool {
    path.starts_with("src/store/") && path.ends_with("/sql.rs")
}

/// The text constants of a file: line, constant's name, content.
fn constants(text: &str) -> Vec<(usize, &str, &str)> {
    let code = without_literals(text);
    let mut found = Vec::new();
    for (at, keyword) in code.match_indices("const ") {
        let declaration = &code[at + keyword.len()..];
        let end = declaration.find(';').unwrap_or(declaration.len());
        let Some(equals) = declaration[..end].find('=') else {
            continue;
        };
        if !declaration[..equals].trim_end().ends_with("str") {
            continue;
        }
        let value = &text[at + keyword.len() + equals..at + keyword.len() + end];
        let name_length = declaration.find(|c| !is_word(c)).unwrap_or(0);
        let name = &text[at + keyword.len()..at + keyword.len() + name_length];
        let line = text[..at].lines().count().max(1);
        found.extend(first_string(value).map(|content| (line, name, content)));
    }
    found
}

/// The name in a statement's first line: `load_stock` of `-- load_stock`.
fn statement_name(content: &str) -> Option<&str> {
    let first = content
        .trim_start_matches(['\\', '\n', ' '])
        .split(['\\', '\n'])
        .next()?;
    let name = first.strip_prefix("-- ")?.trim();
    name.starts_with(char::is_alphabetic).then_some(name)
}

fn nameless(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| holds_statements(&file.path)) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (line, constant, content) in constants(&file.text) {
            let place = format!("{}:{line}: `{constant}`", file.path);
            match statement_name(content) {
                None => findings.push(format!("{place} does not begin with `-- name`")),
                Some(name) => findings.extend(
                    seen.insert(name, constant)
                        .map(|other| format!("{place} is named like `{other}`")),
                ),
            }
        }
    }
    findings
}

#[test]
fn every_statement_begins_with_its_name() {
    assert_clean(&nameless(&rust_files()));
}

#[test]
fn a_statement_without_a_name_of_its_own_is_found() {
    let text = concat!(
        "//! Statements.\n",
        "pub(super) const A: &str = \"\\\n    -- load_stock\n    SELECT 1\";\n",
        "pub(super) const B: &'static str = r#\"\n-- load_order\nSELECT ';'\"#;\n",
        "pub(super) const C: &str = \"SELECT 1\";\n",
        "/// Like `A`.\nconst D: &str = \"-- load_stock\nSELECT 2\";\n",
        "const ROWS_MAX: usize = 1;\n",
        "const E: &str =\n    \"--\nSELECT\";\n",
    );
    let expected = ["`C` does not begin", "`D` is named like `A`", "`E` does not begin"];
    assert_finds(&nameless(&[sample("src/store/sqlite/sql.rs", text)]), &expected);
    assert_clean(&nameless(&[sample("src/store/sqlite/rows.rs", text)]));
}
