//! Whether the server is to be given calls: its health follows what the store says of itself.

use std::convert::Infallible;
use std::time::Duration;

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::report;
use crate::store::Store;

/// How often the store is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer: a database behind a network that swallows everything answers never.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the store until it is dropped, and says what changed.
pub(super) async fn watch(store: &dyn Store, health: &HealthReporter) -> Infallible {
    let mut was_ready = true;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let refused = match tokio::time::timeout(ANSWER_TIMEOUT, store.ready()).await {
            Ok(answer) => answer.err().map(|error| error.to_string()),
            Err(_) => Some(format!("the database did not answer within {ANSWER_TIMEOUT:?}")),
        };
        match &refused {
            Some(reason) if was_ready => {
                tracing::error!("the server is not ready, and says so to whoever asks for its health: {reason}");
                report(health, ServingStatus::NotServing).await;
            }
            None if !was_ready => {
                tracing::warn!("the server is ready again");
                report(health, ServingStatus::Serving).await;
            }
            Some(_) | None => {}
        }
        was_ready = refused.is_none();
    }
}
