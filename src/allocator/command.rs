//! Commands: what callers may ask of a location, parsed and within every limit that needs no stored state.

use serde::{Deserialize, Serialize};

use crate::domain::Date;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::{AdjustmentReason, ReceiptReason, ReceivedLine};
use crate::domain::ids::{AdjustmentId, InboundId, LineNumber, LocationId, OrderId, ReceiptId, RequestId, Sku};
use crate::domain::money::{Amount, Currency};
use crate::domain::order::{Shipment, Terms};
use crate::domain::quantity::{Quantity, Units};

/// Anything that changes a location, or the catalog.
#[derive(Debug, Clone)]
pub enum Command {
    /// Place an order.
    Reserve(Reserve),
    /// The payment of a tentative order came.
    Confirm(OrderId),
    /// Cancel an order, or a part of it.
    Cancel(Cancel),
    /// Book a receipt.
    Receive(Receive),
    /// Correct a count.
    Adjust(Adjust),
    /// The warehouse took the work of a release.
    AcknowledgeRelease(AcknowledgeRelease),
    /// The carrier has an order.
    ConfirmShipment(Ship),
    /// A cancelled order left all the same.
    ReportShippedAfterCancel(Ship),
    /// Create or replace an inbound.
    PutInbound(PutInbound),
    /// Drop what is left of an inbound.
    CloseInbound(CloseInbound),
    /// Create or replace a location.
    PutLocation(Location),
    /// Create or replace an item.
    PutItem(Item),
    /// Go on with a refill that was cut into parts.
    ContinueRefill(ContinueRefill),
    /// Cancel what has lapsed at a location where nothing else runs.
    Lapse(LocationId),
    /// Estimate a part of what waits anew.
    Reestimate(Reestimate),
}

/// Place an order.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// Its id, the key of repeats.
    pub order_id: OrderId,
    /// Where it is to be filled; `None` for the best of all locations.
    pub location_id: Option<LocationId>,
    /// 1–500 lines, numbered from 1 in this order.
    pub lines: Vec<ReserveLine>,
    /// The currency of all prices; `None` when no line has one.
    pub currency: Option<Currency>,
    /// What the caller asks for beside lines.
    pub terms: Terms,
}

/// A line of an order to be placed.
#[derive(Debug, Clone)]
pub struct ReserveLine {
    /// What is ordered.
    pub sku: Sku,
    /// How much.
    pub quantity: Quantity,
    /// What was paid for the whole line.
    pub price: Option<Amount>,
}

/// Cancel an order, or a part of it.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The order.
    pub order_id: OrderId,
    /// The key of repeats; always there with lines.
    pub request_id: Option<RequestId>,
    /// What exactly.
    pub content: CancelContent,
}

/// What a cancellation says, kept to tell repeats from other content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelContent {
    /// Lines and quantities, each line once; empty for everything.
    pub lines: Vec<CancelLine>,
    /// Free text of up to 500 bytes.
    pub reason: String,
}

/// A part of a line to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelLine {
    /// The line.
    pub line_number: LineNumber,
    /// How much of it.
    pub quantity: Quantity,
}

/// Book a receipt.
#[derive(Debug, Clone)]
pub struct Receive {
    /// Where it came.
    pub location_id: LocationId,
    /// The key of repeats.
    pub receipt_id: ReceiptId,
    /// What exactly.
    pub content: ReceiveContent,
}

/// What a receipt says, kept to tell repeats from other content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiveContent {
    /// The inbound that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_id: Option<InboundId>,
    /// Why it came.
    pub reason: ReceiptReason,
    /// What came; a SKU may stand on several lines.
    pub lines: Vec<ReceivedLine>,
}

/// Correct a count.
#[derive(Debug, Clone)]
pub struct Adjust {
    /// Where.
    pub location_id: LocationId,
    /// The key of repeats.
    pub adjustment_id: AdjustmentId,
    /// What exactly.
    pub content: AdjustContent,
}

/// What an adjustment says, kept to tell repeats from other content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustContent {
    /// What was counted.
    pub sku: Sku,
    /// The change.
    pub change: Change,
    /// Why.
    pub reason: AdjustmentReason,
    /// Free text of up to 500 bytes.
    pub note: String,
}

/// How a count changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Units more, or fewer when negative.
    Delta(i64),
    /// Units that are there.
    Counted(Units),
}

/// The warehouse took the work of a release.
#[derive(Debug, Clone)]
pub struct AcknowledgeRelease {
    /// The order, the key of repeats.
    pub order_id: OrderId,
}

/// Units left the building for good.
#[derive(Debug, Clone)]
pub struct Ship {
    /// The order, the key of repeats.
    pub order_id: OrderId,
    /// In what, and when.
    pub shipment: Shipment,
}

/// Create or replace an inbound.
#[derive(Debug, Clone)]
pub struct PutInbound {
    /// Where it is expected.
    pub location_id: LocationId,
    /// Its id.
    pub inbound_id: InboundId,
    /// When it is expected.
    pub expected_date: Date,
    /// What is expected, each SKU once.
    pub lines: Vec<(Sku, Quantity)>,
}

/// Drop what is left of an inbound.
#[derive(Debug, Clone)]
pub struct CloseInbound {
    /// Where it is expected.
    pub location_id: LocationId,
    /// Its id.
    pub inbound_id: InboundId,
}

/// Go on with a refill that was cut into parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContinueRefill {
    /// Where.
    pub location_id: LocationId,
    /// Of what.
    pub sku: Sku,
}

/// Estimate a part of what waits anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reestimate {
    /// Where.
    pub location_id: LocationId,
    /// The queue of a SKU; `None` to go through the location, on a new day or with another calendar.
    pub sku: Option<Sku>,
}

impl Command {
    /// What decides the lane that runs it: its location where it names one, so that a location's commands stay in order.
    #[must_use]
    pub fn lane_key(&self) -> &str {
        match self {
            Self::Reserve(command) => match &command.location_id {
                Some(location_id) => location_id.as_str(),
                None => command.order_id.as_str(),
            },
            Self::Confirm(order_id) => order_id.as_str(),
            Self::Lapse(location_id) => location_id.as_str(),
            Self::Cancel(command) => command.order_id.as_str(),
            Self::Receive(command) => command.location_id.as_str(),
            Self::Adjust(command) => command.location_id.as_str(),
            Self::ConfirmShipment(command) | Self::ReportShippedAfterCancel(command) => command.order_id.as_str(),
            Self::AcknowledgeRelease(command) => command.order_id.as_str(),
            Self::PutInbound(command) => command.location_id.as_str(),
            Self::CloseInbound(command) => command.location_id.as_str(),
            Self::PutLocation(location) => location.location_id.as_str(),
            Self::PutItem(item) => item.sku.as_str(),
            Self::ContinueRefill(command) => command.location_id.as_str(),
            Self::Reestimate(command) => command.location_id.as_str(),
        }
    }
}
