//! Logs that nobody reads.

use crate::support::process::ServerProcess;

#[test]
fn a_server_whose_logs_nobody_reads_goes_down_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start_unread(&directory.path().join("holdfast.db"));
    assert!(server.terminate().success());
}
