//! Writes beside the rounds, on connections of their own.

use tokio::sync::Mutex;

use super::super::StoreError;
use super::super::tables::{consumers, logs};
use super::PostgresOptions;
use super::connection::Connection;
use crate::domain::Instant;
use crate::domain::ids::{ConsumerId, EventSequence, LocationId};

/// Removes old events. It takes a while, and is seldom asked for.
pub(super) async fn prune(options: &PostgresOptions, before: Instant, heard_since: Instant) -> Result<u64, StoreError> {
    let mut opened = begin(options).await?;
    let pruned = match logs::prune_in_tx(&mut opened, before, heard_since).await {
        Ok(gone) => opened.commit().await.map(|()| gone),
        Err(error) => Err(error),
    };
    opened.close().await;
    pruned
}

async fn begin(options: &PostgresOptions) -> Result<Connection, StoreError> {
    let mut opened = Connection::connect(options).await?;
    opened.begin_writing().await?;
    Ok(opened)
}

/// Says how far consumers are, one after the other on one connection, which is kept: followers say it often, and all at once.
#[derive(Debug, Default)]
pub(super) struct Acknowledging(Mutex<Option<Connection>>);

impl Acknowledging {
    /// Says how far a consumer is.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub(super) async fn say(
        &self,
        options: &PostgresOptions,
        (consumer, places): (&ConsumerId, &[(LocationId, EventSequence)]),
        now: Instant,
    ) -> Result<(), StoreError> {
        let mut kept = self.0.lock().await;
        let begun = match kept.take() {
            // One that was ended since is no sign that the next one would be.
            Some(mut opened) => opened.begin_writing().await.is_ok().then_some(opened),
            None => None,
        };
        let mut opened = match begun {
            Some(opened) => opened,
            None => begin(options).await?,
        };
        consumers::acknowledge_in_tx(&mut opened, consumer, places, now).await?;
        opened.commit().await?;
        *kept = Some(opened);
        Ok(())
    }

    /// Ends its connection.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.0.lock().await.take() {
            connection.close().await;
        }
    }
}
