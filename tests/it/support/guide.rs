//! The examples of the client guide, whatever their language: what they do together, and that the guide shows them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::grpcurl::{call, set_up};
use super::process::{Following, ServerProcess, output_of, text};

/// The examples in a language.
pub(crate) struct Examples {
    /// The language, as fences of the guide and the directory of its examples name it.
    pub(crate) language: &'static str,
    /// How the names of its files end.
    pub(crate) extension: &'static str,
}

impl Examples {
    /// Where they are.
    pub(crate) fn directory(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "examples", self.language].iter().collect()
    }

    /// Their files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.directory()).expect("the examples");
        files
            .map(|file| file.expect("a file").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == self.extension))
            .collect()
    }

    /// Asserts that the guide shows every one of them, and nothing else in the language.
    pub(crate) fn assert_shown(&self) {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLIENTS.md");
        let guide = fs::read_to_string(guide).expect("the guide");
        let mut shown: Vec<_> = guide
            .split(&format!("```{}\n", self.language))
            .skip(1)
            .filter_map(|rest| rest.split("```\n").next())
            .collect();
        let files = self.files().into_iter();
        let mut examples: Vec<_> = files
            .map(|path| fs::read_to_string(path).expect("an example"))
            .collect();
        shown.sort_unstable();
        examples.sort_unstable();
        assert!(!examples.is_empty(), "there are examples in {}", self.language);
        assert_eq!(shown, examples);
    }
}

/// Plays a shop with `checkout` and `warehouse`, of which a name and arguments make a command, over cuts of the server and of the
/// warehouse.
pub(crate) fn play(example: impl Fn(&str, &[&str]) -> Command) {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    let address = server.address.clone();
    set_up(&address);
    let token_file = directory.path().join("token");
    let token_file = token_file.to_str().expect("a path");
    let follow = || Following::start(&mut example("warehouse", &[&address, "W1", token_file]));
    let order = |id: &str, sku: &str| output_of(&mut example("checkout", &[&address, "W1", id, sku, "2"]));
    let place = |id: &str| {
        let said = text(&order(id, "A"));
        assert!(said.starts_with(&format!("{id} ships on 20")), "{said}");
        said
    };
    let assert_acknowledged = |id: &str| {
        let stored = call(
            &address,
            "CheckoutService/GetOrder",
            &format!(r#"{{"order_id": "{id}"}}"#),
        );
        assert!(stored.contains("acknowledgeTime"), "{stored}");
    };

    let warehouse = follow();
    assert!(!place("O1").contains("it was placed before"));
    assert!(place("O1").contains("it was placed before"));
    warehouse.line_with("ship O1: 2 x A");
    server.kill();
    let server = ServerProcess::start_at(&database, &address);
    place("O2");
    warehouse.line_with("ship O2: 2 x A");
    // Who has come to the next release has dealt with the one before it, and kept its token.
    place("O3");
    warehouse.line_with("ship O3: 2 x A");
    assert_acknowledged("O1");
    assert_acknowledged("O2");
    drop(warehouse);
    call(&address, "CheckoutService/CancelOrder", r#"{"order_id": "O2"}"#);
    assert_goes_on(&follow());

    let refused = order("O4", "NOTHING");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && errors.contains("O4 is refused: UNKNOWN_SKU"),
        "{errors}"
    );
    call(
        &address,
        "CatalogService/PutItem",
        r#"{"item": {"sku": "NEVER", "backorderable": true}}"#,
    );
    let refused = order("O5", "NEVER");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("O5 is refused: NO_SUPPLY_DATE"), "{errors}");
    assert!(server.terminate().success());
}

/// Asserts that a warehouse goes on after O2, with the token that was kept: only O3 may be told again before the cancellation.
fn assert_goes_on(warehouse: &Following) {
    let mut shown = Vec::new();
    while shown.last().is_none_or(|last| last != "stop O2") {
        let line = warehouse.line();
        shown.push(line.unwrap_or_else(|| panic!("O2 is not stopped, after {shown:?}")));
    }
    let again: Vec<_> = shown.iter().filter(|line| *line != "stop O2").collect();
    assert!(again.is_empty() || again == ["ship O3: 2 x A"], "{shown:?}");
}
