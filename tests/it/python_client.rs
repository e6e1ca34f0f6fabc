//! A client in another language, with nothing but reflection, gets the contract's answers and errors.

use crate::support::process::{ServerProcess, output_of, tool};

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
