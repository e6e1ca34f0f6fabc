//! Calls made by grpcurl, as people make them.

use super::process::{output_of, text, tool};

/// Makes a call that must be answered.
pub(crate) fn call(address: &str, method: &str, message: &str) -> String {
    let method = format!("holdfast.v1.{method}");
    let output = output_of(tool("grpcurl").args(["-plaintext", "-d", message, address, &method]));
    assert!(
        output.status.success(),
        "{method}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text(&output)
}

/// A location `W1` with nine units of `A`.
pub(crate) fn set_up(address: &str) {
    let location = r#"{"location": {"location_id": "W1", "time_zone": "UTC"}}"#;
    call(address, "CatalogService/PutLocation", location);
    call(address, "CatalogService/PutItem", r#"{"item": {"sku": "A"}}"#);
    let receipt = r#"{"location_id": "W1", "receipt_id": "R1", "lines": [{"sku": "A", "quantity": 9}]}"#;
    call(address, "WarehouseService/ReceiveStock", receipt);
}
