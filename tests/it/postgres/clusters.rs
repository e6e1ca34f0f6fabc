//! The clusters that tests start for themselves.

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
    assert!(cluster.join("data/postmaster.pid").exists(), "it runs");
    owner.kill().expect("it is ours");
    owner.wait().expect("it is ours");
    let is_gone = (0..LATE_STEPS).any(|_| {
        thread::sleep(LATE_STEP);
        !cluster.exists()
    });
    assert!(is_gone, "the cluster outlives the process");
}
