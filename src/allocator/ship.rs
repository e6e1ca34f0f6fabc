//! Shipping: units leave the building, once.

use super::command::Ship;
use super::decision::Answer;
use super::risk::reassess;
use super::working_set::{Index, OrderSlot, StockSlot, WorkingSet};
use super::{Outcome, estimate, order_answer, order_of, queue, replay, stocks_of_order};
use crate::domain::event::{LineUnits, OrderShipped, OrderShippedAfterCancel, Payload, ReleaseCause, RevocationCause};
use crate::domain::order::{OrderLine, OrderState};
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;

fn answered(ws: &WorkingSet, order: Index<OrderSlot>, replayed: bool) -> Answer {
    Answer::Order(Box::new(order_answer(ws, order, replayed)))
}

/// The carrier has an order, refused for the first of:
/// 1. no such order;
/// 2. it shipped otherwise (`ID_REUSED`); with the same parcels it is a repeat;
/// 3. it is cancelled, or not released.
pub(super) fn confirm_shipment(ws: &mut WorkingSet, command: &Ship) -> Outcome {
    let order = order_of(ws, &command.order_id)?;
    let stored = ws.order(order);
    match (stored.state, &stored.shipment) {
        (OrderState::Shipped, Some(shipment)) => {
            replay::same_shipment(command, shipment)?;
            return Ok(answered(ws, order, true));
        }
        (OrderState::Cancelled, _) => return Err(Rejection::OrderCancelled(command.order_id.clone()).into()),
        (OrderState::Released, _) => {}
        (state @ (OrderState::Tentative | OrderState::Waiting | OrderState::Shipped), _) => {
            return Err(Rejection::OrderNotReleased(command.order_id.clone(), state).into());
        }
    }
    let stocks = stocks_of_order(ws, order)?;

    // ---- nothing can fail from here on ----
    let now = ws.now;
    let ship_at = command.shipment.reported_ship_at.unwrap_or(now);
    let units: Vec<_> = ws.order(order).lines.iter().map(OrderLine::remaining).collect();
    for (stock, units) in stocks.iter().zip(units) {
        let slot = ws.stocks.change(*stock);
        slot.stock.on_hand -= units;
        slot.stock.allocated -= units;
    }
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Shipped;
    slot.order.shipped_at = Some(ship_at);
    slot.order.shipment = Some(command.shipment.clone());
    let (location, lines) = (slot.location, queue::remaining_lines(&slot.order));
    let parcels = command.shipment.parcels.clone();
    ws.append(
        location,
        Some(order),
        Payload::OrderShipped(OrderShipped {
            ship_at,
            parcels,
            lines,
        }),
    );
    reassess(ws, order, &ReleaseCause::Purchase.into(), None);
    Ok(answered(ws, order, false))
}

/// A cancelled order left all the same, refused for the first of:
/// 1. no such order;
/// 2. it shipped rightly, or is not cancelled, or had not been released when it was cancelled;
/// 3. it was reported otherwise (`ID_REUSED`); with the same parcels it is a repeat;
/// 4. fewer units are on hand than it held.
pub(super) fn report_shipped_after_cancel(ws: &mut WorkingSet, command: &Ship) -> Outcome {
    let order = order_of(ws, &command.order_id)?;
    let stored = ws.order(order);
    match stored.state {
        OrderState::Cancelled => {}
        OrderState::Shipped => return Err(Rejection::OrderShipped(command.order_id.clone()).into()),
        state @ (OrderState::Tentative | OrderState::Waiting | OrderState::Released) => {
            return Err(Rejection::OrderNotCancelled(command.order_id.clone(), state).into());
        }
    }
    if let Some(shipment) = &stored.shipment {
        replay::same_shipment(command, shipment)?;
        return Ok(answered(ws, order, true));
    }
    if stored.released_at.is_none() {
        return Err(Rejection::OrderNotReleased(command.order_id.clone(), stored.state).into());
    }
    let stocks = stocks_of_order(ws, order)?;
    let lines = released_lines(ws, order);
    let taken = sum_by_stock(ws, order, &lines, &stocks);
    for (stock, units) in &taken {
        let slot = ws.stock(*stock);
        if slot.stock.on_hand < *units {
            let sku = ws.item(slot.item).item.sku.clone();
            return Err(Rejection::OnHandBelowZero {
                sku,
                on_hand: slot.stock.on_hand,
                taken: units.get(),
            }
            .into());
        }
    }

    // ---- nothing can fail from here on ----
    let slot = ws.orders.change(order);
    slot.order.shipment = Some(command.shipment.clone());
    let location = slot.location;
    let parcels = command.shipment.parcels.clone();
    ws.append(
        location,
        Some(order),
        Payload::OrderShippedAfterCancel(OrderShippedAfterCancel { parcels, lines }),
    );
    for (stock, units) in &taken {
        ws.stocks.change(*stock).stock.on_hand -= *units;
    }
    // All units are gone at once: no SKU is given out anew while another still counts units that left.
    let stocks: Vec<_> = taken.iter().map(|(stock, _)| *stock).collect();
    queue::settle(ws, &stocks, ReleaseCause::Adjustment, RevocationCause::UnitsLost);
    for stock in stocks {
        estimate::mark(ws, stock, &RevocationCause::UnitsLost.into());
    }
    Ok(answered(ws, order, false))
}

/// What the release held that the last cancellation revoked.
fn released_lines(ws: &WorkingSet, order: Index<OrderSlot>) -> Vec<LineUnits> {
    let last = ws
        .cancellations
        .iter()
        .map(|(_, slot)| slot)
        .find(|slot| slot.order == order && slot.completes);
    let parts = last.into_iter().flat_map(|slot| &slot.cancelled);
    let lines = parts.filter_map(|part| {
        let line = ws.order(order).line(part.line_number)?;
        Some(LineUnits {
            line_number: line.number,
            sku: line.sku.clone(),
            quantity: part.quantity.units(),
        })
    });
    lines.collect()
}

fn sum_by_stock(
    ws: &WorkingSet,
    order: Index<OrderSlot>,
    lines: &[LineUnits],
    stocks: &[Index<StockSlot>],
) -> Vec<(Index<StockSlot>, Units)> {
    let mut sums: Vec<(Index<StockSlot>, Units)> = Vec::with_capacity(stocks.len());
    for (line, stock) in ws.order(order).lines.iter().zip(stocks) {
        let units = lines
            .iter()
            .filter(|part| part.line_number == line.number)
            .map(|part| part.quantity)
            .sum();
        match sums.iter_mut().find(|(s, _)| s == stock) {
            Some((_, sum)) => *sum += units,
            None => sums.push((*stock, units)),
        }
    }
    sums
}
