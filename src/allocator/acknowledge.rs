//! Acknowledging: the warehouse says that it took the work of a release. It decides nothing: a cancel still wins until the
//! shipment is confirmed.

use super::command::AcknowledgeRelease;
use super::decision::Answer;
use super::working_set::WorkingSet;
use super::{Outcome, order_answer, order_of};
use crate::domain::event::{Payload, ReleaseAcknowledged};
use crate::domain::order::OrderState;
use crate::domain::rejection::Rejection;

/// Notes that the warehouse took the work of a release, refused for the first of:
/// 1. no such order; an order whose release is acknowledged already, shipped since or not, is a repeat;
/// 2. it shipped, is cancelled, or is not released.
pub(super) fn acknowledge_release(ws: &mut WorkingSet, command: &AcknowledgeRelease) -> Outcome {
    let order = order_of(ws, &command.order_id)?;
    let stored = ws.order(order);
    if stored.acknowledged_at.is_some() {
        return Ok(Answer::Order(Box::new(order_answer(ws, order, true))));
    }
    let order_id = || command.order_id.clone();
    match stored.state {
        OrderState::Released => {}
        OrderState::Shipped => return Err(Rejection::OrderShipped(order_id()).into()),
        OrderState::Cancelled => return Err(Rejection::OrderCancelled(order_id()).into()),
        state @ (OrderState::Tentative | OrderState::Waiting) => {
            return Err(Rejection::OrderNotReleased(order_id(), state).into());
        }
    }

    // ---- nothing can fail from here on ----
    let now = ws.now;
    let slot = ws.orders.change(order);
    slot.order.acknowledged_at = Some(now);
    let (location, sequence) = (slot.location, slot.order.sequence);
    ws.append(
        location,
        Some(order),
        Payload::ReleaseAcknowledged(ReleaseAcknowledged { sequence }),
    );
    Ok(Answer::Order(Box::new(order_answer(ws, order, false))))
}
