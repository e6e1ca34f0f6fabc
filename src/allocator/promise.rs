//! Promises: when units will be ready, and when an order ships (`RULES.md` R5).
//!
//! [`assess`] is the one computation behind `Quote` and `Reserve`; [`ready_date`] is the one behind it
//! and behind every estimate of an order that waits.

use super::command::ReserveLine;
use super::working_set::{Index, LocationSlot, OpenInbound, StockSlot, WorkingSet};
use crate::domain::calendar::{Calendar, plus_days};
use crate::domain::ids::LineNumber;
use crate::domain::inbound::counted_on;
use crate::domain::order::{Basis, Order, OrderLine, OrderState, Supply};
use crate::domain::quantity::{BACKLOG_MAX, Units};
use crate::domain::rejection::{LineReason, LineRejection};
use crate::domain::{Date, Instant};

/// What an instant is in a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// Its local date.
    pub local: Date,
    /// Its business date.
    pub business: Date,
    /// When units that are there leave.
    pub ship: Date,
}

impl Today {
    /// The dates of an instant.
    #[must_use]
    pub fn of(calendar: &Calendar, now: Instant) -> Self {
        let business = calendar.business_date(now);
        Self {
            local: calendar.local_date(now),
            business,
            ship: calendar.ship_date(business),
        }
    }
}

/// What is coming of a SKU, and who comes first.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// Open inbounds, in any order.
    pub inbounds: &'a [OpenInbound],
    /// The item's lead time in calendar days.
    pub lead_time_days: Option<u16>,
    /// Units that arrivals give to the safety stock first.
    pub shortfall: Units,
    /// How much of each inbound is not counted on, in per cent.
    pub buffer_percent: u8,
}

impl Outlook<'_> {
    /// Nothing is coming.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            inbounds: &[],
            lead_time_days: None,
            shortfall: Units::ZERO,
            buffer_percent: 0,
        }
    }
}

/// When units that lack will be there, and why then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The business day on which the last of them is there.
    pub ready_date: Date,
    /// The supply that this counts on.
    pub supply: Supply,
    /// The date of that supply, before it is moved to a business day: that of an overdue inbound is the next business day.
    pub supply_date: Date,
    /// Units that may be counted on of the inbounds up to the one that covers, or of all of them where none does.
    pub coming: i128,
    /// Units of older orders, of the safety stock and of the line that are to come from them.
    pub needed: i128,
}

/// The date on which the last of `lacking` units is there, when `ahead` units go to older orders first,
/// and the supply that it counts on; `None` when nobody can say.
///
/// No date is before the business date of now: units that come today after the cut-off count for the
/// next business day, as a receipt of them would. Of an inbound's open quantity the buffer is kept back.
#[must_use]
pub fn coverage(
    calendar: &Calendar,
    today: Today,
    outlook: Outlook<'_>,
    ahead: Units,
    lacking: Units,
) -> Option<Coverage> {
    if lacking.is_zero() {
        return Some(Coverage {
            ready_date: today.business,
            supply: Supply::OnHand,
            supply_date: today.local,
            coming: 0,
            needed: 0,
        });
    }
    // Sums that are compared and thrown away: a safety stock of all the units that can be counted is no reason to fail.
    let needed: i128 = [ahead, outlook.shortfall, lacking]
        .iter()
        .map(|units| i128::from(units.get()))
        .sum();
    let ready = |date: Date| calendar.on_or_after(date).max(today.business);
    let inbounds = arrivals(calendar, today, outlook);
    let mut coming = 0_i128;
    for (date, inbound, counted) in &inbounds {
        coming = coming.saturating_add(i128::from(counted.get()));
        if coming >= needed {
            let supply = Supply::Inbound {
                inbound_id: inbound.inbound_id.clone(),
                expected_date: inbound.expected_date,
            };
            return Some(Coverage {
                ready_date: ready(*date),
                supply,
                supply_date: *date,
                coming,
                needed,
            });
        }
    }
    let days = outlook.lead_time_days?;
    let by_lead_time = plus_days(today.local, days);
    let last = inbounds
        .last()
        .map_or(by_lead_time, |(date, ..)| by_lead_time.max(*date));
    Some(Coverage {
        ready_date: ready(last),
        supply: Supply::LeadTime { days },
        supply_date: last,
        coming,
        needed,
    })
}

/// Inbounds of which something may be counted on, with that, by the dates that they count as, then by id.
pub(super) fn arrivals<'a>(
    calendar: &Calendar,
    today: Today,
    outlook: Outlook<'a>,
) -> Vec<(Date, &'a OpenInbound, Units)> {
    let inbounds = outlook.inbounds.iter().map(|inbound| {
        let counted = counted_on(inbound.open, outlook.buffer_percent);
        (counts_as(calendar, today, inbound.expected_date), inbound, counted)
    });
    let mut inbounds: Vec<_> = inbounds.filter(|(_, _, counted)| !counted.is_zero()).collect();
    inbounds.sort_by(|(a, x, _), (b, y, _)| a.cmp(b).then_with(|| x.inbound_id.cmp(&y.inbound_id)));
    inbounds
}

/// The date as which an inbound counts that is expected on one: an overdue one on the next business day.
pub(super) fn counts_as(calendar: &Calendar, today: Today, expected_date: Date) -> Date {
    if expected_date < today.local {
        calendar.plus_business_days(today.local, 1)
    } else {
        expected_date
    }
}

/// The date and the supply of a [`coverage`].
#[must_use]
pub fn ready_date(
    calendar: &Calendar,
    today: Today,
    outlook: Outlook<'_>,
    ahead: Units,
    lacking: Units,
) -> Option<(Date, Supply)> {
    let coverage = coverage(calendar, today, outlook, ahead, lacking)?;
    Some((coverage.ready_date, coverage.supply))
}

/// What a new order's line would get.
#[derive(Debug, Clone)]
pub struct LineOffer {
    /// The counters that it draws on.
    pub stock: Index<StockSlot>,
    /// Units that it would get at once.
    pub allocated: Units,
    /// Units that it would wait for.
    pub lacking: Units,
    /// Units of older orders, and of earlier lines, that come first.
    pub units_ahead: Units,
    /// When it would be ready and what that counts on, or why it cannot be promised.
    pub outcome: Result<LinePromise, LineReason>,
}

/// When a line would be ready.
#[derive(Debug, Clone)]
pub struct LinePromise {
    /// When its units are there.
    pub ready_date: Date,
    /// When it ships if it ships alone.
    pub ship_date: Date,
    /// What the dates count on.
    pub basis: Basis,
}

/// What a new order of these lines would get, a line each; the SKUs must be loaded, with open inbounds where
/// the lines ask for more than is available.
///
/// A line that would wait is refused for the first of: the caller wants stock only, the item is not
/// backorderable, the backlog's limit, no date.
#[must_use]
pub fn assess(
    ws: &mut WorkingSet,
    location: Index<LocationSlot>,
    lines: &[ReserveLine],
    stocks: &[Index<StockSlot>],
    in_stock_only: bool,
) -> Vec<LineOffer> {
    let mut offers = Vec::with_capacity(lines.len());
    for (at, (line, stock)) in lines.iter().zip(stocks).enumerate() {
        let slot = ws.stock(*stock);
        let (mut available, mut units_ahead) = (ws.available(slot), slot.stock.backlog);
        for (earlier, other) in offers.iter().zip(stocks).take(at) {
            let earlier: &LineOffer = earlier;
            if other == stock {
                available = available.less(earlier.allocated);
                units_ahead += earlier.lacking;
            }
        }
        let allocated = available.min(line.quantity.units());
        let lacking = line.quantity.units() - allocated;
        let units_ahead = if lacking.is_zero() { Units::ZERO } else { units_ahead };
        let outcome = Err(LineReason::NoSupplyDate { lacking, units_ahead });
        offers.push(LineOffer {
            stock: *stock,
            allocated,
            lacking,
            units_ahead,
            outcome,
        });
    }
    for at in 0..offers.len() {
        let Some(offer) = offers.get(at) else { continue };
        let outcome = if offer.lacking.is_zero() {
            let today = ws.location(location).today;
            let basis = Basis {
                units_on_hand: offer.allocated,
                ..Basis::default()
            };
            Ok(LinePromise {
                ready_date: today.business,
                ship_date: today.ship,
                basis,
            })
        } else {
            refused(ws, &offers, offer.stock, in_stock_only).map_or_else(|| dated(ws, location, offer), Err)
        };
        let missing = matches!(outcome, Ok(_) | Err(LineReason::NoSupplyDate { .. }))
            && !offer.lacking.is_zero()
            && ws.stock(offer.stock).inbounds.is_none();
        if missing {
            let ids = ws.stock_ids(offer.stock);
            ws.missing.inbounds.push(ids);
        }
        if let Some(offer) = offers.get_mut(at) {
            offer.outcome = outcome;
        }
    }
    offers
}

/// Why lines of a SKU may not wait, whatever their dates. Lines of the same SKU are summed.
fn refused(ws: &WorkingSet, offers: &[LineOffer], stock: Index<StockSlot>, in_stock_only: bool) -> Option<LineReason> {
    let slot = ws.stock(stock);
    let item = &ws.item(slot.item).item;
    let same = || offers.iter().filter(|offer| offer.stock == stock);
    let (requested, available) = (same().map(|o| o.allocated + o.lacking).sum(), ws.available(slot));
    if in_stock_only {
        return Some(LineReason::InsufficientStock { requested, available });
    }
    if !item.backorderable {
        return Some(LineReason::NotBackorderable { requested, available });
    }
    let backlog = slot.stock.backlog + same().map(|o| o.lacking).sum();
    let limit = item.max_backlog.unwrap_or(BACKLOG_MAX).min(BACKLOG_MAX);
    (backlog > limit).then_some(LineReason::BacklogLimitExceeded { backlog, limit })
}

fn dated(ws: &WorkingSet, location: Index<LocationSlot>, offer: &LineOffer) -> Result<LinePromise, LineReason> {
    let LocationSlot { location, today, .. } = ws.location(location);
    let slot = ws.stock(offer.stock);
    let outlook = outlook(ws, slot);
    let (lacking, units_ahead) = (offer.lacking, offer.units_ahead);
    let Some((ready_date, supply)) = ready_date(&location.calendar, *today, outlook, units_ahead, lacking) else {
        return Err(LineReason::NoSupplyDate { lacking, units_ahead });
    };
    let basis = Basis {
        units_on_hand: offer.allocated,
        units_ahead,
        safety_shortfall: outlook.shortfall,
        supply,
    };
    Ok(LinePromise {
        ready_date,
        ship_date: location.calendar.ship_date(ready_date),
        basis,
    })
}

/// What is coming of a loaded SKU.
#[must_use]
pub fn outlook<'a>(ws: &'a WorkingSet, slot: &'a StockSlot) -> Outlook<'a> {
    let item = &ws.item(slot.item).item;
    Outlook {
        inbounds: slot.inbounds.as_deref().unwrap_or_default(),
        lead_time_days: item.lead_time_days,
        shortfall: slot.stock.shortfall(item.safety_stock),
        buffer_percent: ws.location(slot.location).location.inbound_buffer_percent,
    }
}

/// The refusals of an assessment.
#[must_use]
pub fn refusals(lines: &[ReserveLine], offers: &[LineOffer]) -> Vec<LineRejection> {
    let numbered = lines.iter().zip(offers).enumerate();
    let refused = numbered.filter_map(|(index, (line, offer))| {
        let reason = *offer.outcome.as_ref().err()?;
        Some(LineRejection {
            index,
            line_number: line_number(index),
            sku: line.sku.clone(),
            reason,
        })
    });
    refused.collect()
}

/// The latest ship date of lines that can all be promised.
#[must_use]
pub fn ship_date(offers: &[LineOffer]) -> Option<Date> {
    let dates = offers
        .iter()
        .map(|offer| offer.outcome.as_ref().ok().map(|promise| promise.ship_date));
    dates.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The number of the line at a position.
#[must_use]
pub fn line_number(index: usize) -> LineNumber {
    LineNumber(
        i64::try_from(index)
            .ok()
            .and_then(|at| at.checked_add(1))
            .expect("an order has at most 500 lines"),
    )
}

/// What an open order's date is worth today; `None` when nobody can say. `lines` gives, for a line that lacks units,
/// what is coming and how many units are ahead of it.
///
/// A released order leaves by its ship-by date, or today once that has passed.
pub fn estimate<'a>(
    calendar: &Calendar,
    today: Today,
    order: &Order,
    mut lines: impl FnMut(&OrderLine) -> (Outlook<'a>, Units),
) -> Option<Date> {
    match order.state {
        OrderState::Tentative | OrderState::Waiting => {
            let dates = order
                .lines
                .iter()
                .filter(|line| !line.remaining().is_zero())
                .map(|line| {
                    let (outlook, ahead) = lines(line);
                    let (ready, _) = ready_date(calendar, today, outlook, ahead, line.lacking)?;
                    Some(calendar.ship_date(ready))
                });
            dates.collect::<Option<Vec<_>>>()?.into_iter().max()
        }
        OrderState::Released => Some(
            order
                .ship_by_date
                .unwrap_or(today.ship)
                .max(calendar.on_or_after(today.local)),
        ),
        OrderState::Shipped => order.shipped_at.map(|at| calendar.local_date(at)),
        OrderState::Cancelled => None,
    }
}

/// Whether an open order is at risk: its estimate is later than its promise, or nobody can name one.
#[must_use]
pub fn at_risk(order: &Order, estimated: Option<Date>) -> bool {
    order.state.is_open() && estimated.is_none_or(|date| date > order.promised_ship_date)
}
