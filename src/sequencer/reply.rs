//! Answers to callers.

use tokio::sync::oneshot;

use super::queue::{Failure, Reply};
use crate::store::StoreError;

/// Where an answer goes.
pub(super) type ReplySender = oneshot::Sender<Result<Reply, Failure>>;

/// What a caller is told of a failure of the store.
pub(super) fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(_) | StoreError::Exhausted | StoreError::CommitUnknown(_) | StoreError::Storage(_) => {
            Failure::Store(error.to_string())
        }
        StoreError::Refused { .. }
        | StoreError::Corrupt { .. }
        | StoreError::RowCount { .. }
        | StoreError::NeverLoaded(_) => Failure::Internal(error.to_string()),
    }
}

/// Answers a caller. One who left is normal: the command stands, and a repeat of it gets the answer.
pub(super) fn answer(reply: ReplySender, result: Result<Reply, Failure>) {
    if reply.send(result).is_err() {
        tracing::debug!("a caller left before its answer");
    }
}
