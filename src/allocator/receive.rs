//! Booking a receipt: its units go on hand, then to the queue.

use super::command::Receive;
use super::decision::{Answer, Received, ReceivedStock};
use super::working_set::{InboundSlot, Index, ReceiptSlot, StockSlot, WorkingSet};
use super::{Outcome, location_of, queue, replay, stocks_of, supply};
use crate::domain::event::{Payload, ReleaseCause, StockReceived};
use crate::domain::ids::OrderId;
use crate::domain::quantity::{UNITS_MAX, Units};
use crate::domain::rejection::Rejection;

/// The most ids of orders in one list of an answer; the event log has them all.
pub(super) const ORDER_IDS_MAX: usize = 10_000;

/// Books a receipt, refused for the first of:
/// 1. no such location;
/// 2. its id stands for other content; with the same content it is a repeat;
/// 3. no such SKUs, no such inbound;
/// 4. more units on hand than can be counted.
pub(super) fn receive(ws: &mut WorkingSet, command: &Receive) -> Outcome {
    let location = location_of(ws, &command.location_id)?;
    if let Some(receipt) = ws.receipts.find(&(location, command.receipt_id.clone())) {
        let receipt = ws.receipts.get(receipt);
        replay::same_receipt(command, &receipt.content)?;
        return Ok(Answer::Received(Received {
            replayed: true,
            ..receipt.answer.clone()
        }));
    }
    let stocks = stocks_of(ws, location, command.content.lines.iter().map(|line| &line.sku))?;
    let inbound = match &command.content.inbound_id {
        None => None,
        Some(id) => Some(
            ws.inbounds
                .find(&(location, id.clone()))
                .ok_or_else(|| Rejection::UnknownInbound(id.clone()))?,
        ),
    };
    let arrivals = sum_by_stock(command, &stocks);
    let too_many = arrivals
        .iter()
        .filter(|(stock, units)| ws.stock(*stock).stock.on_hand.checked_add(*units).is_none());
    let faults = too_many.map(|(stock, _)| {
        let field = supply::line_field(stocks.iter().position(|s| s == stock), "quantity");
        let description = format!("would bring the units on hand above {UNITS_MAX}: book fewer");
        (field, description)
    });
    let faults: Vec<_> = faults.collect();
    if !faults.is_empty() {
        return Err(Rejection::InvalidFields(faults).into());
    }
    queue::make_room(ws, arrivals.iter().copied())?;

    // ---- nothing can fail from here on ----
    let over_received = inbound.map_or_else(
        || vec![Units::ZERO; arrivals.len()],
        |inbound| arrive_on(ws, inbound, &arrivals),
    );
    let before = ws.events.len();
    let event_sequence = ws.append(location, None, received_event(command));
    let lines = arrivals
        .iter()
        .zip(over_received)
        .map(|((stock, units), over)| put_on_hand(ws, *stock, *units, over))
        .collect();
    let released_order_ids = released_since(ws, before);
    let answer = Received {
        receipt_id: command.receipt_id.clone(),
        lines,
        released_order_ids,
        event_sequence,
        replayed: false,
    };
    let receipt = ReceiptSlot {
        location,
        content: command.content.clone(),
        answer: answer.clone(),
    };
    ws.receipts.create((location, command.receipt_id.clone()), receipt);
    Ok(Answer::Received(answer))
}

/// What came of each SKU, in order of first appearance.
fn sum_by_stock(command: &Receive, stocks: &[Index<StockSlot>]) -> Vec<(Index<StockSlot>, Units)> {
    let mut sums: Vec<(Index<StockSlot>, Units)> = Vec::with_capacity(stocks.len());
    for (line, stock) in command.content.lines.iter().zip(stocks) {
        match sums.iter_mut().find(|(s, _)| s == stock) {
            Some((_, units)) => *units += line.quantity.units(),
            None => sums.push((*stock, line.quantity.units())),
        }
    }
    sums
}

/// Lowers the inbound's open quantities; answers what came beyond them.
fn arrive_on(ws: &mut WorkingSet, inbound: Index<InboundSlot>, arrivals: &[(Index<StockSlot>, Units)]) -> Vec<Units> {
    let mut over_received = Vec::with_capacity(arrivals.len());
    for (stock, units) in arrivals {
        let sku = ws.item(ws.stock(*stock).item).item.sku.clone();
        let slot = ws.inbounds.change(inbound);
        over_received.push(units.less(slot.inbound.open_quantity(&sku)));
        if let Some(line) = slot.inbound.lines.iter_mut().find(|line| line.sku == sku) {
            line.received += *units;
        }
    }
    ws.inbounds.change(inbound).inbound.settle();
    supply::note_open(ws, inbound);
    over_received
}

fn put_on_hand(ws: &mut WorkingSet, stock: Index<StockSlot>, units: Units, over_received: Units) -> ReceivedStock {
    ws.stocks.change(stock).stock.on_hand += units;
    // Known before the refill is done, as a large one goes on in later rounds.
    let slot = ws.stock(stock);
    let (free, backlog) = (ws.free(slot), slot.stock.backlog);
    let (on_hand, allocated_to_backlog) = (slot.stock.on_hand, free.min(backlog));
    let sku = ws.item(slot.item).item.sku.clone();
    queue::refill(ws, stock, ReleaseCause::Receipt);
    let available = free.less(backlog);
    ReceivedStock {
        sku,
        received: units,
        allocated_to_backlog,
        on_hand,
        available,
        over_received,
    }
}

/// The orders whose releases were appended since the log had `before` events, oldest first.
pub(super) fn released_since(ws: &WorkingSet, before: usize) -> Vec<OrderId> {
    let since = ws.events.iter().skip(before).map(|(_, event)| event);
    let released = since.filter(|event| matches!(event.payload, Payload::OrderReleased(_)));
    let mut places: Vec<_> = released
        .filter_map(|event| event.order_id.as_ref().and_then(|id| ws.order_of(id)))
        .collect();
    places.sort_by_key(|slot| slot.order.sequence);
    places
        .iter()
        .take(ORDER_IDS_MAX)
        .map(|slot| slot.order.order_id.clone())
        .collect()
}

fn received_event(command: &Receive) -> Payload {
    Payload::StockReceived(StockReceived {
        receipt_id: command.receipt_id.clone(),
        inbound_id: command.content.inbound_id.clone(),
        reason: command.content.reason,
        lines: command.content.lines.clone(),
    })
}
