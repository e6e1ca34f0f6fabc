//! Which location is to fill an order: the one that it names, or the best of all (`RULES.md` R7).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use foldhash::HashMap;

use super::command::ReserveLine;
use super::promise::{self, LineOffer, Outlook, Today};
use super::working_set::{Index, ItemSlot, LocationSlot, OpenInbound, StockSlot, WorkingSet};
use super::{Refusal, location_of, stocks_of};
use crate::domain::Date;
use crate::domain::calendar::plus_days;
use crate::domain::ids::{LocationId, Sku};
use crate::domain::inbound::counted_on;
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;

/// The most inbounds that are passed by in looking for the first that a new order gets something of.
const INBOUNDS_PASSED_MAX: u32 = 8;

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

/// A location that takes orders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Which one.
    pub(super) location: Index<LocationSlot>,
    /// When units that are there leave: no order ships before that.
    ship: Date,
    /// How many come before it by rank, then by id.
    standing: usize,
}

/// What of a SKU an order could get at a candidate.
#[derive(Debug, Clone, Copy)]
struct Prospect {
    /// Units that it would get at once.
    available: Units,
    /// A date before which it does not ship if it asks for more: of the first supply, whatever comes first there. The last
    /// date of all where it cannot be promised.
    otherwise: Date,
}

/// What was worked out of the rows of a working set, for as long as they are what they were: orders that follow each other
/// ask it of the same SKUs.
#[derive(Debug, Default)]
pub(super) struct Choices {
    of_locations: u64,
    candidates: Option<Arc<[Candidate]>>,
    of_items: HashMap<Index<ItemSlot>, OfItem>,
}

/// What was worked out of an item.
#[derive(Debug)]
struct OfItem {
    /// The versions of the tables that it was looked up in.
    of_tables: Versions,
    /// For each candidate what an order could get there.
    at_candidates: Vec<AtCandidate>,
}

/// What was worked out of an item at a candidate.
#[derive(Debug, Clone, Copy)]
struct AtCandidate {
    prospect: Prospect,
    /// The counters that it follows from, if they are loaded, with the versions of the rows.
    of: Option<(Index<StockSlot>, Versions)>,
}

/// Versions of locations, items and counters.
type Versions = (u64, u64, u64);

/// Every location that takes orders, the one first that could ship first if it had everything, then by rank and id. An order
/// never ships before that date, so that those at the end need not be looked at.
pub(super) fn candidates(ws: &mut WorkingSet) -> Arc<[Candidate]> {
    let version = ws.locations.version();
    if let Some(known) = ws
        .choices
        .candidates
        .as_ref()
        .filter(|_| ws.choices.of_locations == version)
    {
        return Arc::clone(known);
    }
    let active = ws.locations.iter().filter(|(_, slot)| slot.location.active);
    let mut by_standing: Vec<_> = active.collect();
    by_standing.sort_unstable_by_key(|(_, slot)| (slot.location.rank, &slot.location.location_id));
    let numbered = by_standing.into_iter().enumerate();
    let mut candidates: Vec<_> = numbered
        .map(|(standing, (location, slot))| Candidate {
            location,
            ship: slot.today.ship,
            standing,
        })
        .collect();
    candidates.sort_unstable_by_key(|candidate| (candidate.ship, candidate.standing));
    let candidates: Arc<[Candidate]> = candidates.into();
    ws.choices.of_locations = version;
    ws.choices.candidates = Some(Arc::clone(&candidates));
    candidates
}

fn best(ws: &mut WorkingSet, demand: Demand<'_>) -> Result<Source, Refusal> {
    let candidates = candidates(ws);
    let first = *candidates.first().ok_or(Rejection::NoActiveLocation)?;
    let mut found = (at(ws, first.location, demand)?, first.standing);
    let second = candidates.get(1);
    if second.is_none_or(|second| is_beaten(&found, second.ship, second.standing)) {
        return Ok(found.0);
    }
    // Those that could win come first, so that most are never looked at.
    let earliest = earliest(ws, &candidates, demand.lines)
        .into_iter()
        .zip(candidates.iter());
    let others = earliest.map(|(earliest, other)| Reverse((earliest, other.standing, other.location)));
    let mut others: BinaryHeap<_> = others.skip(1).collect();
    while let Some(Reverse((earliest, standing, location))) = others.pop() {
        if is_beaten(&found, earliest, standing) {
            break;
        }
        let other = (at(ws, location, demand)?, standing);
        if wins(&other, &found) {
            found = other;
        }
        // Where nothing can be promised, the lowest rank and id tells why: it came first.
        if earliest == Date::MAX {
            break;
        }
    }
    Ok(found.0)
}

/// Whether what was found is better than whatever a location of a standing may have, which ships nothing before a date.
fn is_beaten((found, standing): &(Source, usize), earliest: Date, other: usize) -> bool {
    found
        .ship_date
        .is_some_and(|date| (date, *standing) < (earliest, other))
}

/// Whether a source is better than another: one with a date is, then the earlier one, then the lower rank and id. Refusals have
/// no dates to be compared by.
fn wins(source: &(Source, usize), other: &(Source, usize)) -> bool {
    let of = |(source, standing): &(Source, usize)| (source.ship_date.is_none(), source.ship_date, *standing);
    of(source) < of(other)
}

/// For each candidate a date before which an order of these lines does not ship from there: that of the first supply of the
/// line whose first supply is the latest.
fn earliest(ws: &mut WorkingSet, candidates: &[Candidate], lines: &[ReserveLine]) -> Vec<Date> {
    let mut earliest: Vec<_> = candidates.iter().map(|candidate| candidate.ship).collect();
    for line in lines {
        let Some(item) = ws.find_item(&line.sku) else {
            continue;
        };
        let quantity = line.quantity.units();
        for (earliest, AtCandidate { prospect, .. }) in earliest.iter_mut().zip(prospects(ws, candidates, item)) {
            if prospect.available < quantity {
                *earliest = prospect.otherwise.max(*earliest);
            }
        }
    }
    earliest
}

/// What of a SKU an order could get at each candidate.
fn prospects<'a>(ws: &'a mut WorkingSet, candidates: &[Candidate], item: Index<ItemSlot>) -> &'a [AtCandidate] {
    let of_tables = (ws.locations.version(), ws.items.version(), ws.stocks.version());
    let known = ws.choices.of_items.get(&item);
    if known.is_none_or(|known| known.of_tables != of_tables) {
        let known = known.map_or(&[][..], |known| &known.at_candidates);
        let renewed = candidates.iter().enumerate().map(|(at, candidate)| {
            let known = known.get(at).filter(|known| known.is_current(ws, *candidate, item));
            known.map_or_else(|| AtCandidate::of(ws, *candidate, item), |known| *known)
        });
        let at_candidates = renewed.collect();
        let of_item = OfItem {
            of_tables,
            at_candidates,
        };
        ws.choices.of_items.insert(item, of_item);
    }
    let known = ws.choices.of_items.get(&item);
    known.map_or(&[], |known| &known.at_candidates)
}

impl AtCandidate {
    fn of(ws: &WorkingSet, candidate: Candidate, item: Index<ItemSlot>) -> Self {
        let stock = ws.stocks.find(&(candidate.location, item));
        Self {
            prospect: stock.map_or_else(|| unknown(candidate), |stock| prospect(ws, candidate, stock)),
            of: stock.map(|stock| (stock, versions(ws, candidate, item, stock))),
        }
    }

    /// Whether it is of this candidate, which may stand elsewhere among them than before, and of rows as they are.
    fn is_current(&self, ws: &WorkingSet, candidate: Candidate, item: Index<ItemSlot>) -> bool {
        self.of.is_some_and(|(stock, of)| {
            ws.stock(stock).location == candidate.location && versions(ws, candidate, item, stock) == of
        })
    }
}

/// The versions of the rows that a prospect follows from.
fn versions(ws: &WorkingSet, candidate: Candidate, item: Index<ItemSlot>, stock: Index<StockSlot>) -> Versions {
    let of_location = ws.locations.version_of(candidate.location);
    (of_location, ws.items.version_of(item), ws.stocks.version_of(stock))
}

/// All that can be said of what is not loaded, or not settled.
fn unknown(candidate: Candidate) -> Prospect {
    Prospect {
        available: Units::ZERO,
        otherwise: candidate.ship,
    }
}

fn prospect(ws: &WorkingSet, candidate: Candidate, stock: Index<StockSlot>) -> Prospect {
    let slot = ws.stock(stock);
    if slot.stock.pending_refill.is_some() {
        return unknown(candidate);
    }
    let (available, may_wait) = (ws.available(slot), ws.item(slot.item).item.backorderable);
    if may_wait && slot.inbounds.is_none() {
        return Prospect {
            available,
            ..unknown(candidate)
        };
    }
    let LocationSlot { location, today, .. } = ws.location(candidate.location);
    let supply = first_supply(*today, promise::outlook(ws, slot), slot.stock.backlog).filter(|_| may_wait);
    // Nothing is coming: no date at all.
    let otherwise = supply.map_or(Date::MAX, |supply| {
        if supply <= today.business {
            return candidate.ship;
        }
        let calendar = &location.calendar;
        calendar.ship_date(calendar.on_or_after(supply))
    });
    Prospect { available, otherwise }
}

/// A date before which no unit is there for a new order, when `ahead` units go to older ones first; `None` when nobody can
/// say. Without a walk along everything that is coming: where that is long, it is an early one.
fn first_supply(today: Today, outlook: Outlook<'_>, ahead: Units) -> Option<Date> {
    let counted = |inbound: &OpenInbound| i128::from(counted_on(inbound.open, outlook.buffer_percent).get());
    let coming = || outlook.inbounds.iter().filter(|inbound| counted(inbound) > 0);
    let before = i128::from(ahead.get()).saturating_add(i128::from(outlook.shortfall.get()));
    let mut first = coming().map(|inbound| inbound.expected_date).min();
    for _ in 0..INBOUNDS_PASSED_MAX {
        let Some(date) = first else { break };
        let by_then = coming().filter(|inbound| inbound.expected_date <= date);
        if by_then.map(counted).fold(0, i128::saturating_add) > before {
            return first;
        }
        let later = coming()
            .map(|inbound| inbound.expected_date)
            .filter(|later| *later > date);
        let Some(later) = later.min() else {
            // All that is coming goes to others.
            let by_lead_time = outlook.lead_time_days.map(|days| plus_days(today.local, days));
            return by_lead_time.map(|by_lead_time| by_lead_time.max(date));
        };
        first = Some(later);
    }
    first.or_else(|| outlook.lead_time_days.map(|days| plus_days(today.local, days)))
}
