//! Whether orders are at risk, as stored: changed with an event that says so, and never without.

use super::promise::{self, Outlook};
use super::working_set::{Index, LocationSlot, OrderSlot, WaitingOrder, WorkingSet};
use crate::domain::Date;
use crate::domain::event::Payload;
use crate::domain::ids::Sequence;
use crate::domain::order::Order;
use crate::domain::quantity::Units;
use crate::domain::risk::{Cause, RiskChanged};

/// Whether an order is late for its promise: by its late lines while it lacks units, by the calendar once it is whole.
fn is_at_risk(place: &LocationSlot, order: &Order) -> bool {
    if order.state.is_waiting() && !order.lacking.is_zero() {
        return order.lines.iter().any(|line| line.is_late);
    }
    promise::at_risk(order, whole_estimate(place, order))
}

/// The estimate of an order that lacks nothing.
fn whole_estimate(place: &LocationSlot, order: &Order) -> Option<Date> {
    promise::estimate(&place.location.calendar, place.today, order, |_| {
        (Outlook::nothing(), Units::ZERO)
    })
}

/// Brings an order's stored risk in step with its state and its lines, and says so in the log if it changed. An order that
/// shipped or is cancelled is at risk no more, which its own event says. `estimated` is the date of the latest of its lines,
/// where that is known.
pub(super) fn reassess(ws: &mut WorkingSet, order: Index<OrderSlot>, cause: &Cause, estimated: Option<Date>) {
    let slot = ws.orders.get(order);
    let (location, place, stored) = (slot.location, ws.location(slot.location), &slot.order);
    let at_risk = is_at_risk(place, stored);
    if at_risk == stored.at_risk {
        return;
    }
    let is_whole = stored.lacking.is_zero();
    let estimated = if is_whole {
        whole_estimate(place, stored)
    } else {
        estimated
    };
    let (sequence, promised) = (stored.sequence, stored.promised_ship_date);
    let changed = changed(place, (sequence, promised), estimated, cause);
    let is_open = stored.state.is_open();
    ws.orders.change(order).order.at_risk = at_risk;
    if is_open {
        ws.append(location, Some(order), said(at_risk, changed));
    }
}

/// The same, of an order that lacks units and of which no more is loaded than that needs.
pub(super) fn reassess_waiting(
    ws: &mut WorkingSet,
    order: Index<WaitingOrder>,
    cause: &Cause,
    estimated: Option<Date>,
) {
    let stored = ws.waiting_orders.get(order);
    let at_risk = stored.lines.iter().any(|line| line.is_late);
    if at_risk == stored.at_risk {
        return;
    }
    let (location, order_id) = (stored.location, stored.order_id.clone());
    let promise = (stored.sequence, stored.promised_ship_date);
    let changed = changed(ws.location(location), promise, estimated, cause);
    let event_sequence = ws.append_about(location, Some(order_id), said(at_risk, changed));
    let stored = ws.waiting_orders.change(order);
    stored.at_risk = at_risk;
    stored.event_sequence = Some(event_sequence);
}

/// What changed of an order, by its place and its promise.
fn changed(
    place: &LocationSlot,
    (sequence, promised): (Sequence, Date),
    estimated: Option<Date>,
    cause: &Cause,
) -> RiskChanged {
    let slack = estimated.map(|date| place.location.calendar.business_days_between(date, promised));
    RiskChanged {
        sequence,
        promised_ship_date: promised,
        estimated_ship_date: estimated,
        slack_business_days: slack,
        cause: cause.clone(),
    }
}

fn said(at_risk: bool, changed: RiskChanged) -> Payload {
    if at_risk {
        Payload::PromiseAtRisk(changed)
    } else {
        Payload::PromiseRecovered(changed)
    }
}
