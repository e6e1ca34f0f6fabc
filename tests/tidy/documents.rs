//! What documents point at is there, and nothing tells of the machine that it was written on.

use crate::tree::{Findings, Text, all_files, assert_clean, assert_finds, exists, sample};

/// A path in backticks that begins with one of these must exist.
const DIRECTORIES: [&str; 8] = [
    ".ci/",
    "benches/",
    "docs/",
    "migrations/",
    "proto/",
    "scripts/",
    "src/",
    "tests/",
];

/// Tells of past states, so the paths in it may be gone.
const HISTORY: &str = "CHANGELOG.md";

/// Words that belong to one machine: directories of a workplace, hosts that packages come from.
/// They are put together here so that this file is clean of them.
const PRIVATE: [&str; 10] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("artifact", "ory"),
    concat!("pypi", ".org"),
    concat!("registry.", "npmjs"),
    concat!("deb.", "debian.org"),
];

/// Resolves `a/../b` to `b`; `None` if it leads out of the repository.
fn resolve(directory: &str, target: &str) -> Option<String> {
    let start = if target.starts_with('/') { "" } else { directory };
    let mut path: Vec<&str> = Vec::new();
    for segment in start.split('/').chain(target.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                path.pop()?;
            }
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

/// The lines outside fenced blocks, numbered.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number + 1, line));
        }
    }
    lines
}

/// The targets of `[text](target)` in a line that lie in this repository.
fn links(line: &str) -> Vec<&str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ', '#']).next());
    let elsewhere = |target: &&str| target.contains("://") || target.starts_with("mailto:");
    targets
        .filter(|target| !target.is_empty() && !elsewhere(target))
        .collect()
}

/// The paths in backticks in a line, without patterns and placeholders.
fn paths(line: &str) -> Vec<&str> {
    let spans = line.split('`').skip(1).step_by(2);
    let is_path = |span: &&str| {
        DIRECTORIES.iter().any(|directory| span.starts_with(directory))
            && !span.contains(['*', '{', '<', '$', ' ', '…', '|', '('])
            && !span.contains("NNNN")
    };
    spans
        .filter(is_path)
        .map(|span| span.split([':', '#']).next().unwrap_or(span))
        .collect()
}

fn broken_links(files: &[Text], exists: &dyn Fn(&str) -> bool) -> Findings {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        for (number, line) in prose(&file.text) {
            let resolves = |target: &str| resolve(directory, target).is_some_and(|path| exists(&path));
            let broken = links(line).into_iter().filter(|target| !resolves(target));
            findings.extend(broken.map(|target| format!("{}:{number}: no {target}", file.path)));
        }
    }
    findings
}

fn missing_paths(files: &[Text], exists: &dyn Fn(&str) -> bool) -> Findings {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path != HISTORY) {
        let is_document = file.has_extension("md");
        let is_rust = file.has_extension("rs");
        let spoken = |line: &str| is_document || is_rust && line.trim_start().starts_with("//");
        for (number, line) in prose(&file.text).into_iter().filter(|(_, line)| spoken(line)) {
            let missing = paths(line).into_iter().filter(|path| !exists(path));
            findings.extend(missing.map(|path| format!("{}:{number}: no {path}", file.path)));
        }
    }
    findings
}

fn private_words(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let told = PRIVATE.iter().filter(|word| tells(line, word));
            findings.extend(told.map(|word| format!("{}:{}: {word}", file.path, number + 1)));
        }
    }
    findings
}

/// Whether a line has the word; a directory counts at the start of a path only.
fn tells(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let inside_a_path = line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}*".contains(c));
        !(word.starts_with('/') && inside_a_path)
    })
}

#[test]
fn every_link_between_documents_resolves() {
    assert_clean(&broken_links(&all_files(), &exists));
}

#[test]
fn a_broken_link_is_found() {
    let text = concat!(
        "[a](OPERATIONS.md#x) [b](../README.md) [c](https://example.com/x) [d](#here)\n",
        "[e](gone.md) [f](../../outside.md)\n```\n[g](in_a_block.md)\n```\n[h](gone.md \"title\")\n",
    );
    let exists = |path: &str| path == "docs/OPERATIONS.md" || path == "README.md";
    let found = broken_links(&[sample("docs/ARCHITECTURE.md", text)], &exists);
    assert_finds(&found, &["2: no gone.md", "2: no ../../outside.md", "6: no gone.md"]);
}

#[test]
fn every_path_that_a_document_or_a_comment_names_exists() {
    assert_clean(&missing_paths(&all_files(), &exists));
}

#[test]
fn a_path_that_does_not_exist_is_found() {
    let text = "//! See `src/lib.rs:12`, `docs/gone.md`, `src/store/*/sql.rs` and `tests/{a,b}`.\n";
    let is_library = |path: &str| path == "src/lib.rs";
    for path in ["docs/README.md", "src/clock.rs"] {
        assert_finds(
            &missing_paths(&[sample(path, text)], &is_library),
            &["1: no docs/gone.md"],
        );
    }
    let code = sample("src/cli/demo.rs", "let x = \"`docs/gone.md`\";");
    assert_clean(&missing_paths(&[code, sample(HISTORY, text)], &is_library));
}

#[test]
fn no_file_tells_of_a_machine() {
    assert_clean(&private_words(&all_files()));
}

#[test]
fn a_word_of_a_machine_is_found() {
    let [work, home, host] = [PRIVATE[0], PRIVATE[2], PRIVATE[4]];
    let bad = format!("cd {work}main\n`{home}me`\nhttps://{host}/x\n");
    let expected = ["1: /", "2: /", "3: i"];
    assert_finds(&private_words(&[sample("docs/OPERATIONS.md", &bad)]), &expected);
    assert_clean(&private_words(&[sample(
        "docs/OPERATIONS.md",
        &format!("net{work}x, $HOME/x"),
    )]));
}
