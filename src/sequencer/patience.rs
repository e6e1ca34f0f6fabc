//! Until when a caller waits for a command that is queued. When that passes first, the command is withdrawn and the caller
//! knows that it had no effect; once a round has taken it, nobody can know that before the round is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// Where its command is.
const QUEUED: u8 = 0;
const IN_A_ROUND: u8 = 1;
const WITHDRAWN: u8 = 2;

/// How long a caller waits. The caller and the command in the queue share it.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    until: Instant,
    command: Arc<AtomicU8>,
}

impl Patience {
    /// A caller who waits until an instant.
    pub(super) fn until(until: Instant) -> Self {
        Self {
            until,
            command: Arc::new(AtomicU8::new(QUEUED)),
        }
    }

    /// When it ends.
    pub(super) fn ends(&self) -> Instant {
        self.until
    }

    /// Takes the command into a round, unless nobody waits for it any more.
    pub(super) fn begin(&self, now: Instant) -> bool {
        self.until > now && self.change(QUEUED, IN_A_ROUND)
    }

    /// Withdraws the command, unless a round has taken it.
    pub(super) fn withdraw(&self) -> bool {
        self.change(QUEUED, WITHDRAWN)
    }

    /// The round decided nothing about the command, which is queued again.
    pub(super) fn put_back(&self) {
        self.change(IN_A_ROUND, QUEUED);
    }

    fn change(&self, from: u8, to: u8) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        self.command.compare_exchange(from, to, success, failure).is_ok()
    }
}
