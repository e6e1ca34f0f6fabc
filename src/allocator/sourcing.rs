//! Which location is to fill an order: the one that it names, or the best of all (`RULES.md` R7).

use super::command::ReserveLine;
use super::promise::{self, LineOffer, Outlook, Today};
use super::working_set::{Index, LocationSlot, OpenInbound, StockSlot, WorkingSet};
use super::{Refusal, location_of, stocks_of};
use crate::domain::Date;
use crate::domain::calendar::plus_days;
use crate::domain::catalog::Location;
use crate::domain::ids::{LocationId, Sku};
use crate::domain::inbound::counted_on;
use crate::domain::rejection::Rejection;

/// What an order would get at a location.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Where.
    pub(super) location: Index<LocationSlot>,
    /// What each line would get.
    pub(super) offers: Vec<LineOffer>,
    /// When it would ship; `None` when a line cannot be promised.
    pub(super) ship_date: Option<Date>,
}

/// What to do at a location whose counters are not final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// Decide later.
    Defer,
    /// Take what the counters say.
    Take,
}

/// What an order is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'a> {
    pub(super) lines: &'a [ReserveLine],
    pub(super) in_stock_only: bool,
    pub(super) unsettled: Unsettled,
}

/// The location that is to fill an order. Without a named one that is, of all that take orders and could take this one
/// whole, the one with the earliest promise, then the lower rank, then the lower id; where none could, the one of the lowest
/// rank and id, which tells why.
///
/// Refused for the first of: no such location, an inactive one or none that is active, no such SKUs.
pub(super) fn source(ws: &mut WorkingSet, named: Option<&LocationId>, demand: Demand<'_>) -> Result<Source, Refusal> {
    let Some(location_id) = named else {
        return best(ws, demand);
    };
    let location = location_of(ws, location_id)?;
    if !ws.location(location).location.active {
        return Err(Rejection::LocationInactive(location_id.clone()).into());
    }
    at(ws, location, demand)
}

fn at(ws: &mut WorkingSet, location: Index<LocationSlot>, demand: Demand<'_>) -> Result<Source, Refusal> {
    let skus = || demand.lines.iter().map(|line| &line.sku);
    let stocks = match stocks_of(ws, location, skus()) {
        Err(Refusal::Deferred) if demand.unsettled == Unsettled::Take => loaded(ws, location, skus()),
        stocks => stocks?,
    };
    let offers = promise::assess(ws, location, demand.lines, &stocks, demand.in_stock_only);
    let ship_date = promise::ship_date(&offers);
    Ok(Source {
        location,
        offers,
        ship_date,
    })
}

fn loaded<'a>(
    ws: &WorkingSet,
    location: Index<LocationSlot>,
    skus: impl Iterator<Item = &'a Sku>,
) -> Vec<Index<StockSlot>> {
    let found = skus.filter_map(|sku| ws.stocks.find(&(location, ws.find_item(sku)?)));
    found.collect()
}

/// Every location that takes orders, the one first that could ship first if it had everything, then by rank and id. An order
/// never ships before that date, so that those at the end need not be looked at.
pub(super) fn candidates(ws: &WorkingSet) -> Vec<Index<LocationSlot>> {
    let active = ws.locations.iter().filter(|(_, slot)| slot.location.active);
    let mut candidates: Vec<_> = active.map(|(index, _)| index).collect();
    candidates.sort_unstable_by(|a, b| preference(ws, *a, None).cmp(&preference(ws, *b, None)));
    candidates
}

/// What the lowest of is preferred: the ship date, or without one the earliest that a location has, the rank, the id.
fn preference(ws: &WorkingSet, location: Index<LocationSlot>, ship_date: Option<Date>) -> (Date, i32, &LocationId) {
    let slot = ws.location(location);
    let at_best = || slot.today.ship;
    let Location { rank, location_id, .. } = &slot.location;
    (ship_date.unwrap_or_else(at_best), *rank, location_id)
}

fn best(ws: &mut WorkingSet, demand: Demand<'_>) -> Result<Source, Refusal> {
    let mut candidates = candidates(ws).into_iter();
    let first = candidates.next().ok_or(Rejection::NoActiveLocation)?;
    let mut found = at(ws, first, demand)?;
    let second = candidates.as_slice().first();
    if second.is_none_or(|second| is_beaten(ws, &found, *second, None)) {
        return Ok(found);
    }
    // Those that could win come first, so that most are never looked at.
    let mut others: Vec<_> = candidates.map(|other| (earliest(ws, other, demand), other)).collect();
    others.sort_unstable_by(|(a, x), (b, y)| preference(ws, *x, *a).cmp(&preference(ws, *y, *b)));
    for (earliest, location) in others {
        if is_beaten(ws, &found, location, earliest) {
            break;
        }
        let source = at(ws, location, demand)?;
        if wins(ws, &source, &found) {
            found = source;
        }
    }
    Ok(found)
}

/// Whether what was found is better than whatever a location may have, which ships nothing before a date.
fn is_beaten(ws: &WorkingSet, found: &Source, location: Index<LocationSlot>, earliest: Option<Date>) -> bool {
    found.ship_date.is_some() && preference(ws, found.location, found.ship_date) < preference(ws, location, earliest)
}

/// Whether a source is better than another: one with a date is, then the earlier one, then the lower rank and id. Refusals have
/// no dates to be compared by.
fn wins(ws: &WorkingSet, source: &Source, other: &Source) -> bool {
    let of = |source: &Source| {
        let (date, rank, id) = preference(ws, source.location, source.ship_date);
        (source.ship_date.is_none(), source.ship_date.map(|_| date), rank, id)
    };
    of(source) < of(other)
}

/// A date before which an order of these lines does not ship from a location, whatever comes first there: that of the first
/// supply of the line whose first supply is the latest. `None` where it ships at best today, or where it cannot be said.
fn earliest(ws: &WorkingSet, location: Index<LocationSlot>, demand: Demand<'_>) -> Option<Date> {
    let LocationSlot {
        location: of, today, ..
    } = ws.location(location);
    let mut latest = today.business;
    for line in demand.lines {
        let slot = ws.stock(ws.stocks.find(&(location, ws.find_item(&line.sku)?))?);
        if slot.stock.pending_refill.is_some() {
            return None;
        }
        if ws.available(slot) < line.quantity.units() {
            slot.inbounds.as_ref()?;
            // Nothing is coming: no date at all.
            let Some(supply) = first_supply(*today, promise::outlook(ws, slot)) else {
                return Some(Date::MAX);
            };
            latest = latest.max(supply);
        }
    }
    (latest > today.business).then(|| of.calendar.ship_date(of.calendar.on_or_after(latest)))
}

/// A date before which nothing that is coming is there; `None` when nothing is coming.
fn first_supply(today: Today, outlook: Outlook<'_>) -> Option<Date> {
    let counted = |inbound: &&OpenInbound| !counted_on(inbound.open, outlook.buffer_percent).is_zero();
    let inbounds = outlook.inbounds.iter().filter(counted);
    let by_lead_time = outlook.lead_time_days.map(|days| plus_days(today.local, days));
    inbounds.map(|inbound| inbound.expected_date).chain(by_lead_time).min()
}
