//! Looking into errors as a client does.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The reason of an error; the test fails when it has none, or another domain.
pub(crate) fn reason(status: &Status) -> String {
    let info = status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"));
    assert_eq!(info.domain, "holdfast");
    info.reason
}

/// A value of the error's metadata.
pub(crate) fn metadata(status: &Status, key: &str) -> Option<String> {
    status
        .get_details_error_info()
        .and_then(|info| info.metadata.get(key).cloned())
}

/// The paths of all fields at fault.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request();
    details
        .into_iter()
        .flat_map(|bad| bad.field_violations)
        .map(|violation| violation.field)
        .collect()
}

/// The types of all violated preconditions, one a line at fault.
pub(crate) fn violations(status: &Status) -> Vec<String> {
    let details = status.get_details_precondition_failure();
    details
        .into_iter()
        .flat_map(|failure| failure.violations)
        .map(|violation| violation.r#type)
        .collect()
}

/// Checks code and reason of an error.
pub(crate) fn assert_error(status: &Status, code: Code, expected: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (code, expected), "{status:?}");
}
