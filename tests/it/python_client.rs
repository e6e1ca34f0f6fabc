//! A client in another language, with nothing but reflection, gets the contract's answers and errors.

use crate::support::guide::{self, Examples};
use crate::support::process::{ServerProcess, output_of, tool};

const EXAMPLES: Examples = Examples {
    language: "python",
    extension: "py",
};

#[test]
fn a_python_client_places_and_ships_an_order_through_reflection() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python_client.py");
    let output = output_of(tool("python3").args([script, &server.address]));
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(server.terminate().success());
}

#[test]
fn the_examples_of_the_client_guide_work_together() {
    guide::play(|name, arguments| {
        let mut command = tool("python3");
        // No caches beside the examples.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(EXAMPLES.directory().join(format!("{name}.py")));
        command.args(arguments);
        command
    });
}

#[test]
fn the_client_guide_shows_the_examples_that_are_run() {
    EXAMPLES.assert_shown();
}
