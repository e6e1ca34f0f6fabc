//! What acknowledging does to the model: it is noted, once for each release.

use holdfast::domain::Instant;
use holdfast::domain::event::{Payload, ReleaseAcknowledged};
use holdfast::domain::ids::OrderId;
use holdfast::domain::order::OrderState;
use holdfast::domain::rejection::Rejection;

use super::reference::{Model, ModelOutcome, order_answer};

impl Model {
    pub(super) fn acknowledge_release(&mut self, order_id: &OrderId, now: Instant) -> ModelOutcome {
        let (location_id, at) = self.order_at(order_id)?;
        let (warehouse, _) = self.warehouse(&location_id);
        let order = &mut warehouse.orders[at].order;
        let id = order_id.clone();
        match (order.state, order.acknowledged_at) {
            (OrderState::Released | OrderState::Shipped, Some(_)) => {
                return Ok(order_answer(&location_id, order, None, true));
            }
            (OrderState::Released, None) => order.acknowledged_at = Some(now),
            (OrderState::Shipped, None) => return Err(Rejection::OrderShipped(id)),
            (OrderState::Cancelled, _) => return Err(Rejection::OrderCancelled(id)),
            (state @ (OrderState::Tentative | OrderState::Waiting), _) => {
                return Err(Rejection::OrderNotReleased(id, state));
            }
        }
        let sequence = order.sequence;
        let event = Payload::ReleaseAcknowledged(ReleaseAcknowledged { sequence });
        warehouse.append(now, Some(id), event);
        Ok(order_answer(&location_id, &warehouse.orders[at].order, None, false))
    }
}
