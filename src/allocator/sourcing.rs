//! Which location is to fill an order: the one that it names, or the best of all (`RULES.md` R7).

use super::command::ReserveLine;
use super::promise::{self, LineOffer};
use super::working_set::{Index, LocationSlot, StockSlot, WorkingSet};
use super::{Refusal, location_of, stocks_of};
use crate::domain::Date;
use crate::domain::catalog::Location;
use crate::domain::ids::{LocationId, Sku};
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
    let candidates = candidates(ws);
    if candidates.is_empty() {
        return Err(Rejection::NoActiveLocation.into());
    }
    let (mut best, mut refused): (Option<Source>, Option<Source>) = (None, None);
    for location in candidates {
        let is_beaten = |best: &Source| preference(ws, best.location, best.ship_date) < preference(ws, location, None);
        if best.as_ref().is_some_and(is_beaten) {
            break;
        }
        let source = at(ws, location, demand)?;
        let kept = if source.ship_date.is_some() {
            &mut best
        } else {
            &mut refused
        };
        let is_better = |kept: &Source| {
            let refusal = source.ship_date.is_none();
            // Refusals have no dates to be compared by.
            let of = |source: &Source| {
                let (date, rank, id) = preference(ws, source.location, source.ship_date);
                ((!refusal).then_some(date), rank, id)
            };
            of(&source) < of(kept)
        };
        if kept.as_ref().is_none_or(is_better) {
            *kept = Some(source);
        }
    }
    // There is a candidate, and each is kept or beaten.
    best.or(refused).ok_or_else(|| Rejection::NoActiveLocation.into())
}
