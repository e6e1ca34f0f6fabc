//! The reference client and grpcurl follow releases of the real server, over its restart too.

use std::process::Command;

use crate::support::grpcurl::{call, set_up};
use crate::support::process::{Following, HOLDFAST, ServerProcess, output_of, text, tool};

fn place(address: &str, order_id: &str) {
    let order =
        format!(r#"{{"order_id": "{order_id}", "location_id": "W1", "lines": [{{"sku": "A", "quantity": 1}}]}}"#);
    call(address, "CheckoutService/Reserve", &order);
}

#[test]
fn the_reference_client_ships_by_itself_and_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    set_up(&server.address);
    place(&server.address, "O1");
    let address = server.address.clone();
    let endpoint = format!("http://{address}");
    let arguments = ["warehouse", "--location", "W1", "--auto-ship", "--endpoint", &endpoint];
    let client = Following::start(Command::new(HOLDFAST).args(arguments));
    assert!(
        client.line_with("release   ").contains("O1: 1 x A"),
        "it begins with what is released"
    );
    client.line_with("shipped   O1");
    place(&address, "O2");
    client.line_with("shipped   O2");
    server.kill();
    client.line_with("connects again");
    let server = ServerProcess::start_at(&database, &address);
    place(&address, "O3");
    let next = client.line_with("release   ");
    assert!(next.contains("O3"), "nothing is told twice: {next}");
    client.line_with("shipped   O3");
    let order = call(&address, "CheckoutService/GetOrder", r#"{"order_id": "O3"}"#);
    assert!(
        order.contains("ORDER_STATE_SHIPPED") && order.contains("acknowledgeTime"),
        "{order}"
    );
    assert!(server.terminate().success());
}

#[test]
fn a_location_that_there_is_not_ends_the_reference_client_with_a_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    let endpoint = format!("http://{}", server.address);
    let arguments = ["warehouse", "--location", "nowhere", "--endpoint", &endpoint];
    let output = output_of(Command::new(HOLDFAST).args(arguments));
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("there is no location \"nowhere\""), "{errors}");
}

#[test]
fn grpcurl_follows_releases() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(&directory.path().join("holdfast.db"));
    set_up(&server.address);
    place(&server.address, "O1");
    let message = r#"{"location_id": "W1"}"#;
    let method = "holdfast.v1.WarehouseService/WatchReleases";
    let follower = Following::start(tool("grpcurl").args(["-plaintext", "-d", message, &server.address, method]));
    follower.line_with(r#""orderId": "O1""#);
    follower.line_with("RELEASE_CAUSE_PURCHASE");
    place(&server.address, "O2");
    follower.line_with(r#""orderId": "O2""#);
    call(&server.address, "CheckoutService/CancelOrder", r#"{"order_id": "O2"}"#);
    follower.line_with("REVOCATION_CAUSE_CANCELLATION");
}

#[test]
fn old_events_are_pruned_from_a_database_that_is_not_served() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let url = format!("sqlite:{}", database.display());
    let prune = |keep: &str| {
        let arguments = ["prune", "--keep", keep, "--database-url", &url];
        output_of(Command::new(HOLDFAST).args(arguments))
    };
    let server = ServerProcess::start(&database);
    set_up(&server.address);
    let refused = prune("90d");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && errors.contains("in use"), "{errors}");
    assert!(server.terminate().success());
    let pruned = prune("90d");
    assert_eq!(text(&pruned), "0 events older than 90d were removed\n");
    assert!(!prune("soon").status.success());
}

/// A copy that takes the database's place gives its numbers out anew: tokens must be told apart.
#[test]
fn tokens_of_a_database_before_it_was_restored_are_refused_once_its_epoch_is_renewed() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = directory.path().join("holdfast.db");
    let server = ServerProcess::start(&database);
    set_up(&server.address);
    place(&server.address, "O1");
    let method = "holdfast.v1.WarehouseService/WatchReleases";
    let message = r#"{"location_id": "W1"}"#;
    let follower = Following::start(tool("grpcurl").args(["-plaintext", "-d", message, &server.address, method]));
    let line = follower.line_with("resumeToken");
    let token = line.split('"').nth(3).expect("a token").to_owned();
    drop(follower);
    assert!(server.terminate().success());
    let url = format!("sqlite:{}", database.display());
    let renewed = output_of(Command::new(HOLDFAST).args(["renew-epoch", "--database-url", &url]));
    assert!(renewed.status.success(), "{}", String::from_utf8_lossy(&renewed.stderr));
    let server = ServerProcess::start(&database);
    let message = format!(r#"{{"location_id": "W1", "resume_token": "{token}"}}"#);
    let refused = output_of(tool("grpcurl").args(["-plaintext", "-d", &message, &server.address, method]));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("RESUME_TOKEN_INVALID"), "{errors}");
}
