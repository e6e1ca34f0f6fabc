//! Estimates that follow supply: queues are walked anew, in parts, after anything that may have moved their dates
//! (`RULES.md` R5, R11).
//!
//! # Shape
//! Whatever changes supply or demand notes on the counters that their queue is to be estimated anew (`mark`). Steps of
//! their own walk it (`walk`): one pass along queue and inbounds with running sums, from where the last step ended. A
//! line is late when it would ship after its order's promise; a waiting order is at risk while any of its lines is.
//!
//! # What bounds it
//! A step looks at as many lines, and changes as many of them, as its [`Share`] says. Only lines that become late, or stop
//! being it, are written.
//!
//! # Ordering
//! In queue order. What changes behind a walk while it goes on begins another one after it; units that come or go before
//! its place are added to what it carries.

use super::command::Reestimate;
use super::footprint::Wants;
use super::promise;
use super::risk::reassess_waiting;
use super::working_set::{Index, StockSlot, WaitingLine, WorkingSet};
use crate::domain::Date;
use crate::domain::ids::{InboundId, Sequence};
use crate::domain::order::{ORDER_LINES_MAX, Supply};
use crate::domain::quantity::Units;
use crate::domain::risk::{Cause, CauseKind};
use crate::domain::stock::PendingEstimate;

/// What an order that changes costs a round more than each of its lines that do: it is read, and says so in the log.
const ORDER_CHANGES: usize = 10;

/// What a round of estimates may look at and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Lines of queues that it looks at: more than the largest order has, or a queue with as many would never be walked.
    pub lines: i64,
    /// Lines that it changes, where an order that changes counts as ten more; one order at least, however many it has.
    pub changes: usize,
}

impl Default for Share {
    /// A few milliseconds.
    fn default() -> Self {
        Self {
            lines: 2_000,
            changes: 400,
        }
    }
}

/// What is left of the changes of a round.
#[derive(Debug)]
pub struct ChangesLeft {
    left: usize,
    is_whole: bool,
}

impl ChangesLeft {
    /// All of them.
    #[must_use]
    pub fn of(share: Share) -> Self {
        let (left, is_whole) = (share.changes, true);
        Self { left, is_whole }
    }

    /// Takes an order with lines that change, if it fits or is the first.
    fn take(&mut self, turned: usize) -> bool {
        let cost = turned.saturating_add(ORDER_CHANGES);
        let fits = cost <= self.left || self.is_whole;
        if fits {
            self.left = self.left.saturating_sub(cost);
            self.is_whole = false;
        }
        fits
    }
}

/// Notes that the lines of a queue are to be estimated anew. What delays nobody says nothing to a queue in which nobody is
/// late.
pub(super) fn mark(ws: &mut WorkingSet, stock: Index<StockSlot>, cause: &Cause) {
    let slot = &ws.stock(stock).stock;
    let may_delay = cause.kind.may_delay();
    if slot.backlog.is_zero() || !may_delay && slot.late_lines == 0 {
        return;
    }
    let pending = match slot.pending_estimate.clone() {
        None => PendingEstimate::begin(cause.clone()),
        Some(mut pending) => {
            let has_begun = pending.after.is_some();
            if has_begun && (may_delay || pending.again.is_none()) {
                pending.again = Some(cause.clone());
            } else if !has_begun && may_delay {
                pending.cause = cause.clone();
            }
            pending
        }
    };
    ws.stocks.change(stock).stock.pending_estimate = Some(pending);
    note_pending(ws, stock);
}

/// Says that a queue has to be walked on.
fn note_pending(ws: &mut WorkingSet, stock: Index<StockSlot>) {
    let (location_id, sku) = ws.stock_ids(stock);
    let sku = Some(sku);
    ws.to_estimate.insert(Reestimate { location_id, sku });
}

/// What a step along a queue wants, of the lines that its round has left.
pub(super) fn plan(wants: &mut Wants, ws: &WorkingSet, command: &Reestimate, lines_left: &mut i64) {
    let Some(sku) = &command.sku else {
        wants.location_walks.push(command.location_id.clone());
        return;
    };
    let Some(slot) = ws.stock_of(&command.location_id, sku) else {
        return;
    };
    let key = (command.location_id.clone(), sku.clone());
    let is_asked = wants.estimates.iter().any(|(asked, _)| *asked == key);
    if slot.stock.pending_estimate.is_none() || slot.stock.pending_refill.is_some() || is_asked {
        return;
    }
    // One more than there can be, so that the end shows.
    let whole = slot.stock.backlog.get().saturating_add(1);
    let lines = whole.min(*lines_left);
    let order_lines = i64::try_from(ORDER_LINES_MAX).unwrap_or(i64::MAX);
    if lines == whole || lines > order_lines {
        *lines_left = lines_left.saturating_sub(lines);
        wants.inbounds.push(key.clone());
        wants.estimates.push((key, lines));
    }
}

/// What is found of a line.
#[derive(Debug)]
struct Judgement {
    is_late: bool,
    /// When it would ship; `None` when nobody can say.
    ship_date: Option<Date>,
    /// The inbound that it counts on, if a day passed on which that should have come.
    overdue: Option<InboundId>,
}

/// Judges lines of a queue that follow each other, from where its walk is. Open inbounds must be loaded.
fn judge(ws: &WorkingSet, slot: &StockSlot, lines: &[WaitingLine]) -> Vec<Judgement> {
    let Some(pending) = &slot.stock.pending_estimate else {
        return Vec::new();
    };
    let place = ws.location(slot.location);
    let (calendar, today) = (&place.location.calendar, place.today);
    let outlook = promise::outlook(ws, slot);
    let shortfall = i128::from(outlook.shortfall.get());
    let (mut ahead, mut judged) = (pending.ahead, Vec::with_capacity(lines.len()));
    // Until when the supply that covered the last line covers, with the date that it gives.
    let mut step: Option<(i128, Option<Date>, Option<InboundId>)> = None;
    for line in lines {
        let needed = i128::from(ahead.get())
            .saturating_add(shortfall)
            .saturating_add(i128::from(line.lacking.get()));
        if step.as_ref().is_none_or(|(until, ..)| needed > *until) {
            let coverage = promise::coverage(calendar, today, outlook, ahead, line.lacking);
            let date = coverage
                .as_ref()
                .map(|coverage| calendar.ship_date(coverage.ready_date));
            let (mut until, mut overdue) = (i128::MAX, None);
            if let Some(coverage) = &coverage
                && let Supply::Inbound {
                    inbound_id,
                    expected_date,
                } = &coverage.supply
            {
                until = coverage.coming;
                let has_passed = pending.cause.kind == CauseKind::DayPassed && *expected_date < today.local;
                overdue = has_passed.then(|| inbound_id.clone());
            }
            step = Some((until, date, overdue));
        }
        let Some((_, ship_date, overdue)) = &step else { continue };
        judged.push(Judgement {
            is_late: ship_date.is_none_or(|date| date > line.promised_ship_date),
            ship_date: *ship_date,
            overdue: overdue.clone(),
        });
        ahead += line.lacking;
    }
    judged
}

/// How many more lines of a queue a round should look at, after the first ones showed how many of them change.
#[must_use]
pub fn lines_more(ws: &WorkingSet, stock: Index<StockSlot>, first: &[WaitingLine], share: Share) -> i64 {
    let judged = judge(ws, ws.stock(stock), first);
    let turned = first.iter().zip(&judged);
    let mut turned = turned.filter(|(line, judged)| line.is_late != judged.is_late);
    let (mut changes, mut last) = (0_usize, None);
    for (line, _) in &mut turned {
        let is_new = last != Some(line.place.0);
        changes = changes.saturating_add(if is_new { ORDER_CHANGES.saturating_add(1) } else { 1 });
        last = Some(line.place.0);
    }
    let is_one_order = first.first().map(|line| line.place.0) == first.last().map(|line| line.place.0);
    if changes == 0 || is_one_order {
        return share.lines;
    }
    let lines = share.changes.saturating_mul(first.len()).div_ceil(changes);
    i64::try_from(lines.saturating_sub(first.len())).unwrap_or(i64::MAX)
}

/// Cuts what was loaded of a queue to whole orders and to as many changes as are left of a round's; answers the places of
/// the orders that will change.
#[must_use]
pub fn cut(ws: &mut WorkingSet, stock: Index<StockSlot>, changes: &mut ChangesLeft) -> Vec<Sequence> {
    let slot = ws.stock(stock);
    let Some(page) = &slot.waiting else { return Vec::new() };
    let mut kept = page.lines.len();
    if !page.is_last {
        // The last order may have more lines behind the end.
        let last = page.lines.last().map(|line| line.place.0);
        kept = page.lines.partition_point(|line| Some(line.place.0) < last);
    }
    let judged = judge(ws, slot, &page.lines);
    let (mut changing, mut from) = (Vec::new(), 0_usize);
    for lines in page.lines.chunk_by(|one, other| one.place.0 == other.place.0) {
        let until = from.saturating_add(lines.len());
        let judged = judged.get(from..until).unwrap_or_default();
        let turned = lines.iter().zip(judged);
        let turned = turned.filter(|(line, judged)| line.is_late != judged.is_late).count();
        if until > kept {
            break;
        }
        if turned > 0 {
            if !changes.take(turned) {
                kept = from;
                break;
            }
            changing.extend(lines.first().map(|line| line.place.0));
        }
        from = until;
    }
    if let Some(page) = &mut ws.stocks.note(stock).waiting {
        page.is_last &= kept == page.lines.len();
        page.lines.truncate(kept);
    }
    changing
}

/// Goes one step along a queue: its lines and the orders that change must be loaded.
pub(super) fn walk(ws: &mut WorkingSet, stock: Index<StockSlot>) {
    let Some(pending) = ws.stock(stock).stock.pending_estimate.clone() else {
        return;
    };
    if ws.stock(stock).stock.pending_refill.is_some() {
        // Who holds units is not settled. Whoever began the refill may be gone, so it is gone on with; then comes the walk.
        return ws.cut.push(stock);
    }
    let Some(page) = ws.stocks.note(stock).waiting.take() else {
        return note_pending(ws, stock);
    };
    let judged = judge(ws, ws.stock(stock), &page.lines);
    let mut lines = page.lines.iter().zip(&judged).peekable();
    while let Some((line, judgement)) = lines.next() {
        if line.is_late != judgement.is_late {
            turn(ws, stock, line, judgement.is_late);
        }
        // The last line of an order in this queue is its latest.
        let ends = lines.peek().is_none_or(|(next, _)| next.place.0 != line.place.0);
        if ends {
            conclude(ws, stock, line, judgement, &pending.cause);
        }
    }
    let looked_at: Units = page.lines.iter().map(|line| line.lacking).sum();
    let next = if page.is_last {
        pending.again.map(PendingEstimate::begin)
    } else {
        Some(PendingEstimate {
            after: page.lines.last().map(|line| line.place).or(pending.after),
            ahead: pending.ahead + looked_at,
            ..pending
        })
    };
    let goes_on = next.is_some();
    ws.stocks.change(stock).stock.pending_estimate = next;
    if goes_on {
        note_pending(ws, stock);
    }
}

/// Notes on a line whether it is late.
fn turn(ws: &mut WorkingSet, stock: Index<StockSlot>, line: &WaitingLine, is_late: bool) {
    let location = ws.stock(stock).location;
    let order = ws.waiting_orders.find(&(location, line.place.0));
    let order = ws
        .waiting_orders
        .change(order.expect("the orders of lines that change are loaded"));
    let stored = order.lines.iter_mut().find(|stored| stored.number == line.place.1);
    let stored = stored.expect("every line that lacks units is loaded with its order");
    stored.is_late = is_late;
    stored.is_changed = true;
    ws.stocks.change(stock).stock.count_late(is_late);
}

/// Says what became of an order whose lines in a queue are judged, if one of them changed.
fn conclude(ws: &mut WorkingSet, stock: Index<StockSlot>, line: &WaitingLine, judgement: &Judgement, changed: &Cause) {
    let slot = ws.stock(stock);
    let Some(order) = ws.waiting_orders.find(&(slot.location, line.place.0)) else {
        return;
    };
    let sku_key = ws.item(slot.item).key;
    let mut waiting = ws.waiting_orders.get(order).lines.iter();
    // Where lines of another SKU wait too, theirs may be the latest, unless this one alone is late.
    let is_alone = waiting.all(|line| line.sku_key == sku_key);
    let estimated = judgement.ship_date.filter(|_| is_alone || judgement.is_late);
    let overdue = judgement.overdue.as_ref();
    let overdue = overdue.map(|inbound_id| Cause::of_inbound(CauseKind::InboundOverdue, inbound_id));
    reassess_waiting(ws, order, overdue.as_ref().unwrap_or(changed), estimated);
}
