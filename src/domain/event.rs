//! Events: what happened at a location, numbered without gaps; replaying them gives the tables
//! (`RULES.md` R13).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::catalog::Location;
use super::ids::{AdjustmentId, EventSequence, InboundId, LineNumber, OrderId, ReceiptId, RequestId, Sequence, Sku};
use super::inbound::Inbound;
use super::money::{Amount, Currency, Money};
use super::order::{Basis, Parcel, Recipient, Terms};
use super::quantity::{Quantity, Units};
use super::risk::RiskChanged;
use super::{Date, Instant, date_text};

/// One event of a location's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number at the location.
    pub event_sequence: EventSequence,
    /// When it was decided, by the server's clock.
    pub at: Instant,
    /// The order that it is about, if any.
    pub order_id: Option<OrderId>,
    /// What happened.
    pub payload: Payload,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// An order was accepted.
    OrderPlaced(OrderPlaced),
    /// The payment of a tentative order came.
    OrderConfirmed(OrderConfirmed),
    /// The payment of a tentative order did not come in time.
    OrderLapsed(OrderLapsed),
    /// The warehouse is told to ship an order.
    OrderReleased(OrderReleased),
    /// The warehouse is told to stop.
    ReleaseRevoked(ReleaseRevoked),
    /// The warehouse took the work of a release.
    ReleaseAcknowledged(ReleaseAcknowledged),
    /// The carrier has the order.
    OrderShipped(OrderShipped),
    /// A cancelled order left all the same.
    OrderShippedAfterCancel(OrderShippedAfterCancel),
    /// All that was left of an order was cancelled.
    OrderCancelled(OrderCancelled),
    /// A part of an order was cancelled.
    LinesCancelled(LinesCancelled),
    /// A receipt came.
    StockReceived(StockReceived),
    /// A count or correction.
    StockAdjusted(StockAdjusted),
    /// An inbound was put or closed.
    InboundChanged(Inbound),
    /// The location was set up or changed.
    LocationChanged(Location),
    /// An item's safety stock changed where the location has the item.
    SafetyStockChanged(SafetyStockChanged),
    /// An order's estimate passed its promise, or nobody can name one any more.
    PromiseAtRisk(RiskChanged),
    /// An order that was at risk is estimated in time.
    PromiseRecovered(RiskChanged),
}

impl Payload {
    /// The name of the kind, as the log stores it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OrderPlaced(_) => "order_placed",
            Self::OrderConfirmed(_) => "order_confirmed",
            Self::OrderLapsed(_) => "order_lapsed",
            Self::OrderReleased(_) => "order_released",
            Self::ReleaseRevoked(_) => "release_revoked",
            Self::ReleaseAcknowledged(_) => "release_acknowledged",
            Self::OrderShipped(_) => "order_shipped",
            Self::OrderShippedAfterCancel(_) => "order_shipped_after_cancel",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::LinesCancelled(_) => "lines_cancelled",
            Self::StockReceived(_) => "stock_received",
            Self::StockAdjusted(_) => "stock_adjusted",
            Self::InboundChanged(_) => "inbound_changed",
            Self::LocationChanged(_) => "location_changed",
            Self::SafetyStockChanged(_) => "safety_stock_changed",
            Self::PromiseAtRisk(_) => "promise_at_risk",
            Self::PromiseRecovered(_) => "promise_recovered",
        }
    }
}

/// Why an order was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// Everything was in stock at purchase.
    Purchase,
    /// A receipt made it whole.
    Receipt,
    /// A cancellation made it whole.
    Cancellation,
    /// A count or correction made it whole.
    Adjustment,
    /// Less safety stock made it whole.
    SafetyStock,
    /// A tentative order that lapsed made it whole.
    Lapse,
}

/// Why a release was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationCause {
    /// The order was cancelled, or a part of it.
    Cancellation,
    /// Units were lost.
    UnitsLost,
    /// More safety stock was asked for.
    SafetyStock,
}

/// An order was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Its place.
    pub sequence: Sequence,
    /// The date fixed.
    #[serde(with = "date_text")]
    pub promised_ship_date: Date,
    /// The calendar it was fixed with.
    pub calendar_version: i64,
    /// The zone database it was fixed with; empty where that was not stored yet.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub zone_database: Cow<'static, str>,
    /// The currency of the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What the caller asked for beside lines.
    #[serde(flatten)]
    pub terms: Terms,
    /// The lines.
    pub lines: Vec<PlacedLine>,
}

/// A line of an order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedLine {
    /// What was ordered; lines are numbered from 1 in this order.
    pub sku: Sku,
    /// How much.
    pub quantity: Quantity,
    /// What was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// When its units would be ready.
    #[serde(with = "date_text")]
    pub ready_date: Date,
    /// When it would ship if it shipped alone.
    #[serde(with = "date_text")]
    pub promised_ship_date: Date,
    /// What the promise was based on.
    pub basis: Basis,
}

/// Units of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineUnits {
    /// The line.
    pub line_number: LineNumber,
    /// Its SKU.
    pub sku: Sku,
    /// Units of it.
    pub quantity: Units,
}

/// The payment of a tentative order came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order's place.
    pub sequence: Sequence,
}

/// The payment of a tentative order did not come in time: all of it is cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLapsed {
    /// The deadline, from which it held nothing.
    pub payment_deadline: Instant,
    /// What is not to be charged any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    /// What was left of it.
    pub lines: Vec<LineUnits>,
}

/// The warehouse is told to ship an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReleased {
    /// The order's place.
    pub sequence: Sequence,
    /// Why.
    pub cause: ReleaseCause,
    /// By when it must ship.
    #[serde(with = "date_text")]
    pub ship_by_date: Date,
    /// The date promised to the customer.
    #[serde(with = "date_text")]
    pub promised_ship_date: Date,
    /// Whom a picker packs for.
    #[serde(default, skip_serializing_if = "Recipient::is_nobody")]
    pub recipient: Recipient,
    /// What to ship.
    pub lines: Vec<LineUnits>,
}

/// The warehouse is told to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRevoked {
    /// The order's place.
    pub sequence: Sequence,
    /// Why.
    pub cause: RevocationCause,
    /// Whether the warehouse had taken the work: it is to stop and put back what it picked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_acknowledged: bool,
}

/// The warehouse took the work of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseAcknowledged {
    /// The order's place.
    pub sequence: Sequence,
}

/// The carrier has an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShipped {
    /// When.
    pub ship_at: Instant,
    /// In what.
    pub parcels: Vec<Parcel>,
    /// What.
    pub lines: Vec<LineUnits>,
}

/// A cancelled order left all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShippedAfterCancel {
    /// In what.
    pub parcels: Vec<Parcel>,
    /// What.
    pub lines: Vec<LineUnits>,
}

/// All that was left of an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The caller's words; may be empty.
    pub reason: String,
    /// The caller's id for the cancellation, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// What is refunded for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    /// What was cancelled.
    pub lines: Vec<LineUnits>,
}

/// A part of an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesCancelled {
    /// The caller's words; may be empty.
    pub reason: String,
    /// The caller's id for the cancellation.
    pub request_id: RequestId,
    /// What is refunded for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    /// What was cancelled.
    pub lines: Vec<LineUnits>,
}

/// Why a receipt came; informs only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptReason {
    /// Not said.
    #[default]
    Unspecified,
    /// Bought.
    Purchase,
    /// Returned by a customer and sellable.
    CustomerReturn,
    /// Moved from another location.
    Transfer,
    /// Made.
    Production,
    /// Something else.
    Other,
}

/// Why a count changed; informs only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentReason {
    /// Not said.
    #[default]
    Unspecified,
    /// A count of the shelf.
    Count,
    /// Broken.
    Damage,
    /// Gone.
    Loss,
    /// Found again.
    Found,
    /// A picker found fewer than were allocated.
    ShortPick,
    /// Something else.
    Other,
}

/// A receipt came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReceived {
    /// Its id.
    pub receipt_id: ReceiptId,
    /// The inbound that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_id: Option<InboundId>,
    /// Why it came.
    pub reason: ReceiptReason,
    /// What came, line by line.
    pub lines: Vec<ReceivedLine>,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedLine {
    /// What came.
    pub sku: Sku,
    /// How much.
    pub quantity: Quantity,
}

/// A count or correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjusted {
    /// Its id.
    pub adjustment_id: AdjustmentId,
    /// The SKU.
    pub sku: Sku,
    /// Units more, or fewer when negative.
    pub delta: i64,
    /// Units on hand after it.
    pub on_hand: Units,
    /// Why.
    pub reason: AdjustmentReason,
    /// The caller's words; may be empty.
    pub note: String,
}

/// An item's safety stock changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyStockChanged {
    /// The SKU.
    pub sku: Sku,
    /// The units asked for.
    pub safety_stock: Units,
}
