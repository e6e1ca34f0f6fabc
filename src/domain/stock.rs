//! The counters of one SKU at one location.

use serde::{Deserialize, Serialize};

use super::Date;
use super::event::ReleaseCause;
use super::quantity::Units;

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

    /// Units missing to the safety stock, which arrivals refill first (`RULES.md` R5).
    #[must_use]
    pub fn shortfall(&self, safety_stock: Units) -> Units {
        safety_stock.less(self.on_hand)
    }
}
