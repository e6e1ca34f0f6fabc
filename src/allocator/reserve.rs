//! Placing an order: the promise is fixed, units that are there are tied to it, the rest is its backlog.

use std::borrow::Cow;

use chrono::TimeDelta;

use super::command::Reserve;
use super::decision::{Answer, OrderAnswer};
use super::promise::{self, LineOffer};
use super::sourcing::{self, Demand, Source, Unsettled};
use super::working_set::{Index, LocationSlot, WorkingSet};
use super::{Outcome, queue, replay};
use crate::domain::Date;
use crate::domain::calendar::ZONE_DATABASE;
use crate::domain::event::{OrderPlaced, Payload, PlacedLine, ReleaseCause};
use crate::domain::ids::{EventSequence, Sequence};
use crate::domain::money::Amount;
use crate::domain::order::{Order, OrderLine, OrderState, PAYMENT_MINUTES_MAX};
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;

/// Places an order, refused for the first of:
/// 1. its id stands for other content (`ID_REUSED`); with the same content it is a repeat;
/// 2. a payment deadline that has passed or is too far ahead;
/// 3. no such location, an inactive one, no such SKUs ([`sourcing::source`]);
/// 4. lines that cannot be promised, all of them named ([`promise::assess`]);
/// 5. a promise later than the caller accepts.
pub(super) fn reserve(ws: &mut WorkingSet, command: &Reserve) -> Outcome {
    if let Some(order) = ws.orders.find(&command.order_id) {
        let slot = ws.orders.get(order);
        replay::same_order(command, &slot.order, &ws.location(slot.location).location.location_id)?;
        return Ok(Answer::Order(Box::new(super::order_answer(ws, order, true))));
    }
    check_deadline(ws, command)?;
    let demand = Demand {
        lines: &command.lines,
        in_stock_only: command.terms.in_stock_only,
        unsettled: Unsettled::Defer,
    };
    let source = sourcing::source(ws, command.location_id.as_ref(), demand)?;
    let Source { location, offers, .. } = source;
    let Some(promised) = source.ship_date else {
        return Err(Rejection::Lines(promise::refusals(&command.lines, &offers)).into());
    };
    if let Some(latest_acceptable) = command
        .terms
        .latest_acceptable_ship_date
        .filter(|latest| promised > *latest)
    {
        return Err(Rejection::PromiseLaterThanAccepted {
            promised,
            latest_acceptable,
        }
        .into());
    }

    // ---- nothing can fail from here on ----
    Ok(place(ws, location, command, &offers, promised))
}

fn check_deadline(ws: &WorkingSet, command: &Reserve) -> Result<(), Rejection> {
    let Some(deadline) = command.terms.payment_deadline else {
        return Ok(());
    };
    let ahead = deadline.signed_duration_since(ws.now);
    let description = if ahead <= TimeDelta::zero() {
        "has passed: send an instant that is still to come".to_owned()
    } else if ahead > TimeDelta::minutes(PAYMENT_MINUTES_MAX) {
        format!("is more than {PAYMENT_MINUTES_MAX} minutes ahead: send an earlier one")
    } else {
        return Ok(());
    };
    Err(Rejection::invalid_field("payment_deadline", description))
}

fn place(
    ws: &mut WorkingSet,
    location: Index<LocationSlot>,
    command: &Reserve,
    offers: &[LineOffer],
    promised: Date,
) -> Answer {
    let now = ws.now;
    let slot = ws.locations.change(location);
    let sequence = slot.next_order.take();
    let (calendar_version, ship_today) = (slot.location.calendar.version, slot.today.ship);
    let lines: Vec<_> = command
        .lines
        .iter()
        .zip(offers)
        .enumerate()
        .map(|(at, pair)| line(ws, at, pair))
        .collect();
    let lacking = offers.iter().map(|offer| offer.lacking).sum();
    let state = if command.terms.payment_deadline.is_some() {
        OrderState::Tentative
    } else {
        OrderState::Waiting
    };
    let order = Order {
        order_id: command.order_id.clone(),
        sequence,
        state,
        lacking,
        currency: command.currency,
        placed_at: now,
        at_risk: false,
        promised_ship_date: promised,
        calendar_version,
        zone_database: Cow::Borrowed(ZONE_DATABASE),
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
        lines,
    };
    let placed = placed_event(&order);
    let index = ws.create_order(location, order);
    tie(ws, index, sequence, offers);
    ws.append(location, Some(index), placed);
    if state == OrderState::Waiting && lacking.is_zero() {
        queue::release(ws, index, ReleaseCause::Purchase, ship_today);
    }
    Answer::Order(Box::new(OrderAnswer {
        estimated_ship_date: Some(promised),
        units_ahead: Some(offers.iter().map(|offer| offer.units_ahead).collect()),
        ..super::order_answer(ws, index, false)
    }))
}

/// Ties units to the order's lines, and queues what they lack.
fn tie(ws: &mut WorkingSet, order: Index<super::OrderSlot>, sequence: Sequence, offers: &[LineOffer]) {
    for (at, offer) in offers.iter().enumerate() {
        let slot = ws.stocks.change(offer.stock);
        slot.stock.allocated += offer.allocated;
        if !offer.lacking.is_zero() {
            slot.stock.backlog += offer.lacking;
            slot.queue.insert((sequence, promise::line_number(at)), order);
        }
    }
}

fn line(ws: &WorkingSet, at: usize, (asked, offer): (&super::command::ReserveLine, &LineOffer)) -> OrderLine {
    let promise = offer
        .outcome
        .as_ref()
        .expect("an order is placed when every line is promised");
    OrderLine {
        number: promise::line_number(at),
        sku: asked.sku.clone(),
        sku_key: ws.item(ws.stock(offer.stock).item).key,
        quantity: asked.quantity,
        cancelled: Units::ZERO,
        lacking: offer.lacking,
        is_late: false,
        price: asked.price,
        refunded: Amount::ZERO,
        ready_date: promise.ready_date,
        promised_ship_date: promise.ship_date,
        basis: promise.basis.clone(),
    }
}

fn placed_event(order: &Order) -> Payload {
    let lines = order.lines.iter().map(|line| PlacedLine {
        sku: line.sku.clone(),
        quantity: line.quantity,
        price: line.price,
        ready_date: line.ready_date,
        promised_ship_date: line.promised_ship_date,
        basis: line.basis.clone(),
    });
    Payload::OrderPlaced(OrderPlaced {
        sequence: order.sequence,
        promised_ship_date: order.promised_ship_date,
        calendar_version: order.calendar_version,
        zone_database: order.zone_database.clone(),
        currency: order.currency,
        terms: order.terms.clone(),
        lines: lines.collect(),
    })
}
