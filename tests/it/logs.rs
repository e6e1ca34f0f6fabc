//! Logs that nobody reads.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often it is looked at until it is down, and how long between two looks.
const LOOKS: usize = 1_000;
const REST: Duration = Duration::from_millis(20);

#[test]
fn a_server_whose_logs_nobody_reads_goes_down_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = format!("sqlite:{}", directory.path().join("holdfast.db").display());
    let mut serve = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    serve.args(["serve", "--listen", "127.0.0.1:0", "--database-url", &database]);
    let mut server = serve
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(server.stderr.take());
    let mut said = BufReader::new(server.stdout.take().expect("its output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says where it listens");
    assert!(line.contains("127.0.0.1"), "{line}");
    let pid = server.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.expect("a signal").success());
    for _ in 0..LOOKS {
        if let Some(ended) = server.try_wait().expect("it can be waited for") {
            assert!(ended.success(), "{ended}");
            return;
        }
        thread::sleep(REST);
    }
    server.kill().expect("it is ended");
    panic!("it did not go down");
}
