//! Every way in which a command is refused. A refusal is a value: it costs its own command alone and
//! leaves no trace.

use super::ids::{InboundId, LineNumber, LocationId, OrderId, Sku};
use super::order::OrderState;
use super::quantity::Units;
use super::{Date, Instant};

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Fields whose range depends on what is stored, each with its path in the request, and what is wrong and the way out;
    /// never empty.
    InvalidFields(Vec<(String, String)>),
    /// No such location.
    UnknownLocation(LocationId),
    /// No such items.
    UnknownSkus(Vec<(usize, Sku)>),
    /// No such order.
    UnknownOrder(OrderId),
    /// No such inbound at the location.
    UnknownInbound(InboundId),
    /// The id stands for other content.
    IdReused {
        /// Which kind of id: the name of the request's field.
        kind: &'static str,
        /// The id.
        id: String,
        /// The first field that differs.
        field: String,
    },
    /// The location takes no new orders.
    LocationInactive(LocationId),
    /// No location takes new orders.
    NoActiveLocation,
    /// Lines that cannot be accepted, each with its own reason; never empty.
    Lines(Vec<LineRejection>),
    /// The promise would be later than the caller accepts.
    PromiseLaterThanAccepted {
        /// The date that could be promised.
        promised: Date,
        /// The date that the caller sent.
        latest_acceptable: Date,
    },
    /// The order is not released.
    OrderNotReleased(OrderId, OrderState),
    /// The order has shipped.
    OrderShipped(OrderId),
    /// The order is cancelled.
    OrderCancelled(OrderId),
    /// The order never waited for a payment.
    NotTentative(OrderId, OrderState),
    /// The order lapsed: its payment was not confirmed by then.
    PaymentDeadlinePassed(OrderId, Instant),
    /// The order is not cancelled.
    OrderNotCancelled(OrderId, OrderState),
    /// The count would fall below zero.
    OnHandBelowZero {
        /// The SKU.
        sku: Sku,
        /// Units on hand.
        on_hand: Units,
        /// Units that would have to go.
        taken: i64,
    },
}

impl Rejection {
    /// One field whose range depends on what is stored.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::InvalidFields(vec![(field.into(), description.into())])
    }
}

/// Why one line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRejection {
    /// The position of the line in the request, from 0.
    pub index: usize,
    /// The line's number.
    pub line_number: LineNumber,
    /// Its SKU.
    pub sku: Sku,
    /// Why.
    pub reason: LineReason,
}

/// Why one line was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineReason {
    /// It would wait, and the caller asked for stock only.
    InsufficientStock {
        /// Units asked for, over all lines of the SKU.
        requested: Units,
        /// Units available.
        available: Units,
    },
    /// It would wait, and nobody may wait for the item.
    NotBackorderable {
        /// Units asked for, over all lines of the SKU.
        requested: Units,
        /// Units available.
        available: Units,
    },
    /// It would wait, and too many wait already.
    BacklogLimitExceeded {
        /// Units that open orders lack, this one included.
        backlog: Units,
        /// The most allowed.
        limit: Units,
    },
    /// It would wait, and nobody can say until when.
    NoSupplyDate {
        /// Units that it would lack.
        lacking: Units,
        /// Units of older orders that come first.
        units_ahead: Units,
    },
    /// More is to be cancelled than the line has left.
    QuantityExceedsLine {
        /// Units to cancel.
        requested: Units,
        /// Units left.
        remaining: Units,
    },
}

impl LineReason {
    /// The reason's name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InsufficientStock { .. } => "INSUFFICIENT_STOCK",
            Self::NotBackorderable { .. } => "NOT_BACKORDERABLE",
            Self::BacklogLimitExceeded { .. } => "BACKLOG_LIMIT_EXCEEDED",
            Self::NoSupplyDate { .. } => "NO_SUPPLY_DATE",
            Self::QuantityExceedsLine { .. } => "QUANTITY_EXCEEDS_LINE",
        }
    }
}
