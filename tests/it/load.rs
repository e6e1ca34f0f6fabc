//! `holdfast load` measures the real server, and its own checks hold.

use std::process::Command;

use serde_json::Value;

use crate::support::process::{HOLDFAST, ServerProcess, output_of, text};

fn load(address: &str, arguments: &[&str]) -> Value {
    let endpoint = format!("http://{address}");
    let common = [
        "load",
        "--json",
        "--skus",
        "20",
        "--in-flight",
        "32",
        "--endpoint",
        &endpoint,
    ];
    let output = output_of(Command::new(HOLDFAST).args(common).args(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text(&output)).expect("one JSON object")
}

#[test]
fn every_call_is_answered_once_and_rightly() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    let prepared = load(&server.address, &["--call", "reserve", "--calls", "200", "--prepare"]);
    let others = ["receive", "quote", "health"].map(|call| load(&server.address, &["--call", call, "--calls", "100"]));
    for (found, calls) in [prepared].iter().zip([200]).chain(others.iter().zip([100; 3])) {
        assert_eq!(found["sent"], calls, "{found}");
        assert_eq!(found["calls"], calls, "{found}");
        assert_eq!(found["wrong_answers"], 0, "{found}");
        assert_eq!(found["errors"], serde_json::json!({}), "{found}");
    }
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    let found = load(&server.address, &["--call", "reserve", "--calls", "10"]);
    assert_eq!(
        found["errors"],
        serde_json::json!({ "UNKNOWN_LOCATION": 10 }),
        "{found}"
    );
    assert!(server.terminate().success());
}
