//! Every dependency says why it is there.

use crate::tree::{Findings, Text, assert_clean, assert_finds, sample, under};

/// What a line of a manifest opens, if it opens a table.
fn table_of(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.split(']').next()
}

/// The comment behind a line, outside of strings.
fn has_comment(line: &str) -> bool {
    line.split('"').step_by(2).any(|unquoted| unquoted.contains("# "))
}

fn unexplained(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let mut lists_dependencies = false;
        let mut explained = false;
        let mut open_brackets = 0_usize;
        for (number, line) in file.text.lines().enumerate() {
            let (table, inside_a_value) = (table_of(line), open_brackets > 0);
            open_brackets += line.matches(['[', '{']).count();
            open_brackets = open_brackets.saturating_sub(line.matches([']', '}']).count());
            if let Some(table) = table.filter(|_| !inside_a_value) {
                lists_dependencies = table.ends_with("dependencies");
                explained |= has_comment(line) || !table.contains("dependencies.");
            }
            let is_entry = (table.is_some() || lists_dependencies && line.contains('=')) && !inside_a_value;
            if is_entry && !explained && !has_comment(line) {
                findings.push(format!("{}:{}: does not say why: {line}", file.path, number + 1));
            }
            explained = line.starts_with("# ");
        }
    }
    findings
}

#[test]
fn every_dependency_says_why_it_is_there() {
    assert_clean(&unexplained(&under(&["Cargo.toml"], &["toml"])));
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let text = concat!(
        "[package]\nname = \"holdfast\"\n\n[dependencies]\n",
        "# The one above the line.\nanyhow = \"1\"\n",
        "http = \"1\" # The one behind it.\n",
        "prost = \"0.14\"\n",
        "# Arrays may span lines.\ntokio = { version = \"1\", features = [\n    \"net=#\",\n] }\n",
        "serde = { version = \"1\", features = [\"# rc\"] }\n\n",
        "[dev-dependencies.proptest]\nversion = \"1\"\n\n",
        "# A reason.\n[target.'cfg(unix)'.dependencies.libc]\nversion = \"1\"\n\n",
        "[target.'cfg(unix)'.dependencies]\nnix = \"1\"\n\n[profile.dev]\ndebug = 1\n",
    );
    let expected = [
        "8: does not say why: prost",
        "serde",
        "[dev-dependencies.proptest]",
        "nix",
    ];
    assert_finds(&unexplained(&[sample("Cargo.toml", text)]), &expected);
}
