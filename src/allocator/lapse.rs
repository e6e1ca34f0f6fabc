//! Tentative orders whose payment did not come in time: from their deadline on they hold nothing (`RULES.md` R10).
//!
//! # Ordering
//! Before a command is decided, what has lapsed at its locations is cancelled: by deadline, then by place, each with its
//! event and its refill. So no command sees units that a lapsed order holds, and it does not matter when anybody looks.

use std::collections::{BTreeMap, BTreeSet};

use super::Refusal;
use super::cancel;
use super::command::Command;
use super::queue;
use super::sourcing;
use super::working_set::{Index, LocationSlot, OrderSlot, Place, WorkingSet};
use crate::domain::event::ReleaseCause;
use crate::domain::ids::{EventSequence, LineNumber, OrderId, Sequence, SkuKey};
use crate::domain::order::{Order, OrderLine};
use crate::domain::quantity::Units;

/// Cancels what has lapsed where a command is to be decided. Refused while more is due than a round takes.
pub(super) fn before(ws: &mut WorkingSet, command: &Command) -> Result<(), Refusal> {
    if ws.due.is_empty() {
        return Ok(());
    }
    for location in locations_of(ws, command) {
        if at(ws, location) {
            return Err(Refusal::Deferred);
        }
    }
    Ok(())
}

/// Where a command is decided.
fn locations_of(ws: &mut WorkingSet, command: &Command) -> BTreeSet<Index<LocationSlot>> {
    if let Command::Reserve(c) = command
        && c.location_id.is_none()
        && ws.order_of(&c.order_id).is_none()
    {
        let candidates = sourcing::candidates(ws);
        return candidates.iter().map(|candidate| candidate.location).collect();
    }
    let of_order = |id: &OrderId| ws.order_of(id).map(|slot| slot.location);
    let location = match command {
        // Of an order that was placed elsewhere nothing is decided there, and nobody need have its lock.
        Command::Reserve(c) => match &c.location_id {
            Some(asked) => ws.locations.find(asked),
            None => of_order(&c.order_id),
        },
        Command::Confirm(order_id) => of_order(order_id),
        Command::Cancel(c) => of_order(&c.order_id),
        Command::AcknowledgeRelease(c) => of_order(&c.order_id),
        Command::ConfirmShipment(c) | Command::ReportShippedAfterCancel(c) => of_order(&c.order_id),
        Command::Receive(c) => ws.locations.find(&c.location_id),
        Command::Adjust(c) => ws.locations.find(&c.location_id),
        Command::PutInbound(c) => ws.locations.find(&c.location_id),
        Command::CloseInbound(c) => ws.locations.find(&c.location_id),
        Command::PutLocation(location) => ws.locations.find(&location.location_id),
        Command::Lapse(location_id) => ws.locations.find(location_id),
        Command::PutItem(item) => {
            let ids = ws.find_item(&item.sku).map(|item| ws.locations_with(item));
            let ids = ids.into_iter().flatten();
            return ids.filter_map(|id| ws.locations.find(&id)).collect();
        }
        // What it gives out, or looks at, was freed before.
        Command::ContinueRefill(_) | Command::Reestimate(_) => None,
    };
    location.into_iter().collect()
}

/// Cancels what has lapsed at a location; answers whether more is due.
fn at(ws: &mut WorkingSet, location: Index<LocationSlot>) -> bool {
    let Some(due) = ws.due.get_mut(&location) else {
        return false;
    };
    let (orders, more) = (std::mem::take(&mut due.orders), due.more);
    // Lines that lapses fill are not counted against those of the commands.
    let of_commands = ws.refill_lines_left;
    ws.refill_lines_left = ws.refill_lines_max.saturating_sub(ws.lapse_lines_filled).max(0);
    for order in orders {
        lapse(ws, order);
    }
    ws.lapse_lines_filled = ws.refill_lines_max.saturating_sub(ws.refill_lines_left);
    ws.refill_lines_left = of_commands;
    more
}

fn lapse(ws: &mut WorkingSet, order: Index<OrderSlot>) {
    let Some(deadline) = ws.order(order).lapse_due(ws.now) else {
        return;
    };
    let location = ws.orders.get(order).location;
    let skus: Vec<_> = ws.order(order).lines.iter().map(|line| line.sku.clone()).collect();
    // Refills that go on take up what comes free: in the end nobody has overtaken anybody.
    let stocks: Vec<_> = skus
        .iter()
        .filter_map(|sku| super::stock_at(ws, location, sku))
        .collect();
    if stocks.len() < skus.len() {
        return;
    }
    cancel::lapse(ws, order, &stocks, deadline);
    for stock in stocks {
        queue::refill(ws, stock, ReleaseCause::Lapse);
    }
}

/// Cancels what has lapsed at every loaded location, for a reader.
pub(super) fn everywhere(ws: &mut WorkingSet) {
    let locations: Vec<_> = ws.due.keys().copied().collect();
    for location in locations {
        at(ws, location);
    }
}

/// Cancels what has lapsed at every loaded location, for a reader, which writes nothing; answers how many units fewer each
/// line lacks by it. What is due beyond [`LAPSES_MAX`](super::footprint::LAPSES_MAX) at a location is still shown.
#[must_use]
pub fn foresee(ws: &mut WorkingSet) -> Foreseen {
    if ws.due.is_empty() {
        return Foreseen::default();
    }
    let before = snapshot(ws);
    everywhere(ws);
    let mut gained: BTreeMap<_, Gain> = BTreeMap::new();
    for (index, (event_sequence, lacking)) in before {
        // The numbers of events that are not written would be given to others.
        ws.orders.note(index).order.event_sequence = event_sequence;
        let OrderSlot { location, order, .. } = ws.orders.get(index);
        for (line, lacked) in order.lines.iter().zip(lacking) {
            let units = lacked.less(line.lacking);
            if !units.is_zero() {
                let place = (order.sequence, line.number);
                let left = line.lacking.is_zero();
                gained.insert((*location, line.sku_key, place), Gain { units, left });
            }
        }
    }
    let foreseen = Foreseen(gained);
    for index in asked(ws) {
        let OrderSlot { location, order, .. } = ws.orders.get(index);
        let fewer = |line: &OrderLine| foreseen.before(*location, line.sku_key, place(order, line));
        let fewer: Vec<_> = order.lines.iter().map(fewer).collect();
        let slot = ws.orders.note(index);
        for ((units, lines), (units_fewer, lines_fewer)) in
            slot.units_ahead.iter_mut().zip(&mut slot.lines_ahead).zip(fewer)
        {
            *units = units.less(units_fewer);
            *lines = lines.saturating_sub(lines_fewer).max(0);
        }
    }
    foreseen
}

/// Orders of which somebody asked who is ahead.
fn asked(ws: &WorkingSet) -> Vec<Index<OrderSlot>> {
    let asked = ws.orders.iter().filter(|(_, slot)| !slot.units_ahead.is_empty());
    asked.map(|(index, _)| index).collect()
}

fn place(order: &Order, line: &OrderLine) -> Place {
    (order.sequence, line.number)
}

type Snapshot = Vec<(Index<OrderSlot>, (EventSequence, Vec<Units>))>;

fn snapshot(ws: &WorkingSet) -> Snapshot {
    let lacking = |order: &Order| order.lines.iter().map(|line| line.lacking).collect();
    let orders = ws.orders.iter();
    orders
        .map(|(index, slot)| (index, (slot.order.event_sequence, lacking(&slot.order))))
        .collect()
}

/// What a line gets by lapses.
#[derive(Debug, Clone, Copy)]
struct Gain {
    /// Units that it lacks no more.
    units: Units,
    /// Whether it lacks nothing any more.
    left: bool,
}

/// How many units fewer lines lack once what has lapsed is cancelled, by SKU and place.
#[derive(Debug, Clone, Default)]
pub struct Foreseen(BTreeMap<(Index<LocationSlot>, SkuKey, Place), Gain>);

impl Foreseen {
    /// Units that lines of a SKU before a place lack no more.
    #[must_use]
    pub fn ahead_of(&self, location: Index<LocationSlot>, sku: SkuKey, place: Place) -> Units {
        self.before(location, sku, place).0
    }

    /// With them, how many lines lack nothing any more.
    fn before(&self, location: Index<LocationSlot>, sku: SkuKey, place: Place) -> (Units, i64) {
        let first = (location, sku, (Sequence(0), LineNumber(0)));
        let gains = self.0.range(first..(location, sku, place)).map(|(_, gain)| gain);
        gains.fold((Units::ZERO, 0), |(units, lines), gain| {
            (units + gain.units, lines.saturating_add(i64::from(gain.left)))
        })
    }
}
