//! Confirming: the payment of a tentative order came (`RULES.md` R10).

use super::decision::Answer;
use super::working_set::WorkingSet;
use super::{Outcome, order_answer, order_of, queue};
use crate::domain::event::{OrderConfirmed, Payload, ReleaseCause};
use crate::domain::ids::OrderId;
use crate::domain::order::OrderState;
use crate::domain::rejection::Rejection;

/// Confirms the payment of an order, which is released if it is whole. Its promise is the one that it was accepted with.
///
/// Refused for the first of:
/// 1. no such order; one that is confirmed is a repeat;
/// 2. it lapsed, or is cancelled, or never was tentative.
pub(super) fn confirm(ws: &mut WorkingSet, order_id: &OrderId) -> Outcome {
    let order = order_of(ws, order_id)?;
    let stored = ws.order(order);
    if stored.confirmed_at.is_some() {
        return Ok(Answer::Order(Box::new(order_answer(ws, order, true))));
    }
    match (stored.state, stored.terms.payment_deadline) {
        (OrderState::Tentative, _) => {}
        (OrderState::Cancelled, Some(deadline)) if stored.has_lapsed() => {
            return Err(Rejection::PaymentDeadlinePassed(order_id.clone(), deadline).into());
        }
        (OrderState::Cancelled, _) => return Err(Rejection::OrderCancelled(order_id.clone()).into()),
        (state @ (OrderState::Waiting | OrderState::Released | OrderState::Shipped), _) => {
            return Err(Rejection::NotTentative(order_id.clone(), state).into());
        }
    }

    // ---- nothing can fail from here on ----
    let now = ws.now;
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Waiting;
    slot.order.confirmed_at = Some(now);
    let (location, sequence, promised) = (slot.location, slot.order.sequence, slot.order.promised_ship_date);
    let is_whole = slot.order.lacking.is_zero();
    ws.append(
        location,
        Some(order),
        Payload::OrderConfirmed(OrderConfirmed { sequence }),
    );
    if is_whole {
        let slot = ws.location(location);
        // A cut-off that passed while the customer paid does not delay what was promised before it.
        let today = slot.location.calendar.on_or_after(slot.today.local);
        let ship_by_date = slot.today.ship.min(promised).max(today);
        queue::release(ws, order, ReleaseCause::Purchase, ship_by_date);
    }
    Ok(Answer::Order(Box::new(order_answer(ws, order, false))))
}
