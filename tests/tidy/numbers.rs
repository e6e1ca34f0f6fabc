//! Numbers are whole where decisions are made.

use crate::layers::module_of;
use crate::rust_code::{Token, tokens, without_literals};
use crate::tree::{Findings, Text, assert_clean, assert_finds, rust_files, sample};

/// Where numbers are whole.
const WITHOUT_FLOATS: [&str; 2] = ["domain", "allocator"];

fn floats(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    let whole = files
        .iter()
        .filter(|file| module_of(&file.path).is_some_and(|module| WITHOUT_FLOATS.contains(&module)));
    for file in whole {
        let code = without_literals(&file.text);
        let tokens = tokens(&code);
        for (at, token) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
            if is_float(before, token.text, &tokens[at + 1..]) {
                findings.push(format!("{}:{}: a float", file.path, token.line));
            }
        }
    }
    findings
}

/// Whether a word is a float type or begins a float literal (`1.5`, not `pair.0.1` or `1..5`).
fn is_float(before: &str, word: &str, after: &[Token<'_>]) -> bool {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let is_hexadecimal = word.starts_with("0x");
    if word == "f32" || word == "f64" {
        return true;
    }
    if !is_number(word) || is_hexadecimal || before == "." {
        return false;
    }
    let has_fraction = matches!(after, [dot, digits, ..] if dot.text == "." && is_number(digits.text));
    has_fraction || word.ends_with("f32") || word.ends_with("f64")
}

#[test]
fn numbers_are_whole_in_the_core() {
    assert_clean(&floats(&rust_files()));
}

#[test]
fn a_float_in_the_core_is_found() {
    let bad = "fn f(x: f64) {}\nlet x = 1.5;\nlet y = 1_f32;\nlet z = (a.0.1, 1..5, 0xf32, 1.max(2));";
    let files = [sample("src/domain/money.rs", bad), sample("src/grpc/stream.rs", bad)];
    assert_finds(&floats(&files), &["money.rs:1", "money.rs:2", "money.rs:3"]);
}
