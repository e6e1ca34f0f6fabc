//! Cancelling: what is left goes, what was paid for it is refunded, and its units go to the queue (`RULES.md` R9).

use super::command::{Cancel, CancelContent, CancelLine};
use super::decision::{Answer, OrderAnswer};
use super::risk::reassess;
use super::working_set::{CancellationSlot, Index, OrderSlot, StockSlot, WorkingSet};
use super::{Outcome, order_answer, order_of, queue, replay, stocks_of_order, supply};
use crate::domain::Instant;
use crate::domain::event::{
    LineUnits, LinesCancelled, OrderCancelled, OrderLapsed, Payload, ReleaseCause, RevocationCause,
};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::order::{Order, OrderLine, OrderState, index_of};
use crate::domain::quantity::{Quantity, Units};
use crate::domain::rejection::{LineReason, LineRejection, Rejection};

/// Cancels an order or a part of it, refused for the first of:
/// 1. no such order;
/// 2. its request id stands for other content; with the same content, and for an order that is cancelled whole
///    already, it is a repeat;
/// 3. the order shipped, or is cancelled;
/// 4. lines that it does not have, or have less left than is to be cancelled.
pub(super) fn cancel(ws: &mut WorkingSet, command: &Cancel) -> Outcome {
    let order = order_of(ws, &command.order_id)?;
    if let Some(answer) = repeat(ws, order, command)? {
        return Ok(answer);
    }
    let stored = ws.order(order);
    match stored.state {
        OrderState::Shipped => return Err(Rejection::OrderShipped(command.order_id.clone()).into()),
        OrderState::Cancelled if !command.content.lines.is_empty() => {
            return Err(Rejection::OrderCancelled(command.order_id.clone()).into());
        }
        OrderState::Tentative | OrderState::Waiting | OrderState::Released | OrderState::Cancelled => {}
    }
    let parts = parts(stored, command)?;
    let stocks = stocks_of_order(ws, order)?;
    let held = ws.order(order).lines.iter().map(OrderLine::held);
    queue::make_room(ws, stocks.iter().copied().zip(held))?;

    // ---- nothing can fail from here on ----
    let was_released = ws.order(order).state == OrderState::Released;
    let refund = take_off_all(ws, order, &parts, &stocks);
    let completes = ws.order(order).lines.iter().all(|line| line.remaining().is_zero());
    remember(ws, order, command, &parts, completes, refund);
    if completes {
        finish(ws, order, command, &parts, refund, was_released);
    } else {
        go_on(ws, order, command, &parts, refund, was_released);
    }
    reassess(ws, order, &ReleaseCause::Cancellation.into(), None);
    for stock in stocks {
        queue::refill(ws, stock, ReleaseCause::Cancellation);
    }
    Ok(Answer::Order(Box::new(OrderAnswer {
        refund,
        ..order_answer(ws, order, false)
    })))
}

/// The answer of an earlier cancellation that this one repeats.
fn repeat(ws: &WorkingSet, order: Index<OrderSlot>, command: &Cancel) -> Result<Option<Answer>, Rejection> {
    let by_id = command
        .request_id
        .is_some()
        .then(|| ws.cancellations.find(&(order, command.request_id.clone())))
        .flatten();
    let repeated = match by_id.map(|index| ws.cancellations.get(index)) {
        Some(earlier) => {
            replay::same_cancellation(command, &earlier.content)?;
            Some(earlier)
        }
        None if command.content.lines.is_empty() => {
            let mut all = ws.cancellations.iter().map(|(_, slot)| slot);
            all.find(|slot| slot.order == order && slot.content.lines.is_empty())
        }
        None => None,
    };
    let answer = |refund| {
        Answer::Order(Box::new(OrderAnswer {
            refund,
            ..order_answer(ws, order, true)
        }))
    };
    if let Some(earlier) = repeated {
        return Ok(Some(answer(earlier.refund)));
    }
    // Cancelled line by line: a whole cancel finds nothing left, and nothing to refund.
    let nothing_left = ws.order(order).state == OrderState::Cancelled && command.content.lines.is_empty();
    Ok(nothing_left.then(|| answer(refund_of(ws.order(order), Amount::ZERO))))
}

fn refund_of(order: &Order, amount: Amount) -> Option<Money> {
    let priced = order.lines.iter().any(|line| line.price.is_some());
    order
        .currency
        .filter(|_| priced)
        .map(|currency| Money { currency, amount })
}

/// What is to be cancelled, by line.
fn parts(order: &Order, command: &Cancel) -> Result<Vec<CancelLine>, Rejection> {
    if command.content.lines.is_empty() {
        return Ok(parts_left(order));
    }
    let (mut unknown, mut refused) = (Vec::new(), Vec::new());
    for (index, part) in command.content.lines.iter().enumerate() {
        let Some(line) = order.line(part.line_number) else {
            let field = supply::line_field(Some(index), "line_number");
            let description = format!(
                "the order has lines 1 to {}, not {}",
                order.lines.len(),
                part.line_number
            );
            unknown.push((field, description));
            continue;
        };
        let (requested, remaining) = (part.quantity.units(), line.remaining());
        if requested > remaining {
            let reason = LineReason::QuantityExceedsLine { requested, remaining };
            refused.push(LineRejection {
                index,
                line_number: line.number,
                sku: line.sku.clone(),
                reason,
            });
        }
    }
    if !unknown.is_empty() {
        return Err(Rejection::InvalidFields(unknown));
    }
    if !refused.is_empty() {
        return Err(Rejection::Lines(refused));
    }
    Ok(command.content.lines.clone())
}

/// Everything that is left of an order, by line.
fn parts_left(order: &Order) -> Vec<CancelLine> {
    let left = order.lines.iter().filter_map(|line| {
        let quantity = Quantity::parse(line.remaining().get()).ok()?;
        Some(CancelLine {
            line_number: line.number,
            quantity,
        })
    });
    left.collect()
}

/// Takes parts off an order, and answers what is refunded for them.
fn take_off_all(
    ws: &mut WorkingSet,
    order: Index<OrderSlot>,
    parts: &[CancelLine],
    stocks: &[Index<StockSlot>],
) -> Option<Money> {
    let refund = parts.iter().fold(Amount::ZERO, |sum, part| {
        let refunded = take_off(ws, order, part, stocks);
        sum.checked_add(refunded)
            .expect("refunds sum to at most the order's total")
    });
    refund_of(ws.order(order), refund)
}

/// Takes units off a line, those that it lacks first, and answers what is refunded for them.
fn take_off(ws: &mut WorkingSet, order: Index<OrderSlot>, part: &CancelLine, stocks: &[Index<StockSlot>]) -> Amount {
    let units = part.quantity.units();
    let slot = ws.orders.change(order);
    let (sequence, currency) = (slot.order.sequence, slot.order.currency);
    let line = slot
        .order
        .line_mut(part.line_number)
        .expect("parts name lines of the order");
    let from_backlog = units.min(line.lacking);
    let refund = refund(line, units, currency);
    line.lacking -= from_backlog;
    line.cancelled += units;
    line.refunded = line
        .refunded
        .checked_add(refund)
        .expect("refunds sum to at most the line's price");
    let left_queue = line.lacking.is_zero() && !from_backlog.is_zero();
    let was_late = line.is_late && left_queue;
    line.is_late &= !left_queue;
    slot.order.lacking -= from_backlog;
    slot.changed_lines.push(part.line_number);

    let stock = index_of(part.line_number).and_then(|at| stocks.get(at).copied());
    if let Some(stock) = stock {
        let stock = ws.stocks.change(stock);
        let place = (sequence, part.line_number);
        stock.stock.lack_less(place, from_backlog);
        stock.stock.allocated -= units - from_backlog;
        if left_queue {
            stock.leave_queue(place, was_late);
        }
    }
    refund
}

/// What was paid for units of a line: pro rata, rounded down; the last part takes what is left.
fn refund(line: &OrderLine, units: Units, currency: Option<Currency>) -> Amount {
    let (Some(price), Some(currency)) = (line.price, currency) else {
        return Amount::ZERO;
    };
    let left = price.less(line.refunded);
    if units == line.remaining() {
        left
    } else {
        price.pro_rata(units.get(), line.quantity.get(), currency).min(left)
    }
}

fn remember(
    ws: &mut WorkingSet,
    order: Index<OrderSlot>,
    command: &Cancel,
    parts: &[CancelLine],
    completes: bool,
    refund: Option<Money>,
) {
    let request_id = command.request_id.clone();
    let (content, cancelled) = (command.content.clone(), parts.to_vec());
    let slot = CancellationSlot {
        order,
        request_id: request_id.clone(),
        content,
        cancelled,
        completes,
        refund,
    };
    ws.cancellations.create((order, request_id), slot);
}

fn finish(
    ws: &mut WorkingSet,
    order: Index<OrderSlot>,
    command: &Cancel,
    parts: &[CancelLine],
    refund: Option<Money>,
    was_released: bool,
) {
    if was_released {
        queue::say_revoked(ws, order, RevocationCause::Cancellation);
    }
    let now = ws.now;
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Cancelled;
    slot.order.cancelled_at = Some(now);
    let (location, lines) = (slot.location, units_of(&slot.order, parts));
    let (reason, request_id) = (command.content.reason.clone(), command.request_id.clone());
    ws.append(
        location,
        Some(order),
        Payload::OrderCancelled(OrderCancelled {
            reason,
            request_id,
            refund,
            lines,
        }),
    );
}

fn go_on(
    ws: &mut WorkingSet,
    order: Index<OrderSlot>,
    command: &Cancel,
    parts: &[CancelLine],
    refund: Option<Money>,
    was_released: bool,
) {
    let Some(request_id) = command.request_id.clone() else {
        return;
    };
    let slot = ws.orders.get(order);
    let (location, lines, ship_by) = (slot.location, units_of(&slot.order, parts), slot.order.ship_by_date);
    let whole = slot.order.lacking.is_zero() && slot.order.state != OrderState::Tentative;
    let reason = command.content.reason.clone();
    ws.append(
        location,
        Some(order),
        Payload::LinesCancelled(LinesCancelled {
            reason,
            request_id,
            refund,
            lines,
        }),
    );
    if was_released {
        queue::say_revoked(ws, order, RevocationCause::Cancellation);
    }
    if whole {
        let ship_by_date = ship_by.unwrap_or(ws.location(location).today.ship);
        queue::release(ws, order, ReleaseCause::Cancellation, ship_by_date);
    }
}

/// Cancels all that is left of a tentative order whose payment deadline has passed. It holds nothing from the deadline on,
/// whenever that is noticed.
pub(super) fn lapse(ws: &mut WorkingSet, order: Index<OrderSlot>, stocks: &[Index<StockSlot>], deadline: Instant) {
    let command = Cancel {
        order_id: ws.order(order).order_id.clone(),
        request_id: None,
        content: CancelContent {
            lines: Vec::new(),
            reason: String::new(),
        },
    };
    let parts = parts_left(ws.order(order));
    let refund = take_off_all(ws, order, &parts, stocks);
    remember(ws, order, &command, &parts, true, refund);
    let slot = ws.orders.change(order);
    slot.order.state = OrderState::Cancelled;
    slot.order.cancelled_at = Some(deadline);
    let (location, lines) = (slot.location, units_of(&slot.order, &parts));
    let lapsed = OrderLapsed {
        payment_deadline: deadline,
        refund,
        lines,
    };
    ws.append(location, Some(order), Payload::OrderLapsed(lapsed));
    reassess(ws, order, &ReleaseCause::Lapse.into(), None);
}

fn units_of(order: &Order, parts: &[CancelLine]) -> Vec<LineUnits> {
    let lines = parts
        .iter()
        .filter_map(|part| order.line(part.line_number).map(|line| (part, line)));
    lines
        .map(|(part, line)| LineUnits {
            line_number: line.number,
            sku: line.sku.clone(),
            quantity: part.quantity.units(),
        })
        .collect()
}
