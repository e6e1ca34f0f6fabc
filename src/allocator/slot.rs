//! The rows of the working set: what is stored, with what a round knows and notes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::command::{AdjustContent, CancelContent, CancelLine, ReceiveContent};
use super::decision::{Adjusted, Received};
use super::promise::Today;
use super::table::Index;
use crate::domain::calendar::Calendar;
use crate::domain::catalog::{Item, Location};
use crate::domain::ids::{
    AdjustmentId, EventSequence, InboundId, InboundKey, LineNumber, LocationKey, OrderId, RequestId, Sequence, SkuKey,
};
use crate::domain::inbound::Inbound;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::quantity::Units;
use crate::domain::risk::LocationWalk;
use crate::domain::stock::Stock;
use crate::domain::{Date, Instant};

/// A location, with the numbers that it gives out.
#[derive(Debug, Clone)]
pub struct LocationSlot {
    /// Its key.
    pub key: LocationKey,
    /// The location.
    pub location: Location,
    /// The place of the next order.
    pub next_order: Sequence,
    /// The number of the next event.
    pub next_event: EventSequence,
    /// The key of the next inbound.
    pub next_inbound: InboundKey,
    /// Whether more changed than the numbers.
    pub config_changed: bool,
    /// What the round's instant is in its calendar.
    pub today: Today,
}

/// An item, with its key.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemSlot {
    /// Its key.
    pub key: SkuKey,
    /// The item.
    pub item: Arc<Item>,
}

/// The counters of a SKU at a location, with what is loaded of its queue.
#[derive(Debug, Clone)]
pub struct StockSlot {
    /// Where.
    pub location: Index<LocationSlot>,
    /// Of what.
    pub item: Index<ItemSlot>,
    /// The counters.
    pub stock: Stock,
    /// Waiting lines that lack units, by place; complete up to `queue_known`.
    pub queue: BTreeMap<Place, Index<OrderSlot>>,
    /// How far the queue is loaded.
    pub queue_known: Known,
    /// Lines that left the queue in this round, loaded or not: beyond them the next one is to be found.
    pub queue_left: i64,
    /// Open inbounds by effective date, once they are loaded.
    pub inbounds: Option<Vec<OpenInbound>>,
    /// Whether every line that holds units is loaded.
    pub holders_known: bool,
    /// Lines that a walk of estimates looks at, once they are loaded.
    pub waiting: Option<WaitingPage>,
}

impl StockSlot {
    /// Counters as they were loaded, with nothing of their queue.
    pub(super) fn new(location: Index<LocationSlot>, item: Index<ItemSlot>, stock: Stock) -> Self {
        let queue_known = if stock.backlog.is_zero() {
            Known::All
        } else {
            Known::Nothing
        };
        let holders_known = stock.allocated.is_zero();
        Self {
            location,
            item,
            stock,
            queue: BTreeMap::new(),
            queue_known,
            queue_left: 0,
            inbounds: None,
            holders_known,
            waiting: None,
        }
    }
}

/// Lines of a queue that follow each other.
#[derive(Debug, Clone)]
pub struct WaitingPage {
    /// The lines, oldest first.
    pub lines: Vec<WaitingLine>,
    /// Whether none comes after them.
    pub is_last: bool,
}

/// What a walk of estimates looks at of a line that lacks units.
#[derive(Debug, Clone)]
pub struct WaitingLine {
    /// Its place.
    pub place: Place,
    /// Units that it lacks.
    pub lacking: Units,
    /// Whether it was late when it was last estimated.
    pub is_late: bool,
    /// The date promised to its customer.
    pub promised_ship_date: Date,
}

/// A waiting order that is in time or late by other lines than before: what estimates need of it, and no more.
#[derive(Debug, Clone)]
pub struct WaitingOrder {
    /// Where it is filled.
    pub location: Index<LocationSlot>,
    /// Its place.
    pub sequence: Sequence,
    /// Its id.
    pub order_id: OrderId,
    /// The date promised to its customer.
    pub promised_ship_date: Date,
    /// Whether it is at risk.
    pub at_risk: bool,
    /// Every line of it that lacks units, by number.
    pub lines: Vec<LackingLine>,
    /// The event that says that it is at risk, or no more, if one was appended.
    pub event_sequence: Option<EventSequence>,
}

/// A line that lacks units, of an order that changes.
#[derive(Debug, Clone)]
pub struct LackingLine {
    /// Its position in its order.
    pub number: LineNumber,
    /// What it waits for.
    pub sku_key: SkuKey,
    /// Whether it is late.
    pub is_late: bool,
    /// Whether that changed.
    pub is_changed: bool,
}

/// As of when the dates of a location were estimated.
#[derive(Debug, Clone)]
pub struct DaySlot {
    /// Which location.
    pub location: Index<LocationSlot>,
    /// When its walk began.
    pub begun_at: Instant,
    /// When today ends there, or its orders begin to count for the next day.
    pub next_at: Instant,
    /// How far the location is gone through; `None` when that is done.
    pub walk: Option<LocationWalk>,
}

/// A part of a location that is gone through.
#[derive(Debug, Clone, Default)]
pub struct LocationPage {
    /// Counters of SKUs that orders wait for.
    pub stocks: Vec<Index<StockSlot>>,
    /// Orders.
    pub orders: Vec<Index<OrderSlot>>,
    /// The key of the last row that was looked at; `None` when none comes after it.
    pub last: Option<i64>,
}

impl StockSlot {
    /// Takes a line that lacks nothing any more out of the queue.
    pub(super) fn leave_queue(&mut self, place: Place, was_late: bool) {
        if was_late {
            self.stock.count_late(false);
        }
        self.queue.remove(&place);
        self.queue_left = self.queue_left.saturating_add(1);
    }
}

/// A line's place in a queue.
pub type Place = (Sequence, LineNumber);

/// How far a queue is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Not at all.
    Nothing,
    /// Up to and with a place.
    Through(Place),
    /// Wholly.
    All,
}

/// What an inbound still brings of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInbound {
    /// When it is expected.
    pub expected_date: Date,
    /// Its id.
    pub inbound_id: InboundId,
    /// Units still to come.
    pub open: Units,
}

/// An order, with what is to be written of it.
#[derive(Debug, Clone)]
pub struct OrderSlot {
    /// Where it is filled.
    pub location: Index<LocationSlot>,
    /// The order.
    pub order: Order,
    /// Lines that changed since it was loaded; may repeat.
    pub changed_lines: Vec<LineNumber>,
    /// For each line, units that older lines lack; empty unless a reader asked for them.
    pub units_ahead: Vec<Units>,
    /// For each line, how many older lines lack units; empty unless a reader asked for them.
    pub lines_ahead: Vec<i64>,
    /// Whether it was loaded for what it waits for or holds, and not by its id: what is kept for its repeats is not here.
    pub is_bystander: bool,
    /// The calendar that its promise was made with; `None` unless a reader asked for it and it is stored.
    pub calendar: Option<Calendar>,
}

impl OrderSlot {
    /// An order of which nothing changed yet.
    pub(super) fn new(location: Index<LocationSlot>, order: Order) -> Self {
        Self {
            location,
            order,
            changed_lines: Vec::new(),
            is_bystander: false,
            units_ahead: Vec::new(),
            lines_ahead: Vec::new(),
            calendar: None,
        }
    }
}

/// Tentative orders of a location that have lapsed.
#[derive(Debug, Clone, Default)]
pub struct Due {
    /// By deadline, then by place; taken once they are cancelled.
    pub orders: Vec<Index<OrderSlot>>,
    /// Whether there are more than a round takes.
    pub more: bool,
}

/// An inbound, with its key.
#[derive(Debug, Clone)]
pub struct InboundSlot {
    /// Where it is expected.
    pub location: Index<LocationSlot>,
    /// Its key.
    pub key: InboundKey,
    /// The inbound.
    pub inbound: Inbound,
}

/// A cancellation, kept for its repeats.
#[derive(Debug, Clone)]
pub struct CancellationSlot {
    /// The order.
    pub order: Index<OrderSlot>,
    /// The caller's id; `None` for a whole cancel without one.
    pub request_id: Option<RequestId>,
    /// What was asked.
    pub content: CancelContent,
    /// Units that were cancelled, by line.
    pub cancelled: Vec<CancelLine>,
    /// Whether nothing was left of the order after it.
    pub completes: bool,
    /// What was refunded.
    pub refund: Option<Money>,
}

/// A receipt, kept for its repeats.
#[derive(Debug, Clone)]
pub struct ReceiptSlot {
    /// Where it came.
    pub location: Index<LocationSlot>,
    /// What was asked.
    pub content: ReceiveContent,
    /// What was answered.
    pub answer: Received,
}

/// An adjustment, kept for its repeats.
#[derive(Debug, Clone)]
pub struct AdjustmentSlot {
    /// Where it was made.
    pub location: Index<LocationSlot>,
    /// Its id.
    pub adjustment_id: AdjustmentId,
    /// What was asked.
    pub content: AdjustContent,
    /// Units more, or fewer when negative.
    pub delta: i64,
    /// What was answered.
    pub answer: Adjusted,
}

/// Keys for new locations and items.
#[derive(Debug, Clone, Copy)]
pub struct CatalogKeys {
    /// The next location's.
    pub location: LocationKey,
    /// The next item's.
    pub sku: SkuKey,
}
