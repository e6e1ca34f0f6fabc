//! The clusters that tests start for themselves.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::postgres::start_for;

/// How long its watcher may take to see it, in steps.
const LATE_STEPS: usize = 300;
const LATE_STEP: Duration = Duration::from_millis(100);

#[test]
fn a_cluster_ends_with_the_process_that_it_was_made_for() {
    let directory = tempfile::tempdir().expect("a directory for the cluster can be made");
    let cluster = directory.path().join("cluster");
    let mut owner = Command::new("sleep").arg("600").spawn().expect("a process");
    start_for(&cluster, owner.id());
    let server = fs::read_to_string(cluster.join("data/postmaster.pid")).expect("it runs");
    let server = server.lines().next().expect("its first line is a process");
    let runs = || Path::new("/proc").join(server).exists();
    assert!(runs());
    // Not waited for: whoever started it may be gone too.
    owner.kill().expect("it is ours");
    let is_gone = (0..LATE_STEPS).any(|_| {
        thread::sleep(LATE_STEP);
        !cluster.exists() && !runs()
    });
    assert!(is_gone, "the cluster outlives the process");
    owner.wait().expect("it is ours");
}
