//! A reader of one order with everything that its dates follow from.

use std::collections::BTreeMap;

use super::Question;
use crate::allocator::footprint::{Footprint, Wants};
use crate::allocator::working_set::{OrderSlot, WorkingSet};
use crate::domain::ids::OrderId;
use crate::domain::rejection::Rejection;
use crate::grpc::explain;
use crate::proto::holdfast::v1 as pb;

/// Lines at the head of a queue that are named.
const AHEAD_NAMED: i64 = 10;

/// Why an order has its dates.
#[derive(Debug)]
pub(crate) struct Explain(pub(crate) OrderId);

impl Question for Explain {
    type Answer = pb::OrderExplanation;

    fn footprint(&self) -> Footprint {
        Footprint {
            orders: vec![self.0.clone()],
            ..Footprint::default()
        }
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let mut wants = Wants::default();
        let Some(OrderSlot { location, order, .. }) = ws.order_of(&self.0) else {
            return wants;
        };
        wants.explained.push(self.0.clone());
        if !order.state.is_waiting() {
            return wants;
        }
        let location_id = &ws.location(*location).location.location_id;
        let keys: BTreeMap<_, _> = order
            .lines
            .iter()
            .map(|line| ((location_id.clone(), line.sku.clone()), AHEAD_NAMED))
            .collect();
        wants.inbounds = keys.keys().cloned().collect();
        wants.queues = keys;
        wants.ahead.push(self.0.clone());
        wants
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<pb::OrderExplanation, Rejection> {
        let slot = ws
            .order_of(&self.0)
            .ok_or_else(|| Rejection::UnknownOrder(self.0.clone()))?;
        Ok(explain::order(ws, slot))
    }
}
