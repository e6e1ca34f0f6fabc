//! The counters of one SKU at one location.

use serde::{Deserialize, Serialize};

use super::Date;
use super::event::ReleaseCause;
use super::ids::{LineNumber, Sequence};
use super::quantity::Units;
use super::risk::Cause;

/// What a location has of a SKU, and what its open orders lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    /// Units in the building and not shipped.
    pub on_hand: Units,
    /// On-hand units tied to lines of open orders.
    pub allocated: Units,
    /// Units that open orders still lack.
    pub backlog: Units,
    /// A refill that was cut and goes on in the next rounds; `None` when the counters are final.
    pub pending_refill: Option<PendingRefill>,
    /// Lines of the queue that are late for the promise of their order, as they were last estimated.
    pub late_lines: i64,
    /// The lines of the queue are to be estimated anew; `None` when they are as estimated.
    pub pending_estimate: Option<PendingEstimate>,
}

/// A walk along a queue that estimates its lines anew, in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEstimate {
    /// What changed.
    pub cause: Cause,
    /// The last line that was looked at; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(Sequence, LineNumber)>,
    /// Units that the lines up to there lack.
    pub ahead: Units,
    /// What changed since the walk began: once it ends, another one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Cause>,
}

impl PendingEstimate {
    /// A walk that begins at the head.
    #[must_use]
    pub fn begin(cause: Cause) -> Self {
        Self {
            cause,
            after: None,
            ahead: Units::ZERO,
            again: None,
        }
    }

    /// What the lines that were looked at lack, if the line at a place is one of them.
    fn ahead_at(&mut self, place: (Sequence, LineNumber)) -> Option<&mut Units> {
        (self.after >= Some(place)).then_some(&mut self.ahead)
    }
}

/// Why and as of when a refill that was cut into parts goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRefill {
    /// What freed the units.
    pub cause: ReleaseCause,
    /// The date by which orders made whole must ship.
    pub ship_by_date: Date,
}

impl Stock {
    /// Whether there is nothing of it and nobody waits. What is still to be estimated of a queue that is gone is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.on_hand.is_zero() && self.backlog.is_zero() && self.pending_refill.is_none()
    }

    /// Units that may be allocated: on hand less safety stock (`RULES.md` R2).
    #[must_use]
    pub fn supply(&self, safety_stock: Units) -> Units {
        self.on_hand.less(safety_stock)
    }

    /// Units that no line holds. Older lines are first in line for them.
    #[must_use]
    pub fn free(&self, safety_stock: Units) -> Units {
        self.supply(safety_stock).less(self.allocated)
    }

    /// Units that a new order would get at once: none while anybody waits.
    #[must_use]
    pub fn available(&self, safety_stock: Units) -> Units {
        if self.backlog.is_zero() {
            self.free(safety_stock)
        } else {
            Units::ZERO
        }
    }

    /// Lowers the backlog by what the line at a place lacks no more.
    pub fn lack_less(&mut self, place: (Sequence, LineNumber), units: Units) {
        self.backlog -= units;
        if let Some(ahead) = self.pending_estimate.as_mut().and_then(|walk| walk.ahead_at(place)) {
            *ahead -= units;
        }
    }

    /// Raises the backlog by what the line at a place lacks anew.
    pub fn lack_more(&mut self, place: (Sequence, LineNumber), units: Units) {
        self.backlog += units;
        if let Some(ahead) = self.pending_estimate.as_mut().and_then(|walk| walk.ahead_at(place)) {
            *ahead += units;
        }
    }

    /// Counts a line that became late, or stopped being it.
    pub fn count_late(&mut self, is_late: bool) {
        let lines = if is_late { 1 } else { -1 };
        self.late_lines = self.late_lines.saturating_add(lines);
    }

    /// Units missing to the safety stock, which arrivals refill first (`RULES.md` R5).
    #[must_use]
    pub fn shortfall(&self, safety_stock: Units) -> Units {
        safety_stock.less(self.on_hand)
    }
}
