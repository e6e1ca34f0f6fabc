//! What must hold of every row that a round changed, before it is written.

use super::working_set::{OrderSlot, StockSlot, WorkingSet};
use crate::domain::order::{Order, OrderState};
use crate::domain::quantity::Units;

/// How many waiting lines at the head of a queue are looked at.
const QUEUE_LINES_CHECKED: usize = 3;

/// Every invariant that the changed rows break, in words; empty when all hold.
#[must_use]
pub fn violations(ws: &WorkingSet) -> Vec<String> {
    let stocks = ws
        .stocks
        .written()
        .filter_map(|(slot, _)| stock_violation(ws, slot).map(|what| (slot, what)));
    let stocks = stocks.map(|(slot, what)| format!("sku {}: {what}: {:?}", ws.item(slot.item).item.sku, slot.stock));
    let orders = ws
        .orders
        .written()
        .filter_map(|(slot, _)| order_violation(&slot.order).map(|what| (slot, what)));
    let orders = orders.map(|(slot, what): (&OrderSlot, _)| format!("order {}: {what}", slot.order.order_id));
    let overtakers = ws
        .orders
        .written()
        .map(|(slot, _)| slot)
        .filter(|slot| overtakes(ws, slot));
    let overtakers = overtakers.map(|slot| {
        format!(
            "order {}: it holds a unit that an older line lacks",
            slot.order.order_id
        )
    });
    // An order that estimates change is written apart from one that callers change.
    let waiting = ws.waiting_orders.written().map(|(order, _)| &order.order_id);
    let twice = waiting.filter(|id| ws.orders.find(id).is_some_and(|order| ws.orders.is_changed(order)));
    let twice = twice.map(|id| format!("order {id}: it is changed in two ways at once"));
    stocks.chain(orders).chain(overtakers).chain(twice).collect()
}

fn stock_violation(ws: &WorkingSet, slot: &StockSlot) -> Option<&'static str> {
    let safety_stock = ws.item(slot.item).item.safety_stock;
    let stock = &slot.stock;
    if stock.allocated > stock.supply(safety_stock) {
        return Some("more is allocated than supply allows");
    }
    let idle = !stock.free(safety_stock).is_zero() && !stock.backlog.is_zero();
    if idle != stock.pending_refill.is_some() {
        return Some("units are free while a line lacks one, or a refill goes on with nothing to do");
    }
    let mut queue = slot
        .queue
        .iter()
        .take(QUEUE_LINES_CHECKED)
        .filter_map(|(place, order)| ws.order(*order).line(place.1));
    queue
        .any(|line| line.lacking.is_zero())
        .then_some("a line in the queue lacks nothing")
}

/// Whether a waiting order holds a unit of a SKU of which an older line lacks one. While a refill goes on, an order that
/// lost its release may stand behind the units that it gave back.
fn overtakes(ws: &WorkingSet, slot: &OrderSlot) -> bool {
    let OrderSlot { location, order, .. } = slot;
    let mut holding = order
        .lines
        .iter()
        .filter(|line| order.state.is_waiting() && !line.held().is_zero());
    holding.any(|line| {
        let stock = ws
            .find_item(&line.sku)
            .and_then(|item| ws.stocks.find(&(*location, item)));
        let stock = stock
            .map(|index| ws.stock(index))
            .filter(|slot| slot.stock.pending_refill.is_none());
        let head = stock.and_then(|slot| slot.queue.first_key_value());
        head.is_some_and(|(place, _)| *place < (order.sequence, line.number))
    })
}

fn order_violation(order: &Order) -> Option<&'static str> {
    let lacking: Units = order.lines.iter().map(|line| line.lacking).sum();
    if lacking != order.lacking {
        return Some("its lines do not lack what it lacks");
    }
    let nothing_left = order.lines.iter().all(|line| line.remaining().is_zero());
    match order.state {
        OrderState::Waiting if lacking.is_zero() => Some("it waits although it is whole"),
        OrderState::Released | OrderState::Shipped if !lacking.is_zero() => {
            Some("it was let go although it lacks units")
        }
        OrderState::Cancelled if !nothing_left => Some("it is cancelled although something is left"),
        state if state != OrderState::Cancelled && nothing_left => {
            Some("nothing is left of it although it is not cancelled")
        }
        OrderState::Tentative
        | OrderState::Waiting
        | OrderState::Released
        | OrderState::Shipped
        | OrderState::Cancelled => None,
    }
}
