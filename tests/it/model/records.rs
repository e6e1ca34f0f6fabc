//! Orders, inbounds and events of the model, as they are answered.

use holdfast::allocator::command::{Reserve, ReserveLine};
use holdfast::domain::event::{OrderPlaced, Payload, PlacedLine};
use holdfast::domain::ids::{EventSequence, InboundId, Sequence, Sku, SkuKey};
use holdfast::domain::inbound::{Inbound, InboundLine, InboundState};
use holdfast::domain::money::Amount;
use holdfast::domain::order::{Basis, Order, OrderLine, OrderState};
use holdfast::domain::{Date, Instant};

use super::reference::{Expected, line_number, units};

/// An order before its lines are dated.
pub(super) fn draft(command: &Reserve, sequence: Sequence, calendar_version: i64, now: Instant) -> Order {
    let line = |(at, line): (usize, &ReserveLine)| OrderLine {
        number: line_number(at),
        sku: line.sku.clone(),
        sku_key: SkuKey(0),
        quantity: line.quantity,
        cancelled: units(0),
        lacking: units(0),
        is_late: false,
        price: line.price,
        refunded: Amount::ZERO,
        ready_date: Date::MIN,
        promised_ship_date: Date::MIN,
        basis: Basis::default(),
    };
    let is_tentative = command.terms.payment_deadline.is_some();
    Order {
        order_id: command.order_id.clone(),
        sequence,
        state: if is_tentative {
            OrderState::Tentative
        } else {
            OrderState::Waiting
        },
        lacking: units(0),
        at_risk: false,
        currency: command.currency,
        placed_at: now,
        promised_ship_date: Date::MIN,
        calendar_version,
        zone_database: chrono_tz::IANA_TZDB_VERSION.into(),
        terms: command.terms.clone(),
        confirmed_at: None,
        released_at: None,
        release_cause: None,
        acknowledged_at: None,
        ship_by_date: None,
        shipped_at: None,
        cancelled_at: None,
        shipment: None,
        event_sequence: EventSequence(0),
        lines: command.lines.iter().enumerate().map(line).collect(),
    }
}

pub(super) fn placed_event(order: &Order) -> Payload {
    let mut lines = Vec::new();
    for line in &order.lines {
        lines.push(PlacedLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            price: line.price,
            ready_date: line.ready_date,
            promised_ship_date: line.promised_ship_date,
            basis: line.basis.clone(),
        });
    }
    Payload::OrderPlaced(OrderPlaced {
        sequence: order.sequence,
        promised_ship_date: order.promised_ship_date,
        calendar_version: order.calendar_version,
        zone_database: order.zone_database.clone(),
        currency: order.currency,
        terms: order.terms.clone(),
        lines,
    })
}

/// An inbound as it is answered.
pub(super) fn shown(id: &InboundId, expected: &Expected) -> Inbound {
    let line = |(sku, quantity, received): &(Sku, i64, i64)| InboundLine {
        sku: sku.clone(),
        quantity: units(*quantity),
        received: units(*received),
    };
    let is_whole = expected
        .lines
        .iter()
        .all(|(_, quantity, received)| received >= quantity);
    let open = if is_whole {
        InboundState::Received
    } else {
        InboundState::Open
    };
    Inbound {
        inbound_id: id.clone(),
        expected_date: expected.due,
        state: if expected.is_closed { InboundState::Closed } else { open },
        lines: expected.lines.iter().map(line).collect(),
    }
}
