//! Group commit: commands are collected into rounds, each round is decided and committed together, and
//! each caller is answered once its round is durable.
//!
//! # Shape
//! Callers put commands into a bounded [`queue`]; one [`runner`] takes what is there, up to a limit, and never waits
//! for company beyond letting other threads of its core go first; what comes while a round waits for its locks is decided
//! with it (`late.rs`). One command is a round of one; there is no second path. A [`round`] is the pure function that the
//! store runs.
//!
//! # What bounds it
//! The queue's length and the round's size, in commands; what does not fit is refused at once
//! ([`Failure::Overloaded`]).
//!
//! # Ordering
//! Commands are decided in the order in which they were queued. Only a command on a SKU that is being refilled
//! in parts, or that would fill more lines than the round has left, is put back, in front of what came after it. A refill
//! goes on at the end of each round, with lines of its own, in turns if there are several. Once a second a round also
//! takes up what has lapsed at locations where nothing else runs.
//!
//! What waits to be estimated anew is walked in rounds of its own, between those of callers, for a part of the time while
//! callers wait (`estimates.rs`).

mod estimates;
mod late;
pub mod news;
mod panics;
mod patience;
pub mod queue;
mod refills;
mod reply;
pub mod round;
pub mod runner;
mod sweep;

pub use panics::hush_expected as hush_expected_panics;
pub use queue::{Failure, Limits, Pending, Reply, Sequencer};
