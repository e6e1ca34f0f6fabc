//! The repository checks itself: layers, sizes, leftovers, migrations, documents.
//!
//! Each check is a function over texts that answers with what it found. One test runs it on the
//! repository, and a control feeds it a bad sample that it must find.

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/leftovers.rs"]
mod leftovers;
#[path = "tidy/manifest.rs"]
mod manifest;
#[path = "tidy/migrations.rs"]
mod migrations;
#[path = "tidy/numbers.rs"]
mod numbers;
#[path = "tidy/rust_code.rs"]
mod rust_code;
#[path = "tidy/statements.rs"]
mod statements;
#[path = "tidy/tree.rs"]
mod tree;
