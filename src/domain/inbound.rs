//! Expected receipts.

use serde::{Deserialize, Serialize};

use super::Date;
use super::ids::{InboundId, Sku};
use super::quantity::Units;

/// The most lines of one inbound.
pub const INBOUND_LINES_MAX: usize = 500;

/// Whether an inbound is still expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundState {
    /// Units are still expected.
    Open,
    /// Everything came.
    Received,
    /// Closed by the buyer: the remainder is not coming.
    Closed,
}

/// One expected receipt: a purchase order or a shipping notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Its id at the location.
    pub inbound_id: InboundId,
    /// The day on which it is expected, in the location's zone.
    pub expected_date: Date,
    /// Whether it is still expected.
    pub state: InboundState,
    /// What is expected, a SKU a line.
    pub lines: Vec<InboundLine>,
}

/// A SKU on an inbound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundLine {
    /// The SKU.
    pub sku: Sku,
    /// Units expected in all; zero when the line was taken off after units had come for it.
    pub quantity: Units,
    /// Units that came.
    pub received: Units,
}

impl InboundLine {
    /// Units that are still to come.
    #[must_use]
    pub fn open(&self) -> Units {
        self.quantity.less(self.received)
    }
}

/// Units of an open quantity that dates may count on: less the buffer, which is rounded up.
#[must_use]
#[expect(clippy::integer_division, reason = "a part of a unit is not counted on")]
pub fn counted_on(open: Units, buffer_percent: u8) -> Units {
    let kept = i128::from(100_u8.saturating_sub(buffer_percent));
    let counted = i128::from(open.get()).saturating_mul(kept) / 100;
    i64::try_from(counted).ok().and_then(Units::new).unwrap_or(Units::ZERO)
}

impl Inbound {
    /// Units of the SKU that are still to come: none once the inbound is closed.
    #[must_use]
    pub fn open_quantity(&self, sku: &Sku) -> Units {
        if self.state == InboundState::Closed {
            return Units::ZERO;
        }
        self.lines
            .iter()
            .filter(|line| line.sku == *sku)
            .map(InboundLine::open)
            .sum()
    }

    /// `Received` once nothing is open, `Open` otherwise; a closed inbound stays closed.
    pub fn settle(&mut self) {
        if self.state != InboundState::Closed {
            let whole = self.lines.iter().all(|line| line.open().is_zero());
            self.state = if whole {
                InboundState::Received
            } else {
                InboundState::Open
            };
        }
    }
}
