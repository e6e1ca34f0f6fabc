//! Those who follow logs under a name: how far each is.

use tonic::Status;

use super::events::{chosen, places, scope_of};
use super::{Tokens, before_oldest, check_not_ahead, logs, status, token};
use crate::domain::ids::{ConsumerId, EventSequence, LocationId};
use crate::grpc::context::Context;
use crate::grpc::convert::logs::Ack;
use crate::store::LogEnds;

/// Remembers that a consumer has dealt with everything up to a token.
///
/// # Errors
/// There is no such location, or the token is not one of these logs.
pub(crate) async fn acknowledge(context: &Context, asked: Ack) -> Result<(), Status> {
    let Ack {
        consumer_id,
        location_ids,
        resume_token,
    } = asked;
    let tokens = Tokens {
        epoch: context.services.store.epoch(),
    };
    let logs = chosen(logs(context).await?, &location_ids)?;
    let places = match logs.as_slice() {
        [log] if token::is_of_releases(&resume_token) => {
            let place = tokens.parse_releases(&log.location_id, &resume_token)?;
            check_not_ahead(place.after, log)?;
            vec![place.after]
        }
        logs => places(tokens, &scope_of(&location_ids), logs, Some(&resume_token))?,
    };
    remember(context, &consumer_id, &logs, &places).await
}

/// Remembers how far a consumer is.
///
/// # Errors
/// It cannot be written.
pub(super) async fn remember(
    context: &Context,
    consumer_id: &ConsumerId,
    logs: &[LogEnds],
    places: &[EventSequence],
) -> Result<(), Status> {
    let ids = logs.iter().map(|log| log.location_id.clone());
    let places: Vec<_> = ids.zip(places.iter().copied()).collect();
    let (consumer_id, now) = (consumer_id.clone(), context.services.clock.now());
    let written = context.read(move |store| async move { store.acknowledge_events(&consumer_id, &places, now).await });
    written.await.map_err(status::unanswered)
}

/// The token after what a consumer has acknowledged; `None` when it is not known at any of these logs.
///
/// # Errors
/// Rows cannot be read.
pub(super) async fn resumed(
    context: &Context,
    consumer_id: &ConsumerId,
    scope: &str,
    logs: &[LogEnds],
) -> Result<Option<String>, Status> {
    let listed = context
        .read(|store| async move { store.list_consumers().await })
        .await?;
    let acknowledged = |location_id: &LocationId| {
        let of_log =
            |found: &&crate::store::Consumer| found.consumer_id == *consumer_id && found.location_id == *location_id;
        listed.iter().find(of_log).map(|found| found.acknowledged)
    };
    let known: Vec<_> = logs.iter().map(|log| acknowledged(&log.location_id)).collect();
    if known.iter().all(Option::is_none) {
        return Ok(None);
    }
    let places = known
        .iter()
        .zip(logs)
        .map(|(known, log)| known.unwrap_or_else(|| before_oldest(log)));
    let places: Vec<_> = places.collect();
    Ok(Some(token::events(context.services.store.epoch(), scope, &places)))
}
