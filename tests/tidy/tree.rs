//! The files of the repository as texts, and how a finding is reported.

use std::fs;
use std::path::{Path, PathBuf};

/// One file: its path from the root of the repository, with `/`, and what is in it.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Text {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        has_extension(Path::new(&self.path), &[extension])
    }
}

/// What a check found, one line for each place.
pub(crate) type Findings = Vec<String>;

/// A made-up file, for the controls.
pub(crate) fn sample(path: &str, text: &str) -> Text {
    Text {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// Every Rust file that people wrote.
pub(crate) fn rust_files() -> Vec<Text> {
    let files = under(&["src", "tests", "benches", "build.rs"], &["rs"]);
    assert!(
        files.iter().any(|file| file.path == "src/lib.rs"),
        "the walk missed src/lib.rs"
    );
    files
}

/// Every text file that people wrote; `""` stands for a file without an extension.
pub(crate) fn all_files() -> Vec<Text> {
    let roots = fs::read_dir(root()).expect("the root of the repository is readable");
    let mut names: Vec<String> = roots
        .map(|entry| entry.expect("the root of the repository is readable").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !matches!(name.as_str(), ".git" | "target" | "data"))
        .collect();
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let extensions = [
        "", "rs", "md", "toml", "lock", "yaml", "yml", "proto", "sql", "txt", "json", "sh", "py", "snap",
    ];
    under(&names, &extensions)
}

/// The files below the given roots that have one of the extensions, sorted by path.
pub(crate) fn under(roots: &[&str], extensions: &[&str]) -> Vec<Text> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
    while let Some(path) = open.pop() {
        let full = root().join(&path);
        if full.is_dir() {
            let entries = fs::read_dir(&full).expect("a directory of the repository is readable");
            let names = entries.map(|entry| entry.expect("a directory entry is readable"));
            open.extend(names.map(|entry| path.join(entry.file_name())));
        } else if full.is_file() && has_extension(&path, extensions) {
            let bytes = fs::read(&full).expect("a file of the repository is readable");
            let path = path.to_string_lossy().replace('\\', "/");
            found.push(Text {
                path,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Whether a path, from the root of the repository, leads to something.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with every finding at once.
pub(crate) fn assert_clean(findings: &[String]) {
    assert!(
        findings.is_empty(),
        "{} found:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

/// Fails unless there is one finding for each expected part, in this order.
pub(crate) fn assert_finds(findings: &[String], expected: &[&str]) {
    let matched = findings.len() == expected.len()
        && findings
            .iter()
            .zip(expected)
            .all(|(finding, part)| finding.contains(part));
    assert!(matched, "expected {expected:#?}, found {findings:#?}");
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    extensions.contains(&extension.as_ref())
}
