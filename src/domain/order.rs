//! Orders: paid demand with a place in the queue, whose lines ship together.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::ReleaseCause;
use super::ids::{EventSequence, LineNumber, OrderId, Sequence, Sku, SkuKey};
use super::money::{Amount, Currency, Money};
use super::quantity::{Quantity, Units};
use super::{Date, Instant};

/// The most lines of one order (`RULES.md` R1).
pub const ORDER_LINES_MAX: usize = 500;
/// The furthest ahead that a payment deadline may be, in minutes (`RULES.md` R10): units are held by nobody's money.
pub const PAYMENT_MINUTES_MAX: i64 = 60;

/// Where an order stands (`RULES.md` R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Its payment is not confirmed.
    Tentative,
    /// A line lacks a unit.
    Waiting,
    /// The warehouse is told to ship it.
    Released,
    /// The carrier has it.
    Shipped,
    /// Nothing is left of it.
    Cancelled,
}

impl OrderState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Tentative,
        Self::Waiting,
        Self::Released,
        Self::Shipped,
        Self::Cancelled,
    ];

    /// Whether it holds or waits for units.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Tentative | Self::Waiting | Self::Released)
    }

    /// Whether its lines may still gain units.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Tentative | Self::Waiting)
    }
}

/// Who gets the goods, as far as a picker needs to know.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// An e-mail address; may be empty.
    pub email: String,
    /// A name; may be empty.
    pub name: String,
    /// A BCP 47 language tag; may be empty.
    pub locale: String,
}

impl fmt::Debug for Customer {
    /// Names the type and keeps who it is out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").finish_non_exhaustive()
    }
}

/// What a picker is told of a customer.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The customer's name; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The customer's language tag; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub locale: String,
}

impl Recipient {
    /// What a picker is told of an order's customer.
    #[must_use]
    pub fn of(terms: &Terms) -> Self {
        let customer = terms.customer.as_ref();
        customer.map_or_else(Self::default, |customer| Self {
            name: customer.name.clone(),
            locale: customer.locale.clone(),
        })
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for Recipient {
    /// Names the type and keeps who it is out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").finish_non_exhaustive()
    }
}

/// One parcel of a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Who carries it.
    pub carrier: String,
    /// Its number there; may be empty.
    pub tracking_number: String,
}

/// What a caller asked for beside lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Who gets the goods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// Whether a line that would wait is to be rejected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_stock_only: bool,
    /// The latest ship date that the customer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_acceptable_ship_date: Option<Date>,
    /// Until when a tentative order waits for its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_deadline: Option<Instant>,
}

/// What a promise was based on (`RULES.md` R5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Units that were allocated at once.
    pub units_on_hand: Units,
    /// Units of older orders, and of earlier lines, that came first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units_ahead: Units,
    /// Units that the safety stock lacked and arrivals give to it first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub safety_shortfall: Units,
    /// The supply that covers what is lacking.
    #[serde(default, skip_serializing_if = "Supply::is_on_hand")]
    pub supply: Supply,
}

/// The supply that a date counts on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supply {
    /// Everything is on hand.
    #[default]
    OnHand,
    /// An inbound, by its id and the date on which it was expected.
    Inbound {
        /// Its id.
        inbound_id: super::ids::InboundId,
        /// Its expected date at the time.
        expected_date: Date,
    },
    /// The item's lead time, in calendar days.
    LeadTime {
        /// The days.
        days: u16,
    },
}

impl Supply {
    fn is_on_hand(&self) -> bool {
        *self == Self::OnHand
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Its number, from 1.
    pub number: LineNumber,
    /// What was ordered.
    pub sku: Sku,
    /// The key of the SKU.
    pub sku_key: SkuKey,
    /// How much was ordered.
    pub quantity: Quantity,
    /// How much of it was cancelled.
    pub cancelled: Units,
    /// How much of the rest has no unit allocated; zero unless the order is open.
    pub lacking: Units,
    /// Whether what it lacks comes too late for the order's promise, as it was last estimated.
    pub is_late: bool,
    /// What was paid for the whole line.
    pub price: Option<Amount>,
    /// How much of that was refunded.
    pub refunded: Amount,
    /// When its units would be ready, as promised.
    pub ready_date: Date,
    /// When it would ship if it shipped alone, as promised.
    pub promised_ship_date: Date,
    /// What the promise was based on.
    pub basis: Basis,
}

impl OrderLine {
    /// Units that are not cancelled.
    #[must_use]
    pub fn remaining(&self) -> Units {
        self.quantity.units() - self.cancelled
    }

    /// Units that an open order's line holds.
    #[must_use]
    pub fn held(&self) -> Units {
        self.remaining() - self.lacking
    }
}

/// What left with a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The parcels.
    pub parcels: Vec<Parcel>,
    /// The instant that the caller gave, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_ship_at: Option<Instant>,
}

/// An order, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Its place.
    pub sequence: Sequence,
    /// Where it stands.
    pub state: OrderState,
    /// Units that its lines lack, summed; zero unless it is open.
    pub lacking: Units,
    /// Whether it is open and late for its promise, as its last events say.
    pub at_risk: bool,
    /// The currency of all its prices.
    pub currency: Option<Currency>,
    /// When it was accepted.
    pub placed_at: Instant,
    /// The date fixed at acceptance.
    pub promised_ship_date: Date,
    /// The calendar that the promise was made with.
    pub calendar_version: i64,
    /// The zone database that it was made with; empty where that was not stored yet.
    pub zone_database: Cow<'static, str>,
    /// What the caller asked for beside lines.
    pub terms: Terms,
    /// When its payment was confirmed; `None` unless it was tentative.
    pub confirmed_at: Option<Instant>,
    /// When it was last released.
    pub released_at: Option<Instant>,
    /// Why it was last released; there whenever that is.
    pub release_cause: Option<ReleaseCause>,
    /// When the warehouse took the work of its release; a release that is revoked forgets it.
    pub acknowledged_at: Option<Instant>,
    /// By when its release must ship.
    pub ship_by_date: Option<Date>,
    /// When the carrier took it.
    pub shipped_at: Option<Instant>,
    /// When the last of it was cancelled.
    pub cancelled_at: Option<Instant>,
    /// Its parcels, shipped rightly or after a cancel.
    pub shipment: Option<Shipment>,
    /// The number of its last event.
    pub event_sequence: EventSequence,
    /// Its lines, by number.
    pub lines: Vec<OrderLine>,
}

impl Order {
    /// What was paid for all lines; `None` when no line carries a price.
    #[must_use]
    pub fn total(&self) -> Option<Money> {
        self.sum(|line| line.price)
    }

    /// What was refunded; `None` when no line carries a price.
    #[must_use]
    pub fn refunded_total(&self) -> Option<Money> {
        self.sum(|line| line.price.map(|_| line.refunded))
    }

    fn sum(&self, amount: impl Fn(&OrderLine) -> Option<Amount>) -> Option<Money> {
        let currency = self.currency?;
        let amount = self
            .lines
            .iter()
            .filter_map(amount)
            .try_fold(Amount::ZERO, Amount::checked_add);
        Some(Money {
            currency,
            amount: amount.expect("the sum was checked when the order was accepted"),
        })
    }

    /// The deadline at which it has lapsed: that of a tentative order which has come by `now`.
    #[must_use]
    pub fn lapse_due(&self, now: Instant) -> Option<Instant> {
        self.terms
            .payment_deadline
            .filter(|deadline| self.state == OrderState::Tentative && *deadline <= now)
    }

    /// Whether it is cancelled because its payment was not confirmed in time. Only a lapse is dated by the deadline.
    #[must_use]
    pub fn has_lapsed(&self) -> bool {
        let deadline = self.terms.payment_deadline;
        self.state == OrderState::Cancelled
            && self.confirmed_at.is_none()
            && deadline.is_some()
            && self.cancelled_at == deadline
    }

    /// The line of that number.
    #[must_use]
    pub fn line(&self, number: LineNumber) -> Option<&OrderLine> {
        index_of(number).and_then(|index| self.lines.get(index))
    }

    /// The line of that number, to change.
    pub fn line_mut(&mut self, number: LineNumber) -> Option<&mut OrderLine> {
        index_of(number).and_then(|index| self.lines.get_mut(index))
    }
}

/// The position of a line in its order.
#[must_use]
pub fn index_of(number: LineNumber) -> Option<usize> {
    usize::try_from(number.0).ok()?.checked_sub(1)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(units: &Units) -> bool {
    units.is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ordered_is_kept_out_of_logs() {
        let customer = Customer {
            email: "ann@example.com".to_owned(),
            name: "Ann".to_owned(),
            locale: "en".to_owned(),
        };
        assert_eq!(format!("{customer:?}"), "Customer { .. }");
    }
}
