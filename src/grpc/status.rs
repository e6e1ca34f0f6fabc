//! The one mapping of refusals, failures and faults to statuses, with the details that `google.rpc` defines.
//!
//! Every status carries an `ErrorInfo` whose metadata holds each variable of the message. The details travel in a
//! header, and clients drop calls whose headers are long, so lists of faults are cut to what fits; the count in the
//! metadata is always whole.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use prost::Message;
use rand::TryRngCore;
use rand::rngs::OsRng;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::convert::violations::{Violation, Violations};
use crate::sequencer::Failure;
use crate::store::StoreError;

mod rejected;

pub(crate) use rejected::{SkuField, rejected};

/// The domain of every reason.
const DOMAIN: &str = "holdfast";
/// Bytes of a status's lists of faults. In base64, beside the rest, they stay below the 8 KiB of headers that common
/// clients take.
const FAULTS_BYTES_MAX: usize = 3_200;
/// When to try again after an outage: about what a store or a successor needs to be back.
const OUTAGE_RETRY: Duration = Duration::from_secs(1);
/// When to try again where too much of one kind is going on.
const BUSY_RETRY: Duration = Duration::from_millis(250);
/// The longest part of another library's message that is passed on, in characters.
const FOREIGN_CHARS_MAX: usize = 200;

/// A status in the making.
pub(super) struct Fault {
    code: Code,
    message: String,
    reason: &'static str,
    variables: HashMap<String, String>,
    details: ErrorDetails,
    bytes_left: usize,
}

impl Fault {
    /// A status with its reason.
    pub(super) fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        let (variables, details) = (HashMap::new(), ErrorDetails::new());
        Self {
            code,
            message: message.into(),
            reason,
            variables,
            details,
            bytes_left: FAULTS_BYTES_MAX,
        }
    }

    /// A variable of the message.
    pub(super) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// When to try again.
    fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self.with("retry_after_ms", delay.as_millis())
    }

    /// A field at fault, if there is room for one more.
    pub(super) fn field(mut self, field: &str, description: &str) -> Self {
        if self.takes(field.len().saturating_add(description.len())) {
            self.details.add_bad_request_violation(field, description);
        }
        self
    }

    /// What stands in the way, if there is room for one more.
    pub(super) fn precondition(mut self, reason: &str, subject: &str, description: &str) -> Self {
        if self.takes(
            reason
                .len()
                .saturating_add(subject.len())
                .saturating_add(description.len()),
        ) {
            self.details
                .add_precondition_failure_violation(reason, subject, description);
        }
        self
    }

    /// Whether there is room; once something did not fit, nothing does, so that what is shown is what comes first.
    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.bytes_left.checked_sub(bytes.saturating_add(16));
        self.bytes_left = left.unwrap_or(0);
        left.is_some()
    }

    /// The status.
    pub(super) fn status(mut self) -> Status {
        self.details.set_error_info(self.reason, DOMAIN, self.variables);
        Status::with_error_details(self.code, self.message, self.details)
    }
}

impl From<Violations> for Status {
    fn from(violations: Violations) -> Self {
        let nowhere = Violation {
            field: "message".to_owned(),
            description: "cannot be used".to_owned(),
        };
        let (first, count) = (violations.kept().first().unwrap_or(&nowhere), violations.count());
        let more = match count.saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("{} {}{more}", first.field, first.description);
        let fault = Fault::new(Code::InvalidArgument, "INVALID_FIELD", message)
            .with("field", &first.field)
            .with("description", &first.description)
            .with("violations", count);
        violations
            .kept()
            .iter()
            .fold(fault, |fault, one| fault.field(&one.field, &one.description))
            .status()
    }
}

/// A message whose bytes are none of its type.
#[must_use]
pub fn undecodable(detail: &str) -> Status {
    let detail: String = detail.chars().take(FOREIGN_CHARS_MAX).collect();
    Violations::one("message", format_args!("cannot be decoded: {detail}")).into()
}

/// A message of more bytes than are taken.
pub(crate) fn too_large(limit: usize) -> Status {
    let description = format!("is larger than {limit} bytes: send less at once");
    Fault::new(Code::InvalidArgument, "INVALID_FIELD", format!("message {description}"))
        .with("field", "message")
        .with("description", &description)
        .with("violations", 1)
        .with("limit_bytes", limit)
        .field("message", &description)
        .status()
}

/// A command that got no reply.
pub(crate) fn failed(failure: Failure) -> Status {
    match failure {
        Failure::Overloaded {
            queued,
            limit,
            retry_after_ms,
        } => {
            let message = format!("{queued} calls are waiting, and no more than {limit} may: try again later");
            let fault = Fault::new(Code::Unavailable, "OVERLOADED", message)
                .with("queued", queued)
                .with("limit", limit);
            fault.retry_after(Duration::from_millis(retry_after_ms)).status()
        }
        Failure::ShuttingDown => shutting_down(),
        Failure::DeadlinePassed => {
            let message = "the deadline passed before the call was looked at; it had no effect";
            Fault::new(Code::DeadlineExceeded, "DEADLINE_PASSED_IN_QUEUE", message).status()
        }
        Failure::Store(detail) => store_unavailable(&detail),
        Failure::Internal(detail) => internal(&detail),
    }
}

/// A status as a message, with its details.
pub(crate) fn as_message(status: &Status) -> tonic_types::Status {
    let plain = || tonic_types::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    };
    let detailed = tonic_types::Status::decode(status.details()).ok();
    detailed.filter(|_| !status.details().is_empty()).unwrap_or_else(plain)
}

/// The caller's own deadline passed while the call was under way.
pub(crate) fn deadline_passed() -> Status {
    let message = "the deadline passed, and the call may have had an effect: repeat it with the same id";
    Fault::new(Code::DeadlineExceeded, "DEADLINE_PASSED", message).status()
}

/// A call that was decided, and whose answer could not be put together: what it did stands, and a repeat tells it.
pub(crate) fn unanswered(status: Status) -> Status {
    if status.code() == Code::Unavailable {
        return status;
    }
    store_unavailable(&status.message())
}

/// A read that failed.
pub(crate) fn unreadable(error: &StoreError) -> Status {
    match error {
        StoreError::Unavailable(detail) => store_unavailable(detail),
        StoreError::Exhausted => {
            let message = "every connection to the database is in use: try again later";
            Fault::new(Code::Unavailable, "OVERLOADED", message)
                .retry_after(OUTAGE_RETRY)
                .status()
        }
        StoreError::CommitUnknown(_)
        | StoreError::Storage(_)
        | StoreError::Refused { .. }
        | StoreError::Corrupt { .. }
        | StoreError::RowCount { .. }
        | StoreError::NeverLoaded(_) => internal(error),
    }
}

fn store_unavailable(detail: &impl Display) -> Status {
    tracing::warn!(%detail, "a call failed because the store is unavailable: {detail}");
    let message = "the store cannot be reached: repeat the call with the same id";
    Fault::new(Code::Unavailable, "STORE_UNAVAILABLE", message)
        .retry_after(OUTAGE_RETRY)
        .status()
}

/// The server is ending.
pub(crate) fn shutting_down() -> Status {
    let message = "the server is shutting down: repeat the call with the same id";
    Fault::new(Code::Unavailable, "SHUTTING_DOWN", message)
        .retry_after(OUTAGE_RETRY)
        .status()
}

/// Too many calls of a kind are under way.
pub(crate) fn too_many(what: &str, limit: usize) -> Status {
    let message = format!("{limit} {what} are under way, and no more may be: try again later");
    let fault = Fault::new(Code::Unavailable, "OVERLOADED", message)
        .with("what", what)
        .with("limit", limit);
    fault.retry_after(BUSY_RETRY).status()
}

/// A bug: the caller gets the id of the incident, the log the detail.
pub(crate) fn internal(detail: &impl Display) -> Status {
    let incident_id = format!("{:016x}", OsRng.try_next_u64().unwrap_or_default());
    tracing::error!(%incident_id, %detail, "incident {incident_id}: {detail}");
    let message = format!("the server failed; whoever runs it finds more under incident {incident_id}");
    Fault::new(Code::Internal, "INTERNAL", message)
        .with("incident_id", incident_id)
        .status()
}

/// A resume token with which no log can go on.
pub(crate) fn resume_token_invalid(why: &str) -> Status {
    let description = format!("{why}: leave it out to begin with the oldest event");
    Fault::new(
        Code::InvalidArgument,
        "RESUME_TOKEN_INVALID",
        format!("resume_token {description}"),
    )
    .with("field", "resume_token")
    .with("description", &description)
    .field("resume_token", &description)
    .status()
}

/// A stream that has lived its time.
pub(crate) fn stream_ended(resume_token: &str) -> Status {
    let message = "the stream has lived its time: connect again with its last resume_token, at once";
    let fault = Fault::new(Code::Unavailable, "STREAM_ENDED", message).with("resume_token", resume_token);
    fault.retry_after(Duration::ZERO).status()
}

/// A resume token after which events are gone.
pub(crate) fn resume_token_expired(oldest_token: &str) -> Status {
    let message = "events after resume_token are no longer kept: read the state anew, then go on with the oldest token";
    let fault = Fault::new(Code::OutOfRange, "RESUME_TOKEN_EXPIRED", message);
    fault.with("oldest_resume_token", oldest_token).status()
}

#[cfg(test)]
mod tests;
