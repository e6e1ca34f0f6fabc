//! Followed logs: streams that tell what comes, with a token to go on with in every message.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;

use prost::Message;
use rand::TryRngCore;
use rand::rngs::OsRng;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

use super::StreamSettings;
use super::codec::Spelled;
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

/// When a stream has to say that it lives, and when it ends. What it waits for beside news it waits for from its beginning
/// on, so that news cost no timer.
#[derive(Debug)]
struct Pulse {
    interval: Duration,
    /// When the stream must not have been silent any longer.
    due_at: Instant,
    lives_until: Instant,
    alarm: Pin<Box<Sleep>>,
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Pulse {
    fn new(settings: &StreamSettings, lifetime: Duration, shutdown: &CancellationToken) -> Self {
        let now = now();
        let later = |by: Duration| now.checked_add(by).unwrap_or(now);
        let (due_at, lives_until) = (later(settings.heartbeat_interval), later(lifetime));
        Self {
            interval: settings.heartbeat_interval,
            due_at,
            lives_until,
            alarm: Box::pin(sleep_until(due_at.min(lives_until))),
            shutdown: Box::pin(shutdown.clone().cancelled_owned()),
        }
    }

    /// Something was sent.
    fn beat(&mut self) {
        let now = now();
        self.due_at = now.checked_add(self.interval).unwrap_or(now);
    }

    /// Whether it is time to say that it lives.
    fn is_due(&self) -> bool {
        self.due_at <= now()
    }

    /// Waits for a nudge, but no longer than the stream may be silent.
    ///
    /// # Errors
    /// The stream has lived its time, or the server ends.
    async fn wait(&mut self, nudge: &Notify) -> Result<(), End> {
        let mut nudged = pin!(nudge.notified());
        poll_fn(|context| {
            if self.shutdown.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(End::Failed(status::shutting_down())));
            }
            if nudged.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            self.ring(context)
        })
        .await
    }

    /// Is ready when the stream has been silent for long enough, or has lived its time. The alarm is put off only when it
    /// rings.
    fn ring(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), End>> {
        while self.alarm.as_mut().poll(context).is_ready() {
            let now = now();
            if self.lives_until <= now {
                return Poll::Ready(Err(End::Lived));
            }
            if self.due_at <= now {
                return Poll::Ready(Ok(()));
            }
            let next = self.due_at.min(self.lives_until);
            self.alarm.as_mut().reset(next);
        }
        Poll::Pending
    }
}

fn now() -> Instant {
    Instant::from_std(clock::monotonic())
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
fn finish(writer: Writer<Spelled>, end: Result<(), End>, resume_token: &str, heartbeat: &impl Message) {
    if matches!(end, Err(End::Lived)) {
        writer.send_last(Spelled::whole(heartbeat));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(heartbeat_interval: Duration, lifetime: Duration, shutdown: &CancellationToken) -> Pulse {
        let settings = StreamSettings {
            heartbeat_interval,
            ..StreamSettings::default()
        };
        Pulse::new(&settings, lifetime, shutdown)
    }

    #[tokio::test]
    async fn a_stream_waits_until_it_is_nudged_or_silent_for_too_long_or_has_lived_its_time() {
        let (shutdown, nudge) = (CancellationToken::new(), Notify::new());
        let (brief, long) = (Duration::from_millis(20), Duration::from_hours(1));
        let mut silent = pulse(brief, long, &shutdown);
        silent.wait(&nudge).await.expect("a heartbeat is due");
        assert!(silent.is_due());
        silent.beat();
        assert!(!silent.is_due());
        let began = clock::monotonic();
        silent.wait(&nudge).await.expect("the next one is due");
        assert!(clock::monotonic().saturating_duration_since(began) >= Duration::from_millis(10));
        // However seldom it says that it lives.
        let mut short = pulse(long, brief, &shutdown);
        assert!(matches!(short.wait(&nudge).await, Err(End::Lived)));
        let mut idle = pulse(long, long, &shutdown);
        nudge.notify_one();
        idle.wait(&nudge).await.expect("news");
        assert!(!idle.is_due());
        shutdown.cancel();
        assert!(matches!(idle.wait(&nudge).await, Err(End::Failed(_))));
    }
}
