//! Nothing half done, switched off or printed by accident.

use crate::rust_code::{is_word, tokens, without_literals};
use crate::tree::{Findings, Text, all_files, assert_clean, assert_finds, rust_files, sample};

/// Marks of unfinished work. They are put together here so that this file is clean of them.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// The module that writes what a command prints.
const OUTPUT: &str = "src/cli/output.rs";

/// The module around generated code, whose lints change with the generator.
const GENERATED: &str = "src/proto.rs";

/// A sequence of words and marks that may not occur, and where.
struct Pattern {
    tokens: &'static [&'static str],
    applies: fn(&str) -> bool,
    instead: &'static str,
}

const PATTERNS: [Pattern; 11] = [
    Pattern {
        tokens: &["todo", "!"],
        applies: anywhere,
        instead: "finish it",
    },
    Pattern {
        tokens: &["unimplemented", "!"],
        applies: anywhere,
        instead: "finish it",
    },
    Pattern {
        tokens: &["dbg", "!"],
        applies: anywhere,
        instead: "remove it",
    },
    Pattern {
        tokens: &["#", "[", "ignore"],
        applies: anywhere,
        instead: "run the test or delete it",
    },
    Pattern {
        tokens: &["#", "[", "allow", "("],
        applies: to_written_code,
        instead: "`expect` with a reason",
    },
    Pattern {
        tokens: &["!", "[", "allow", "("],
        applies: to_written_code,
        instead: "`expect` with a reason",
    },
    Pattern {
        tokens: &[".", "unwrap", "(", ")"],
        applies: in_src,
        instead: "`?`, or `expect` with why",
    },
    Pattern {
        tokens: &["println", "!"],
        applies: in_silent_src,
        instead: "log it, or use cli/output",
    },
    Pattern {
        tokens: &["print", "!"],
        applies: in_silent_src,
        instead: "log it, or use cli/output",
    },
    Pattern {
        tokens: &["eprintln", "!"],
        applies: in_silent_src,
        instead: "log it, or use cli/output",
    },
    Pattern {
        tokens: &["eprint", "!"],
        applies: in_silent_src,
        instead: "log it, or use cli/output",
    },
];

fn anywhere(_path: &str) -> bool {
    true
}

fn to_written_code(path: &str) -> bool {
    path != GENERATED
}

fn in_src(path: &str) -> bool {
    path.starts_with("src/")
}

fn in_silent_src(path: &str) -> bool {
    in_src(path) && path != OUTPUT
}

fn leftovers(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files {
        let code = without_literals(&file.text);
        let tokens = tokens(&code);
        for pattern in PATTERNS.iter().filter(|pattern| (pattern.applies)(&file.path)) {
            let found = tokens
                .windows(pattern.tokens.len())
                .filter(|window| window.iter().map(|token| token.text).eq(pattern.tokens.iter().copied()));
            findings.extend(found.filter_map(|window| window.first()).map(|first| {
                let what = pattern.tokens.concat();
                format!("{}:{}: `{what}`: {}", file.path, first.line, pattern.instead)
            }));
        }
    }
    findings
}

fn unfinished(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let mut words = line.split(|c| !is_word(c));
            if let Some(word) = words.find(|word| UNFINISHED.contains(word)) {
                findings.push(format!("{}:{}: {word}", file.path, number + 1));
            }
        }
    }
    findings
}

#[test]
fn no_leftover_is_in_the_code() {
    assert_clean(&leftovers(&rust_files()));
}

#[test]
fn a_leftover_in_the_code_is_found() {
    let bad = concat!(
        "#![allow(dead_code)]\n#[ignore = \"slow\"]\n#[allow(unused)]\nx.unwrap();\n",
        "todo!(); unimplemented!(); dbg!(x); println!(\"x\"); eprint!(\"x\");",
    );
    let everywhere = [
        "`todo!`",
        "`unimplemented!`",
        "`dbg!`",
        "`#[ignore`",
        "`#[allow(`",
        "`![allow(`",
    ];
    let found = |path| leftovers(&[sample(path, bad)]);
    let silent = ["`.unwrap()`", "`println!`", "`eprint!`"];
    assert_finds(&found("src/store/mod.rs"), &[&everywhere[..], &silent].concat());
    assert_finds(&found(OUTPUT), &[&everywhere[..], &["`.unwrap()`"]].concat());
    assert_finds(&found(GENERATED), &[&everywhere[..4], &silent].concat());
    assert_finds(&found("tests/it/main.rs"), &everywhere);
}

#[test]
fn a_word_in_a_comment_or_a_string_is_no_leftover() {
    let good = "// dbg!(x)\nlet x = \"todo!\"; x.unwrap_or(1); allow(x); #[expect(dead_code)]";
    assert_clean(&leftovers(&[sample("src/store/mod.rs", good)]));
}

#[test]
fn nothing_is_marked_as_unfinished() {
    assert_clean(&unfinished(&all_files()));
}

#[test]
fn a_mark_of_unfinished_work_is_found() {
    let bad = format!(
        "-- {}: index\n# {}(me) {}\nMETHODXXXS\n",
        UNFINISHED[0], UNFINISHED[1], UNFINISHED[2]
    );
    let expected = ["a.sql:1", "a.sql:2"];
    assert_finds(&unfinished(&[sample("migrations/a.sql", &bad)]), &expected);
}
