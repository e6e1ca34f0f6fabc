//! The queue of a SKU: who gets units that come free, and who gives up units that are lost.
//!
//! Allocation is a function of the state (`RULES.md` R2): lines of released orders are full; then, by
//! sequence and line number, each waiting line takes what it needs of what is left. [`refill`] and
//! [`lose`] restore that after any change of supply: every command that frees or takes units ends in one of them.

use super::Refusal;
use super::estimate;
use super::footprint::REFILL_LINES_MAX;
use super::risk::reassess;
use super::working_set::{Index, Known, OrderSlot, Place, StockSlot, WorkingSet};
use crate::domain::Date;
use crate::domain::event::{LineUnits, OrderReleased, Payload, ReleaseCause, ReleaseRevoked, RevocationCause};
use crate::domain::ids::LineNumber;
use crate::domain::order::{Order, OrderState, Recipient};
use crate::domain::quantity::Units;
use crate::domain::stock::PendingRefill;

/// Gives free units to waiting lines, oldest first, and releases each order that this makes whole.
///
/// At most [`REFILL_LINES_MAX`] lines are filled in a round; what is left is noted on the counters and goes on in
/// the next rounds.
pub(super) fn refill(ws: &mut WorkingSet, stock: Index<StockSlot>, cause: ReleaseCause) {
    estimate::mark(ws, stock, &cause.into());
    let ship_by_date = ws.location(ws.stock(stock).location).today.ship;
    let begun = ws.stock(stock).stock.pending_refill.clone();
    fill(ws, stock, &begun.unwrap_or(PendingRefill { cause, ship_by_date }));
}

/// Puts a command off to the next round if the lines that units coming free may fill are more than this round has left,
/// so that its answer does not depend on what else was decided with it. At the beginning of a round every command fits.
pub(super) fn make_room(
    ws: &WorkingSet,
    freed: impl Iterator<Item = (Index<StockSlot>, Units)>,
) -> Result<(), Refusal> {
    let lines = |(stock, units): (Index<StockSlot>, Units)| {
        let slot = ws.stock(stock);
        slot.stock.backlog.min(ws.free(slot) + units).get()
    };
    let wanted = freed.map(lines).fold(0_i64, i64::saturating_add);
    let fits = wanted <= ws.refill_lines_left || ws.refill_lines_left == ws.refill_lines_max;
    if fits { Ok(()) } else { Err(Refusal::Deferred) }
}

/// Goes on with a refill that was cut.
pub(super) fn go_on(ws: &mut WorkingSet, stock: Index<StockSlot>) {
    if let Some(pending) = ws.stock(stock).stock.pending_refill.clone() {
        fill(ws, stock, &pending);
    }
}

fn fill(ws: &mut WorkingSet, stock: Index<StockSlot>, refill: &PendingRefill) {
    loop {
        let slot = ws.stock(stock);
        let free = ws.free(slot);
        if free.is_zero() || slot.stock.backlog.is_zero() {
            if slot.stock.pending_refill.is_some() {
                ws.stocks.change(stock).stock.pending_refill = None;
            }
            return;
        }
        if ws.refill_lines_left == 0 {
            ws.stocks.change(stock).stock.pending_refill = Some(refill.clone());
            ws.cut.push(stock);
            return;
        }
        let Some((place, order)) = head(slot) else {
            return want_queue(ws, stock, free);
        };
        ws.refill_lines_left = ws.refill_lines_left.saturating_sub(1);
        give(ws, stock, order, place.1, free);
        if ws.order(order).state == OrderState::Waiting && ws.order(order).lacking.is_zero() {
            release(ws, order, refill.cause, refill.ship_by_date);
        } else if ws.order(order).at_risk {
            reassess(ws, order, &refill.cause.into(), None);
        }
    }
}

/// The oldest waiting line, if it is known to be the oldest.
fn head(slot: &StockSlot) -> Option<(Place, Index<OrderSlot>)> {
    let (place, order) = slot.queue.first_key_value()?;
    let known = match slot.queue_known {
        Known::Nothing => false,
        Known::Through(last) => *place <= last,
        Known::All => true,
    };
    known.then_some((*place, *order))
}

fn want_queue(ws: &mut WorkingSet, stock: Index<StockSlot>, free: Units) {
    let key = ws.stock_ids(stock);
    let lines = ws
        .stock(stock)
        .queue_left
        .saturating_add(free.get().min(REFILL_LINES_MAX))
        .saturating_add(1);
    ws.missing.queues.insert(key, lines);
}

/// Gives a lacking line what it needs of `free` units.
fn give(ws: &mut WorkingSet, stock: Index<StockSlot>, order: Index<OrderSlot>, number: LineNumber, free: Units) {
    let given = shift_line(ws, order, number, |line_lacking, _| free.min(line_lacking), true);
    let place = (ws.order(order).sequence, number);
    let slot = ws.orders.change(order);
    let line = slot.order.line_mut(number).filter(|line| line.lacking.is_zero());
    let was_late = line.map(|line| std::mem::take(&mut line.is_late));
    let slot = ws.stocks.change(stock);
    slot.stock.allocated += given;
    slot.stock.lack_less(place, given);
    if let Some(was_late) = was_late {
        slot.leave_queue(place, was_late);
    }
}

/// Takes up to `wanted` units from a line that holds some; answers how many.
fn take(
    ws: &mut WorkingSet,
    stock: Index<StockSlot>,
    order: Index<OrderSlot>,
    number: LineNumber,
    wanted: Units,
) -> Units {
    let taken = shift_line(ws, order, number, |_, held| wanted.min(held), false);
    let place = (ws.order(order).sequence, number);
    let slot = ws.orders.change(order);
    let at_risk = slot.order.at_risk;
    let line = slot.order.line_mut(number).filter(|line| line.lacking == taken);
    // What was at risk stays so until its lines are estimated anew.
    let is_late = line.is_some_and(|line| {
        line.is_late = at_risk;
        at_risk
    });
    let slot = ws.stocks.change(stock);
    slot.stock.allocated -= taken;
    slot.stock.lack_more(place, taken);
    if is_late {
        slot.stock.count_late(true);
    }
    slot.queue.insert(place, order);
    taken
}

fn shift_line(
    ws: &mut WorkingSet,
    order: Index<OrderSlot>,
    number: LineNumber,
    units: impl Fn(Units, Units) -> Units,
    fills: bool,
) -> Units {
    let slot = ws.orders.change(order);
    let line = slot.order.line_mut(number).expect("queues name lines of loaded orders");
    let units = units(line.lacking, line.held());
    if fills {
        line.lacking -= units;
        slot.order.lacking -= units;
    } else {
        line.lacking += units;
        slot.order.lacking += units;
    }
    slot.changed_lines.push(number);
    units
}

/// Tells the warehouse to ship an order, whole.
pub(super) fn release(ws: &mut WorkingSet, order: Index<OrderSlot>, cause: ReleaseCause, ship_by_date: Date) {
    let now = ws.now;
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Released;
    slot.order.released_at = Some(now);
    slot.order.release_cause = Some(cause);
    slot.order.ship_by_date = Some(ship_by_date);
    let (location, released) = (slot.location, &slot.order);
    let event = OrderReleased {
        sequence: released.sequence,
        cause,
        ship_by_date,
        promised_ship_date: released.promised_ship_date,
        recipient: Recipient::of(&released.terms),
        lines: remaining_lines(released),
    };
    ws.append(location, Some(order), Payload::OrderReleased(event));
    reassess(ws, order, &cause.into(), None);
}

/// What is left of an order's lines.
pub(super) fn remaining_lines(order: &Order) -> Vec<LineUnits> {
    let left = order.lines.iter().filter(|line| !line.remaining().is_zero());
    left.map(|line| LineUnits {
        line_number: line.number,
        sku: line.sku.clone(),
        quantity: line.remaining(),
    })
    .collect()
}

/// Tells the warehouse to stop: the order waits again at its old place.
fn revoke(ws: &mut WorkingSet, order: Index<OrderSlot>, cause: RevocationCause) {
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Waiting;
    slot.order.released_at = None;
    slot.order.release_cause = None;
    slot.order.ship_by_date = None;
    say_revoked(ws, order, cause);
}

/// Appends the revocation of an order's release, which forgets its acknowledgement.
pub(super) fn say_revoked(ws: &mut WorkingSet, order: Index<OrderSlot>, cause: RevocationCause) {
    let slot = ws.orders.change(order);
    let was_acknowledged = slot.order.acknowledged_at.take().is_some();
    let (location, sequence) = (slot.location, slot.order.sequence);
    ws.append(
        location,
        Some(order),
        Payload::ReleaseRevoked(ReleaseRevoked {
            sequence,
            cause,
            was_acknowledged,
        }),
    );
}

/// Takes units back until no more of any of these SKUs are allocated than supply allows (`RULES.md` R8): from waiting
/// orders, newest first, and only then from released ones, newest first, each of which waits again at its old place.
/// Answers the orders that were sent back to waiting.
pub(super) fn lose(ws: &mut WorkingSet, stocks: &[Index<StockSlot>], cause: RevocationCause) -> Vec<Index<OrderSlot>> {
    let short: Vec<_> = stocks
        .iter()
        .copied()
        .filter(|stock| !excess(ws, *stock).is_zero())
        .collect();
    let unknown: Vec<_> = short
        .iter()
        .filter(|stock| !ws.stock(**stock).holders_known)
        .map(|stock| ws.stock_ids(*stock))
        .collect();
    if !unknown.is_empty() {
        ws.missing.holders.extend(unknown);
        return Vec::new();
    }
    let mut candidates = Vec::new();
    for stock in &short {
        let (waiting, released) = holders(ws, *stock);
        for (order, number) in waiting.into_iter().rev() {
            let excess = excess(ws, *stock);
            if excess.is_zero() {
                break;
            }
            take(ws, *stock, order, number, excess);
        }
        candidates.extend(
            released
                .into_iter()
                .map(|(order, _)| (ws.order(order).sequence, order, *stock)),
        );
    }
    candidates.sort_unstable();
    let mut revoked = Vec::new();
    for (_, order, stock) in candidates.into_iter().rev() {
        if ws.order(order).state == OrderState::Released && !excess(ws, stock).is_zero() {
            revoke(ws, order, cause);
            strip(ws, order);
            revoked.push(order);
        }
    }
    assert!(
        short.iter().all(|stock| excess(ws, *stock).is_zero()),
        "allocated units are held by lines of open orders"
    );
    revoked
}

/// Units allocated beyond supply.
fn excess(ws: &WorkingSet, stock: Index<StockSlot>) -> Units {
    let slot = ws.stock(stock);
    slot.stock
        .allocated
        .less(slot.stock.supply(ws.item(slot.item).item.safety_stock))
}

type Lines = Vec<(Index<OrderSlot>, LineNumber)>;

/// The lines that hold units of the SKU, oldest first: those of waiting orders, and those of released ones.
fn holders(ws: &WorkingSet, stock: Index<StockSlot>) -> (Lines, Lines) {
    let slot = ws.stock(stock);
    let sku_key = ws.item(slot.item).key;
    let (mut waiting, mut released) = (Vec::new(), Vec::new());
    for (index, OrderSlot { location, order, .. }) in ws.orders.iter() {
        if *location != slot.location || !order.state.is_open() {
            continue;
        }
        let list = if order.state.is_waiting() {
            &mut waiting
        } else {
            &mut released
        };
        let holding = order
            .lines
            .iter()
            .filter(|line| line.sku_key == sku_key && !line.held().is_zero());
        list.extend(holding.map(|line| ((order.sequence, line.number), index)));
    }
    let sorted = |mut lines: Vec<(Place, Index<OrderSlot>)>| {
        lines.sort_unstable();
        lines.into_iter().map(|((_, number), order)| (order, number)).collect()
    };
    (sorted(waiting), sorted(released))
}

/// Takes every unit from an order that was released, so that the refill that follows gives them out anew.
fn strip(ws: &mut WorkingSet, order: Index<OrderSlot>) {
    let location = ws.orders.get(order).location;
    for (number, sku, held) in held_lines(ws.order(order)) {
        if let Some(stock) = super::stock_at(ws, location, &sku) {
            take(ws, stock, order, number, held);
        }
    }
}

fn held_lines(order: &Order) -> Vec<(LineNumber, crate::domain::ids::Sku, Units)> {
    let held = order.lines.iter().filter(|line| !line.held().is_zero());
    held.map(|line| (line.number, line.sku.clone(), line.held())).collect()
}

/// Restores the allocation of SKUs after their supply changed either way, and of the SKUs of every order that lost
/// its release by it. Answers the orders that were sent back to waiting, lowest sequence first.
pub(super) fn settle(
    ws: &mut WorkingSet,
    stocks: &[Index<StockSlot>],
    release: ReleaseCause,
    revocation: RevocationCause,
) -> Vec<Index<OrderSlot>> {
    let mut revoked = lose(ws, stocks, revocation);
    revoked.sort_by_key(|order| ws.order(*order).sequence);
    let mut stocks = stocks.to_vec();
    for order in &revoked {
        let location = ws.orders.get(*order).location;
        let skus: Vec<_> = ws.order(*order).lines.iter().map(|line| line.sku.clone()).collect();
        stocks.extend(skus.iter().filter_map(|sku| super::stock_at(ws, location, sku)));
    }
    // By SKU, not by position: the order in which rows were loaded must not show in the log.
    stocks.sort_by_cached_key(|stock| ws.stock_ids(*stock));
    stocks.dedup();
    for stock in stocks {
        refill(ws, stock, release);
        if !revoked.is_empty() {
            estimate::mark(ws, stock, &revocation.into());
        }
    }
    revoked
}
