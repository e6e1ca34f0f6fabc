//! A client in another language, with nothing but reflection, gets the contract's answers and errors.

use crate::support::grpcurl::{call, set_up};
use crate::support::process::{Following, ServerProcess, output_of, text, tool};

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

/// The directory of the examples.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python");

fn example(name: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = tool("python3");
    // No caches beside the examples.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(format!("{EXAMPLES}/{name}")).args(arguments);
    command
}

#[test]
fn the_examples_of_the_client_guide_work_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    let address = server.address.clone();
    set_up(&address);
    let token_file = directory.path().join("token");
    let token_file = token_file.to_str().expect("a path");
    let warehouse = Following::start(&mut example("warehouse.py", &[&address, "W1", token_file]));
    let order = |id: &str| text(&output_of(&mut example("checkout.py", &[&address, "W1", id, "A", "2"])));
    let placed = order("O1");
    assert!(placed.starts_with("O1 ships on "), "{placed}");
    assert!(order("O1").contains("it was placed before"));
    warehouse.line_with("ship O1: 2 x A");
    server.kill();
    let server = ServerProcess::start_at(&database, &address);
    order("O2");
    warehouse.line_with("ship O2: 2 x A");
    drop(warehouse);
    // It goes on with the token that it kept.
    call(&address, "CheckoutService/CancelOrder", r#"{"order_id": "O2"}"#);
    let warehouse = Following::start(&mut example("warehouse.py", &[&address, "W1", token_file]));
    assert_eq!(warehouse.line().as_deref(), Some("stop O2"));
    let taken = call(&address, "CheckoutService/GetOrder", r#"{"order_id": "O1"}"#);
    assert!(taken.contains("acknowledgeTime"), "{taken}");
    let refused = output_of(&mut example("checkout.py", &[&address, "W1", "O3", "NOTHING", "1"]));
    assert!(!refused.status.success());
    assert!(server.terminate().success());
}

#[test]
fn the_client_guide_shows_the_examples_that_are_run() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLIENTS.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let mut shown: Vec<_> = guide
        .split("```python\n")
        .skip(1)
        .filter_map(|rest| rest.split("```\n").next())
        .collect();
    let files = std::fs::read_dir(EXAMPLES).expect("the examples");
    let mut examples: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .map(|path| std::fs::read_to_string(path).expect("an example"))
        .collect();
    shown.sort_unstable();
    examples.sort_unstable();
    assert_eq!(shown, examples);
}
