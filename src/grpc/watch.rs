//! Followed logs: streams that tell what comes, with a token to go on with in every message.

use std::time::{Duration, Instant};

use rand::TryRngCore;
use rand::rngs::OsRng;
use tonic::Status;

use super::StreamSettings;
use super::context::Context;
use super::stream::{End, Writer};
use super::{status, token};
use crate::clock;
use crate::domain::ids::{EventSequence, LocationId};
use crate::domain::rejection::Rejection;
use crate::store::LogEnds;

pub(crate) mod consumers;
pub(crate) mod events;
pub(crate) mod releases;

/// When a stream has to say that it lives.
#[derive(Debug)]
struct Pulse {
    interval: Duration,
    sent_at: Instant,
}

impl Pulse {
    fn new(settings: &StreamSettings) -> Self {
        Self {
            interval: settings.heartbeat_interval,
            sent_at: clock::monotonic(),
        }
    }

    /// Something was sent.
    fn beat(&mut self) {
        self.sent_at = clock::monotonic();
    }

    /// How long the stream may stay silent from now on.
    fn left(&self) -> Duration {
        self.interval
            .saturating_sub(clock::monotonic().saturating_duration_since(self.sent_at))
    }
}

/// How long a stream lives: streams that began together do not end together.
pub(super) fn lifetime(settings: &StreamSettings) -> Duration {
    let drawn = OsRng.try_next_u32().unwrap_or_default().rem_euclid(201);
    let per_mille = drawn.saturating_add(900);
    let lifetime = settings.lifetime.checked_mul(per_mille).unwrap_or(settings.lifetime);
    lifetime.checked_div(1_000).unwrap_or(lifetime)
}

/// Every log with its ends, in the order in which their locations were created.
async fn logs(context: &Context) -> Result<Vec<LogEnds>, Status> {
    context.read(move |store| async move { store.logs().await }).await
}

fn unknown(location_id: LocationId) -> Status {
    status::rejected(Rejection::UnknownLocation(location_id), status::SkuField::Lines)
}

/// Whether a log can be followed after an event.
///
/// # Errors
/// The event is yet to come.
fn check_not_ahead(after: EventSequence, log: &LogEnds) -> Result<(), Status> {
    if after > log.last {
        let why = "lies beyond the last event of its location";
        return Err(status::resume_token_invalid(why));
    }
    Ok(())
}

/// The last event before the oldest that is kept: whoever dealt with it misses none.
fn before_oldest(log: &LogEnds) -> EventSequence {
    EventSequence(log.oldest.0.saturating_sub(1))
}

/// Ends a stream; of one that has lived its time the reader learns with which token to connect again.
fn finish<M: prost::Message>(writer: Writer<M>, end: Result<(), End>, resume_token: &str, heartbeat: M) {
    if matches!(end, Err(End::Lived)) {
        writer.send_last(heartbeat);
        return writer.end(Err(End::Failed(status::stream_ended(resume_token))));
    }
    writer.end(end);
}

/// The tokens of a store.
#[derive(Debug, Clone, Copy)]
struct Tokens {
    epoch: u64,
}

impl Tokens {
    fn parse_events(self, scope: &str, text: &str) -> Result<Vec<EventSequence>, Status> {
        token::parse_events(self.epoch, scope, text).ok_or_else(foreign_token)
    }

    fn parse_releases(self, location_id: &LocationId, text: &str) -> Result<token::ReleasesPlace, Status> {
        token::parse_releases(self.epoch, location_id, text).ok_or_else(foreign_token)
    }
}

fn foreign_token() -> Status {
    status::resume_token_invalid("is damaged, or of another stream, other locations or another store")
}
