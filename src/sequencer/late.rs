//! Commands that come while a round waits for its locks: they are decided with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::queue::Submission;
use super::reply::{Caller, ReplySender};
use super::round::Latecomers;
use crate::allocator::command::Command;
use crate::allocator::footprint::{Footprint, Wants};
use crate::clock::{Clock, monotonic};
use crate::domain::Instant;
use crate::domain::ids::LocationId;

/// What is queued behind a round, as long as the round may still take it.
#[derive(Debug)]
pub(super) struct Late<'a> {
    queue: &'a mut mpsc::Receiver<Submission>,
    /// One that was taken from the queue and cannot join.
    first_of_next: &'a mut Option<Submission>,
    clock: &'a Arc<dyn Clock>,
    /// How many commands the round has room for.
    room: usize,
    /// Who waits for those that were taken, in their order.
    pub(super) callers: Vec<Option<Caller>>,
    /// Who waited for those whose deadline had passed.
    pub(super) expired: Vec<ReplySender>,
}

impl<'a> Late<'a> {
    pub(super) fn new(
        queue: &'a mut mpsc::Receiver<Submission>,
        first_of_next: &'a mut Option<Submission>,
        clock: &'a Arc<dyn Clock>,
        room: usize,
    ) -> Self {
        Self {
            queue,
            first_of_next,
            clock,
            room,
            callers: Vec::new(),
            expired: Vec::new(),
        }
    }
}

impl Latecomers for Late<'_> {
    fn take(&mut self, locked: &BTreeSet<&LocationId>) -> (Instant, Vec<Command>) {
        let (mut taken, started) = (Vec::new(), monotonic());
        // None overtakes another.
        while self.first_of_next.is_none()
            && taken.len() < self.room
            && let Ok(submission) = self.queue.try_recv()
        {
            if !is_within(&submission.command, locked) {
                *self.first_of_next = Some(submission);
            } else if submission.begin(started) {
                self.callers.push(Some((submission.patience, submission.reply)));
                taken.push(submission.command);
            } else {
                self.expired.push(submission.reply);
            }
        }
        (self.clock.now(), taken)
    }
}

/// Whether a command touches nothing that is not locked. Where an order is that is named by its id alone is not known before
/// it is looked up.
fn is_within(command: &Command, locked: &BTreeSet<&LocationId>) -> bool {
    let footprint = Footprint::of([command], &Wants::default());
    let is_located = footprint.orders.is_empty() && footprint.anywhere.is_empty() && footprint.items.is_empty();
    is_located && !footprint.catalog && footprint.locations.iter().all(|id| locked.contains(id))
}
