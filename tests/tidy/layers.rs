//! No layer names one above it, and each keeps out of what is not its business.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust_code::{Token, tokens, without_literals};
use crate::tree::{Findings, Text, assert_clean, assert_finds, rust_files, sample};

/// The layers from the bottom to the top; each may name only those before it.
const LAYERS: [&str; 8] = [
    "domain",
    "allocator",
    "store",
    "sequencer",
    "grpc",
    "server",
    "cli",
    "main",
];

/// Modules beside the layers. They may be named by layers and name layers, but never in a circle.
const SIDE_MODULES: [&str; 4] = ["clock", "config", "proto", "telemetry"];

/// What a layer may not name: crates (with their companions, `tokio` bans `tokio_util`) and side
/// modules.
const FORBIDDEN: [(&str, &[&str], &[&str]); 4] = [
    ("domain", &["tokio", "tonic", "prost", "tower"], &["proto", "clock"]),
    ("allocator", &["tokio", "tonic", "prost", "tower"], &["proto", "clock"]),
    ("store", &["tonic", "prost"], &["proto"]),
    ("sequencer", &["tonic", "prost"], &["proto"]),
];

/// The one module that knows the database library, and the library.
const DATABASE: (&str, &str) = ("store", "sqlx");

/// The top module that a file belongs to: `domain` for all below `src/domain/`.
pub(crate) fn module_of(path: &str) -> Option<&str> {
    let first = path.strip_prefix("src/")?.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The modules around a file's own code: 1 for a layer's `mod.rs`, 2 for a file beside it.
fn depth_of(path: &str) -> usize {
    let segments = path.split('/').count().saturating_sub(1);
    if path.ends_with("/mod.rs") {
        segments.saturating_sub(1)
    } else {
        segments
    }
}

/// The top modules that a file names, each with its line.
fn named_modules(file: &Text) -> Vec<(usize, String)> {
    let code = without_literals(&file.text);
    let tokens = tokens(&code);
    let mut named = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = &tokens[at + 1..];
        let begins = at == 0 || tokens[at - 1].text != "::";
        let after_root = match token.text {
            "crate" | "holdfast" => rest.strip_prefix_mark("::"),
            "super" if begins => climb(rest, depth_of(&file.path)),
            _ => None,
        };
        let heads = after_root.map(heads).unwrap_or_default();
        named.extend(heads.into_iter().map(|head| (head.line, head.text.to_owned())));
    }
    named
}

/// What follows a run of `super::` that reaches the root of the crate.
fn climb<'t, 'a>(after_first: &'t [Token<'a>], depth: usize) -> Option<&'t [Token<'a>]> {
    let mut rest = after_first.strip_prefix_mark("::")?;
    let mut climbed = 1;
    while let Some(after) = rest.strip_prefix_mark("super") {
        rest = after.strip_prefix_mark("::")?;
        climbed += 1;
    }
    (climbed >= depth).then_some(rest)
}

/// The first names behind a path's root: `a` of `a::b`, `a` and `c` of `{a::{b}, c}`.
fn heads<'a>(after_root: &[Token<'a>]) -> Vec<Token<'a>> {
    let Some(group) = after_root.strip_prefix_mark("{") else {
        return after_root.first().copied().into_iter().collect();
    };
    let mut heads = Vec::new();
    let mut depth = 0_usize;
    let mut expects_head = true;
    for token in group {
        match token.text {
            "}" if depth == 0 => break,
            "}" => depth -= 1,
            "{" => depth += 1,
            "," if depth == 0 => expects_head = true,
            _ if expects_head => {
                heads.push(*token);
                expects_head = false;
            }
            _ => {}
        }
    }
    heads
}

trait Marks {
    fn strip_prefix_mark(&self, mark: &str) -> Option<&Self>;
}

impl Marks for [Token<'_>] {
    fn strip_prefix_mark(&self, mark: &str) -> Option<&Self> {
        self.split_first()
            .filter(|(first, _)| first.text == mark)
            .map(|(_, rest)| rest)
    }
}

fn naming_upwards(files: &[Text]) -> Findings {
    let rank = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    let mut findings = Vec::new();
    for file in files {
        let Some(own) = module_of(&file.path).and_then(rank) else {
            continue;
        };
        let above = named_modules(file)
            .into_iter()
            .filter(|(_, module)| rank(module).is_some_and(|other| other > own))
            .map(|(line, module)| format!("{}:{line}: names `{module}` above it", file.path));
        findings.extend(above);
    }
    findings
}

fn naming_the_forbidden(files: &[Text]) -> Findings {
    let mut findings = Vec::new();
    for file in files {
        let Some(module) = module_of(&file.path) else {
            continue;
        };
        let rule = FORBIDDEN.iter().find(|(layer, _, _)| *layer == module);
        let (mut crates, modules) = rule.map_or((Vec::new(), [].as_slice()), |(_, crates, modules)| {
            (crates.to_vec(), *modules)
        });
        if module != DATABASE.0 {
            crates.push(DATABASE.1);
        }
        let code = without_literals(&file.text);
        let named_crates = tokens(&code)
            .into_iter()
            .filter(|token| crates.iter().any(|name| is_of_crate(token.text, name)))
            .map(|token| (token.line, token.text.to_owned()));
        let named = named_modules(file)
            .into_iter()
            .filter(|(_, name)| modules.contains(&name.as_str()));
        let all = named_crates.chain(named);
        findings.extend(all.map(|(line, name)| format!("{}:{line}: names `{name}`", file.path)));
    }
    findings
}

fn is_of_crate(word: &str, name: &str) -> bool {
    word.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Side modules that reach themselves through what they name.
fn circles(files: &[Text]) -> Findings {
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let Some(module) = module_of(&file.path) else {
            continue;
        };
        let others = named_modules(file).into_iter().map(|(_, name)| name);
        edges
            .entry(module)
            .or_default()
            .extend(others.filter(|name| name != module));
    }
    SIDE_MODULES
        .into_iter()
        .filter(|module| reachable(&edges, module).contains(*module))
        .map(|module| format!("`{module}` names modules that lead back to it"))
        .collect()
}

fn reachable(edges: &BTreeMap<&str, BTreeSet<String>>, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start.to_owned()];
    while let Some(module) = open.pop() {
        for next in edges.get(module.as_str()).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

#[test]
fn no_layer_names_a_layer_above_it() {
    assert_clean(&naming_upwards(&rust_files()));
}

#[test]
fn a_layer_that_names_one_above_it_is_found() {
    let found = |path, text| naming_upwards(&[sample(path, text)]);
    let bad = "use crate::{domain::Sku, store::{Store, error}, grpc};\nlet x = crate::server::run();";
    let expected = ["1: names `store`", "1: names `grpc`", "2: names `server`"];
    assert_finds(&found("src/allocator/reserve.rs", bad), &expected);
    assert_finds(&found("src/server.rs", "use holdfast::cli::run;"), &["`cli`"]);
    assert_finds(&found("src/store/mod.rs", "use super::grpc::convert;"), &["`grpc`"]);
    assert_finds(
        &found("src/store/sqlite/load.rs", "use super::super::super::grpc;"),
        &["`grpc`"],
    );
}

#[test]
fn a_layer_may_name_itself_and_those_below_it() {
    let found = |path, text| naming_upwards(&[sample(path, text)]);
    let good = "//! Not crate::grpc.\nuse crate::{allocator::store, domain, store::{self, grpc}};";
    assert_clean(&found("src/store/mod.rs", good));
    assert_clean(&found("src/main.rs", "use holdfast::{cli, server};"));
    assert_clean(&found(
        "src/store/sqlite/load.rs",
        "use super::super::grpc; use super::server;",
    ));
    assert_clean(&found("tests/it/main.rs", "use holdfast::cli;"));
}

#[test]
fn each_layer_keeps_out_of_what_is_not_its_business() {
    assert_clean(&naming_the_forbidden(&rust_files()));
}

#[test]
fn a_layer_that_names_what_is_not_its_business_is_found() {
    let files = [
        sample(
            "src/domain/ids.rs",
            "use prost_types::Timestamp;\nuse crate::{clock, proto::v1};",
        ),
        sample("src/allocator/mod.rs", "tokio::spawn(x); use sqlx;"),
        sample("src/sequencer/mod.rs", "use tonic::Status; use tokio::sync::mpsc;"),
        sample(
            "src/grpc/status.rs",
            "use sqlx::Error; use tonic::Status; use crate::proto;",
        ),
        sample("src/cli/migrate.rs", "let pool = sqlx::SqlitePool::connect(url);"),
        sample("src/store/mod.rs", "use sqlx::SqlitePool; let proto = 1; // tonic"),
    ];
    let expected = [
        "ids.rs:1: names `prost_types`",
        "ids.rs:2: names `clock`",
        "ids.rs:2: names `proto`",
        "allocator/mod.rs:1: names `tokio`",
        "allocator/mod.rs:1: names `sqlx`",
        "sequencer/mod.rs:1: names `tonic`",
        "grpc/status.rs:1: names `sqlx`",
        "cli/migrate.rs:1: names `sqlx`",
    ];
    assert_finds(&naming_the_forbidden(&files), &expected);
}

#[test]
fn no_side_module_is_in_a_circle() {
    assert_clean(&circles(&rust_files()));
}

#[test]
fn a_side_module_in_a_circle_is_found() {
    let config = sample("src/config.rs", "use crate::sequencer::Limits;");
    let sequencer = sample("src/sequencer/mod.rs", "use crate::{config::Config, clock::Clock};");
    assert_finds(&circles(&[config, sequencer]), &["`config`"]);
}
