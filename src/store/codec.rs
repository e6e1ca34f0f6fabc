//! How values stand in a row, in either database: states as small numbers, dates as texts, the rest as JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::event::ReleaseCause;
use crate::domain::inbound::InboundState;
use crate::domain::order::{Basis, Order, OrderLine, OrderState, Parcel, Shipment, Terms};
use crate::domain::{Date, Instant};

/// The number of an order's state.
#[must_use]
pub(super) fn order_state_number(state: OrderState) -> i64 {
    match state {
        OrderState::Tentative => 1,
        OrderState::Waiting => 2,
        OrderState::Released => 3,
        OrderState::Shipped => 4,
        OrderState::Cancelled => 5,
    }
}

/// The order's state of a number.
pub(super) fn order_state(number: i64) -> Result<OrderState, String> {
    let found = OrderState::ALL
        .into_iter()
        .find(|state| order_state_number(*state) == number);
    found.ok_or_else(|| format!("{number} is the number of no order state"))
}

/// The number of an inbound's state.
#[must_use]
pub(super) fn inbound_state_number(state: InboundState) -> i64 {
    match state {
        InboundState::Open => 1,
        InboundState::Received => 2,
        InboundState::Closed => 3,
    }
}

/// The inbound's state of a number.
pub(super) fn inbound_state(number: i64) -> Result<InboundState, String> {
    match number {
        1 => Ok(InboundState::Open),
        2 => Ok(InboundState::Received),
        3 => Ok(InboundState::Closed),
        _ => Err(format!("{number} is the number of no inbound state")),
    }
}

/// An instant from its microseconds.
pub(super) fn instant(micros: i64) -> Result<Instant, String> {
    Instant::from_timestamp_micros(micros).ok_or_else(|| format!("{micros} is the time of no instant"))
}

/// A civil date from its text.
pub(super) fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|error| format!("`{text}` is not a date: {error}"))
}

/// A value from its JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The JSON of a value.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("values of the domain have texts for keys and no failing parts")
}

/// What is stored of an order's terms: nothing for the default.
#[must_use]
pub(super) fn stored_terms(terms: &Terms) -> Option<&Terms> {
    (*terms != Terms::default()).then_some(terms)
}

/// Why an order was released and what the warehouse did with it, in the cell of its shipment.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handling {
    /// Absent for a release at purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release_cause: Option<ReleaseCause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parcels: Option<Vec<Parcel>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported_ship_at: Option<Instant>,
}

impl Handling {
    /// What is stored of an order's release and shipment: nothing for most, released when they were placed.
    #[must_use]
    pub(super) fn of(order: &Order) -> Option<Self> {
        let shipment = order.shipment.as_ref();
        let release_cause = order.release_cause.filter(|cause| *cause != ReleaseCause::Purchase);
        (release_cause.is_some() || order.acknowledged_at.is_some() || shipment.is_some()).then(|| Self {
            release_cause,
            acknowledged_at: order.acknowledged_at,
            parcels: shipment.map(|shipment| shipment.parcels.clone()),
            reported_ship_at: shipment.and_then(|shipment| shipment.reported_ship_at),
        })
    }

    /// Puts it on the order that it is of, whose other cells are read.
    pub(super) fn put_on(self, order: &mut Order) {
        let reported_ship_at = self.reported_ship_at;
        order.shipment = self.parcels.map(|parcels| Shipment {
            parcels,
            reported_ship_at,
        });
        order.acknowledged_at = self.acknowledged_at;
        order.release_cause = order
            .released_at
            .map(|_| self.release_cause.unwrap_or(ReleaseCause::Purchase));
    }
}

/// What is stored of a line's basis: nothing when its whole quantity was on hand.
#[must_use]
pub(super) fn stored_basis(line: &OrderLine) -> Option<&Basis> {
    (line.basis != all_on_hand(line.quantity.units())).then_some(&line.basis)
}

/// The basis of a line whose whole quantity was on hand.
#[must_use]
pub(super) fn all_on_hand(units_on_hand: crate::domain::quantity::Units) -> Basis {
    Basis {
        units_on_hand,
        ..Basis::default()
    }
}
