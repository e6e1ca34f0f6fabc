//! Decisions: what a command gets for an answer.

use serde::{Deserialize, Serialize};

use crate::domain::Date;
use crate::domain::catalog::{Item, Location};
use crate::domain::ids::{EventSequence, LocationId, OrderId, ReceiptId, Sku};
use crate::domain::inbound::Inbound;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;

/// The outcome of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Accepted(Answer),
    /// It is refused, and nothing changed.
    Rejected(Rejection),
    /// A SKU that it touches is being refilled in parts: it is to be decided in a later round.
    Deferred,
    /// Rows that it needs are not loaded: the round is to be loaded again with what the working set names.
    Missing,
}

/// What is answered when a command was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An order as it stands.
    Order(Box<OrderAnswer>),
    /// A receipt's effect.
    Received(Received),
    /// A count's effect.
    Adjusted(Adjusted),
    /// An inbound as it stands.
    Inbound(InboundAnswer),
    /// A location as it stands.
    Location {
        /// The location.
        location: Location,
        /// Whether the call was a repeat.
        replayed: bool,
    },
    /// An item as it stands.
    Item {
        /// The item.
        item: Item,
        /// Whether the call was a repeat.
        replayed: bool,
    },
    /// A part of a refill is done.
    Refilled,
    /// What had lapsed is cancelled.
    Lapsed,
    /// A part of what waits is estimated anew.
    Reestimated,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAnswer {
    /// Where it is filled.
    pub location_id: LocationId,
    /// The order.
    pub order: Order,
    /// What is refunded by this call.
    pub refund: Option<Money>,
    /// What the date is worth today, where deciding already gave it: an order just accepted.
    pub estimated_ship_date: Option<Date>,
    /// For each line, units that are ahead of it, where deciding already gave them.
    pub units_ahead: Option<Vec<Units>>,
    /// Whether the call was a repeat.
    pub replayed: bool,
}

/// A receipt's effect, stored for its repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The receipt.
    pub receipt_id: ReceiptId,
    /// What came, a SKU a line, in order of first appearance.
    pub lines: Vec<ReceivedStock>,
    /// Orders that it made whole, oldest first; at most the first 10,000.
    pub released_order_ids: Vec<OrderId>,
    /// The number of its event.
    pub event_sequence: EventSequence,
    /// Whether the call was a repeat.
    #[serde(skip)]
    pub replayed: bool,
}

/// A receipt's effect on one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedStock {
    /// The SKU.
    pub sku: Sku,
    /// Units that came.
    pub received: Units,
    /// Units that went to waiting orders.
    pub allocated_to_backlog: Units,
    /// Units on hand after it.
    pub on_hand: Units,
    /// Units available after it.
    pub available: Units,
    /// Units beyond what the inbound still expected.
    pub over_received: Units,
}

/// A count's effect, stored for its repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// Units on hand after it.
    pub on_hand: Units,
    /// Units allocated after it.
    pub allocated: Units,
    /// Units available after it.
    pub available: Units,
    /// Released orders that wait again, lowest sequence first; at most the first 10,000.
    pub orders_returned_to_waiting: Vec<OrderId>,
    /// Orders that it made whole, oldest first; at most the first 10,000.
    pub released_order_ids: Vec<OrderId>,
    /// The number of its event.
    pub event_sequence: EventSequence,
    /// Whether the call was a repeat.
    #[serde(skip)]
    pub replayed: bool,
}

/// An inbound as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundAnswer {
    /// Where it is expected.
    pub location_id: LocationId,
    /// The inbound.
    pub inbound: Inbound,
    /// The number of the event of its last change; zero for a repeat.
    pub event_sequence: EventSequence,
    /// Whether the call was a repeat.
    pub replayed: bool,
}
