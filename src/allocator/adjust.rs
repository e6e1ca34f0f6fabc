//! Counts and corrections: the shelf is right, and the queue follows it (`RULES.md` R8).

use super::command::{Adjust, Change};
use super::decision::{Adjusted, Answer};
use super::receive::{ORDER_IDS_MAX, released_since};
use super::working_set::{AdjustmentSlot, WorkingSet};
use super::{Outcome, estimate, location_of, queue, replay, stocks_of};
use crate::domain::event::{Payload, ReleaseCause, RevocationCause, StockAdjusted};
use crate::domain::quantity::UNITS_MAX;
use crate::domain::rejection::Rejection;

/// Corrects a count, refused for the first of:
/// 1. no such location;
/// 2. its id stands for other content; with the same content it is a repeat;
/// 3. no such SKU;
/// 4. a count below zero, or above what can be counted.
pub(super) fn adjust(ws: &mut WorkingSet, command: &Adjust) -> Outcome {
    let location = location_of(ws, &command.location_id)?;
    if let Some(adjustment) = ws.adjustments.find(&(location, command.adjustment_id.clone())) {
        let adjustment = ws.adjustments.get(adjustment);
        replay::same_adjustment(command, &adjustment.content)?;
        return Ok(Answer::Adjusted(Adjusted {
            replayed: true,
            ..adjustment.answer.clone()
        }));
    }
    let content = &command.content;
    let stocks = stocks_of(ws, location, std::iter::once(&content.sku))?;
    let Some(stock) = stocks.first().copied() else {
        return Err(super::Refusal::Deferred);
    };
    let on_hand = ws.stock(stock).stock.on_hand;
    let delta = match content.change {
        Change::Delta(delta) => delta,
        Change::Counted(counted) => counted.get().saturating_sub(on_hand.get()),
    };
    let Some(adjusted) = on_hand.checked_shift(delta) else {
        return Err(out_of_range(command, on_hand, delta).into());
    };
    queue::make_room(ws, std::iter::once((stock, adjusted.less(on_hand))))?;

    // ---- nothing can fail from here on ----
    ws.stocks.change(stock).stock.on_hand = adjusted;
    let before = ws.events.len();
    let (sku, reason, note) = (content.sku.clone(), content.reason, content.note.clone());
    let event = StockAdjusted {
        adjustment_id: command.adjustment_id.clone(),
        sku,
        delta,
        on_hand: adjusted,
        reason,
        note,
    };
    let event_sequence = ws.append(location, None, Payload::StockAdjusted(event));
    let revoked = queue::settle(ws, &[stock], ReleaseCause::Adjustment, RevocationCause::UnitsLost);
    if delta < 0 {
        estimate::mark(ws, stock, &RevocationCause::UnitsLost.into());
    }
    let returned = revoked.iter().map(|order| ws.order(*order).order_id.clone());
    let slot = ws.stock(stock);
    let answer = Adjusted {
        on_hand: slot.stock.on_hand,
        allocated: slot.stock.allocated,
        available: ws.available(slot),
        orders_returned_to_waiting: returned.take(ORDER_IDS_MAX).collect(),
        released_order_ids: released_since(ws, before),
        event_sequence,
        replayed: false,
    };
    let (adjustment_id, content) = (command.adjustment_id.clone(), content.clone());
    let adjustment = AdjustmentSlot {
        location,
        adjustment_id,
        content,
        delta,
        answer: answer.clone(),
    };
    ws.adjustments
        .create((location, command.adjustment_id.clone()), adjustment);
    Ok(Answer::Adjusted(answer))
}

fn out_of_range(command: &Adjust, on_hand: crate::domain::quantity::Units, delta: i64) -> Rejection {
    if delta < 0 {
        return Rejection::OnHandBelowZero {
            sku: command.content.sku.clone(),
            on_hand,
            taken: delta.saturating_neg(),
        };
    }
    let description = format!("would bring the units on hand above {UNITS_MAX}: adjust by less");
    Rejection::invalid_field("delta", description)
}
