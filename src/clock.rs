//! The one place that reads a clock.

use std::fmt::Debug;
use std::sync::Mutex;

use crate::domain::Instant;

/// A source of instants and of time that passes.
pub trait Clock: Send + Sync + Debug {
    /// The instant that decisions are made at, in whole microseconds.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Instant {
        whole_micros(chrono::Utc::now())
    }
}

/// A clock that stands still until it is set. For tests and for stories told in advance.
#[derive(Debug)]
pub struct ManualClock(Mutex<Instant>);

impl ManualClock {
    /// A clock that shows an instant.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(whole_micros(now)))
    }

    /// Sets the clock.
    pub fn set(&self, now: Instant) {
        *self.0.lock().expect("no holder panics") = whole_micros(now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.0.lock().expect("no holder panics")
    }
}

/// The store keeps microseconds: an instant finer than that would differ after a restart.
fn whole_micros(instant: Instant) -> Instant {
    Instant::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}

/// The monotonic time, for deadlines and measurements.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
