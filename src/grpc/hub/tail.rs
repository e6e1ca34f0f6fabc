//! The newest events of a log, as many as fit in some bytes.

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::Arc;

use super::told::Told;
use crate::domain::event::{Event, LineUnits, Payload, PlacedLine, ReceivedLine};
use crate::domain::ids::EventSequence;
use crate::domain::inbound::InboundLine;
use crate::store::StoreError;

/// What an id or a short text takes beside the row that it stands in, in bytes.
const TEXT_BYTES: usize = 48;

/// The newest events of a log, without a gap.
#[derive(Debug)]
pub(super) struct Tail {
    events: VecDeque<Arc<Told>>,
    bytes: usize,
    bytes_max: usize,
    /// The last event that is known of; `None` until the log was looked at.
    last: Option<EventSequence>,
    failed: Option<Arc<StoreError>>,
}

/// What a tail has for a follower.
#[derive(Debug)]
pub(super) enum Reach {
    /// The follower is at its end.
    Nothing,
    /// What comes next.
    Events(Vec<Arc<Told>>),
    /// The follower is further behind than the tail reaches: the table knows.
    Table,
    /// The log could not be read.
    Failed(Arc<StoreError>),
}

/// What an event that was committed is to a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was the next one.
    Next,
    /// It was read from the table before.
    Known,
    /// There are others before it, or the tail has not begun: the table knows.
    Ahead,
}

impl Tail {
    /// A tail of a log that was not looked at.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            bytes_max,
            last: None,
            failed: None,
        }
    }

    /// Begins at the end of the log; answers whether this is the first look.
    pub(super) fn begin(&mut self, last: EventSequence) -> bool {
        let is_first = self.last.is_none();
        self.last.get_or_insert(last);
        is_first
    }

    /// The last event that is known of.
    pub(super) fn last(&self) -> Option<EventSequence> {
        self.last
    }

    /// Adds what the table has next, and drops the oldest beyond the bytes.
    pub(super) fn extend(&mut self, events: Vec<Event>) {
        for event in events {
            if !self.is_next(&event) {
                // The events between are no longer kept: whoever is before them has to learn it from the table.
                self.events.clear();
                self.bytes = 0;
            }
            self.push(Arc::new(event));
        }
    }

    /// Adds an event that was committed, if it is the next one.
    pub(super) fn hear(&mut self, event: &Arc<Event>) -> Heard {
        match self.last {
            Some(last) if event.event_sequence <= last => Heard::Known,
            _ if self.is_next(event) => {
                self.push(Arc::clone(event));
                Heard::Next
            }
            _ => Heard::Ahead,
        }
    }

    fn is_next(&self, event: &Event) -> bool {
        self.last.and_then(|last| last.0.checked_add(1)) == Some(event.event_sequence.0)
    }

    fn push(&mut self, event: Arc<Event>) {
        self.last = Some(event.event_sequence);
        self.bytes = self.bytes.saturating_add(weight(&event));
        self.events.push_back(Arc::new(Told::new(event)));
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(weight(&oldest.event));
        }
    }

    /// Says that the log could not be read.
    pub(super) fn fail(&mut self, error: &Arc<StoreError>) {
        self.failed = Some(Arc::clone(error));
    }

    /// What comes after an event, at most so many.
    pub(super) fn after(&self, after: EventSequence, limit: usize) -> Reach {
        if let Some(error) = &self.failed {
            return Reach::Failed(Arc::clone(error));
        }
        let Some(last) = self.last else {
            return Reach::Table;
        };
        if after >= last {
            return Reach::Nothing;
        }
        let first = self.events.front().map(|told| told.event.event_sequence.0);
        let at = first.and_then(|first| after.0.checked_add(1)?.checked_sub(first));
        match at.map(usize::try_from) {
            Some(Ok(at)) => Reach::Events(self.events.range(at..).take(limit).cloned().collect()),
            Some(Err(_)) | None => Reach::Table,
        }
    }
}

/// About what an event takes in memory with the messages that bring it, in bytes.
fn weight(event: &Event) -> usize {
    let of = |lines: usize, line: usize| lines.saturating_mul(line.saturating_add(TEXT_BYTES));
    let units = |lines: &[LineUnits]| of(lines.len(), size_of::<LineUnits>());
    let lines = match &event.payload {
        Payload::OrderPlaced(p) => of(p.lines.len(), size_of::<PlacedLine>()),
        Payload::OrderReleased(p) => units(&p.lines),
        Payload::OrderLapsed(p) => units(&p.lines),
        Payload::OrderShipped(p) => units(&p.lines).saturating_add(of(p.parcels.len(), TEXT_BYTES)),
        Payload::OrderShippedAfterCancel(p) => units(&p.lines).saturating_add(of(p.parcels.len(), TEXT_BYTES)),
        Payload::OrderCancelled(p) => units(&p.lines).saturating_add(p.reason.len()),
        Payload::LinesCancelled(p) => units(&p.lines).saturating_add(p.reason.len()),
        Payload::StockReceived(p) => of(p.lines.len(), size_of::<ReceivedLine>()),
        Payload::StockAdjusted(p) => p.note.len(),
        Payload::InboundChanged(p) => of(p.lines.len(), size_of::<InboundLine>()),
        Payload::LocationChanged(p) => of(p.calendar.holidays.len(), 0),
        Payload::OrderConfirmed(_)
        | Payload::ReleaseRevoked(_)
        | Payload::ReleaseAcknowledged(_)
        | Payload::SafetyStockChanged(_)
        | Payload::PromiseAtRisk(_)
        | Payload::PromiseRecovered(_) => 0,
    };
    let event = size_of::<Event>().saturating_add(of(4, 0)).saturating_add(lines);
    // The messages together take about as much as the event.
    event.saturating_mul(2).saturating_add(size_of::<Told>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ReleaseAcknowledged;
    use crate::domain::ids::Sequence;

    fn events(numbers: std::ops::RangeInclusive<i64>) -> Vec<Event> {
        let event = |number| Event {
            event_sequence: EventSequence(number),
            at: crate::domain::Instant::default(),
            order_id: None,
            payload: Payload::ReleaseAcknowledged(ReleaseAcknowledged { sequence: Sequence(1) }),
        };
        numbers.map(event).collect()
    }

    fn numbers(reach: &Reach) -> Vec<i64> {
        let Reach::Events(events) = reach else {
            panic!("no events: {reach:?}")
        };
        events.iter().map(|told| told.event.event_sequence.0).collect()
    }

    #[test]
    fn a_tail_is_bounded_in_bytes_and_sends_who_is_behind_it_to_the_table() {
        let each = weight(&events(1..=1)[0]);
        let mut tail = Tail::new(each * 5);
        assert!(matches!(tail.after(EventSequence(0), 9), Reach::Table));
        assert!(tail.begin(EventSequence(10)) && !tail.begin(EventSequence(12)));
        assert!(matches!(tail.after(EventSequence(10), 9), Reach::Nothing));
        assert!(matches!(tail.after(EventSequence(9), 9), Reach::Table));
        tail.extend(events(11..=18));
        assert!(tail.bytes <= tail.bytes_max);
        assert!(matches!(tail.after(EventSequence(12), 9), Reach::Table));
        assert_eq!(numbers(&tail.after(EventSequence(13), 9)), [14, 15, 16, 17, 18]);
        assert_eq!(numbers(&tail.after(EventSequence(15), 2)), [16, 17]);
        assert!(matches!(tail.after(EventSequence(19), 9), Reach::Nothing));
    }

    #[test]
    fn a_gap_is_never_bridged() {
        let mut tail = Tail::new(usize::MAX);
        tail.begin(EventSequence(10));
        tail.extend(events(11..=12));
        tail.extend(events(20..=21));
        assert!(matches!(tail.after(EventSequence(11), 9), Reach::Table));
        assert_eq!(numbers(&tail.after(EventSequence(19), 9)), [20, 21]);
    }

    #[test]
    fn what_was_committed_is_added_only_where_the_tail_ends() {
        let mut tail = Tail::new(usize::MAX);
        let all: Vec<_> = events(10..=14).into_iter().map(Arc::new).collect();
        assert_eq!(tail.hear(&all[0]), Heard::Ahead, "nobody has looked yet");
        tail.begin(EventSequence(10));
        assert_eq!(tail.hear(&all[2]), Heard::Ahead);
        assert_eq!(
            [0, 1, 1, 2, 4].map(|at| tail.hear(&all[at])),
            [Heard::Known, Heard::Next, Heard::Known, Heard::Next, Heard::Ahead]
        );
        assert_eq!(numbers(&tail.after(EventSequence(10), 9)), [11, 12]);
    }
}
