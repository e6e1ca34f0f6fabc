//! Footprints: which rows a round may touch, so that all of them are loaded at once.
//!
//! A round is loaded in two steps: first what its commands name ([`Footprint::of`]), then, knowing the
//! counters, what only some of them need ([`plan`]): heads of queues, open inbounds. What neither step
//! foresaw (units lost, a release revoked) is asked for by the allocator itself in [`Wants`], and the
//! round is loaded again with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;

use super::command::{Change, Command, ReserveLine};
use super::estimate::{self, Share};
pub use super::wants::Wants;
use super::wants::settle;
use super::working_set::{Index, ItemSlot, OrderSlot, WorkingSet};
use crate::domain::ids::{AdjustmentId, InboundId, LocationId, OrderId, ReceiptId, Sku};
use crate::domain::quantity::Units;

/// The most queue lines that one round fills. A larger refill is cut, so that it never keeps other orders
/// waiting for longer than a round.
pub const REFILL_LINES_MAX: i64 = 10_000;

/// The most tentative orders of one location that lapse in a round. While more are due, the commands there are put off to
/// the next one.
pub const LAPSES_MAX: usize = 1_000;

/// What the commands of a round name. Each list is sorted and has no repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Whether keys of new locations or items may be given.
    pub catalog: bool,
    /// Locations to lock, in this order.
    pub locations: Vec<LocationId>,
    /// SKUs of locations: items and counters.
    pub skus: Vec<(LocationId, Sku)>,
    /// SKUs of orders that name no location: their items, every location, to be locked in the order of ids, and the counters
    /// of each there.
    pub anywhere: Vec<Sku>,
    /// Items to be put, with the counters of every location that has them.
    pub items: Vec<Sku>,
    /// Orders named: their locations are locked too.
    pub orders: Vec<OrderId>,
    /// Ids of orders claimed anew: an order that has one already is loaded.
    pub claims: Vec<OrderId>,
    /// Orders whose cancellations are needed.
    pub cancellations: Vec<OrderId>,
    /// Receipt ids claimed.
    pub receipts: Vec<(LocationId, ReceiptId)>,
    /// Adjustment ids claimed.
    pub adjustments: Vec<(LocationId, AdjustmentId)>,
    /// Inbounds named, or ids claimed.
    pub inbounds: Vec<(LocationId, InboundId)>,
    /// Locations of which it is needed as of when their dates were estimated.
    pub days: Vec<LocationId>,
}

impl Footprint {
    /// The footprint of some commands, and of what an earlier attempt missed.
    #[must_use]
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a Command>, missed: &Wants) -> Self {
        let mut footprint = Self::default();
        for command in commands {
            footprint.add(command);
        }
        footprint.skus.extend(missed.stocks.iter().cloned());
        footprint.settle();
        footprint
    }

    fn add(&mut self, command: &Command) {
        match command {
            Command::Reserve(c) => {
                self.claims.push(c.order_id.clone());
                self.source(c.location_id.as_ref(), &c.lines);
            }
            Command::Cancel(c) => {
                self.orders.push(c.order_id.clone());
                self.cancellations.push(c.order_id.clone());
            }
            Command::AcknowledgeRelease(c) => self.orders.push(c.order_id.clone()),
            Command::Confirm(order_id) => self.orders.push(order_id.clone()),
            Command::ConfirmShipment(c) => self.orders.push(c.order_id.clone()),
            Command::Lapse(location_id) => self.locations.push(location_id.clone()),
            Command::ReportShippedAfterCancel(c) => {
                self.orders.push(c.order_id.clone());
                self.cancellations.push(c.order_id.clone());
            }
            Command::Receive(c) => {
                self.locations.push(c.location_id.clone());
                self.receipts.push((c.location_id.clone(), c.receipt_id.clone()));
                self.skus.extend(
                    c.content
                        .lines
                        .iter()
                        .map(|line| (c.location_id.clone(), line.sku.clone())),
                );
                self.inbounds.extend(
                    c.content
                        .inbound_id
                        .iter()
                        .map(|id| (c.location_id.clone(), id.clone())),
                );
            }
            Command::Adjust(c) => {
                self.locations.push(c.location_id.clone());
                self.adjustments.push((c.location_id.clone(), c.adjustment_id.clone()));
                self.skus.push((c.location_id.clone(), c.content.sku.clone()));
            }
            Command::PutInbound(c) => {
                self.locations.push(c.location_id.clone());
                self.inbounds.push((c.location_id.clone(), c.inbound_id.clone()));
                self.skus
                    .extend(c.lines.iter().map(|(sku, _)| (c.location_id.clone(), sku.clone())));
            }
            Command::CloseInbound(c) => {
                self.locations.push(c.location_id.clone());
                self.inbounds.push((c.location_id.clone(), c.inbound_id.clone()));
            }
            Command::PutLocation(location) => {
                self.catalog = true;
                self.locations.push(location.location_id.clone());
                self.days.push(location.location_id.clone());
            }
            Command::PutItem(item) => {
                self.catalog = true;
                self.items.push(item.sku.clone());
            }
            Command::ContinueRefill(c) => {
                self.locations.push(c.location_id.clone());
                self.skus.push((c.location_id.clone(), c.sku.clone()));
            }
            Command::Reestimate(c) => {
                self.locations.push(c.location_id.clone());
                match &c.sku {
                    Some(sku) => self.skus.push((c.location_id.clone(), sku.clone())),
                    None => self.days.push(c.location_id.clone()),
                }
            }
        }
    }

    /// Adds what may fill an order.
    pub fn source(&mut self, location_id: Option<&LocationId>, lines: &[ReserveLine]) {
        let skus = lines.iter().map(|line| line.sku.clone());
        if let Some(location_id) = location_id {
            self.locations.push(location_id.clone());
            self.skus.extend(skus.map(|sku| (location_id.clone(), sku)));
        } else {
            self.anywhere.extend(skus);
        }
    }

    /// Sorts each list and drops repeats.
    pub fn settle(&mut self) {
        settle(&mut self.locations);
        settle(&mut self.skus);
        settle(&mut self.anywhere);
        settle(&mut self.items);
        settle(&mut self.orders);
        settle(&mut self.claims);
        settle(&mut self.cancellations);
        settle(&mut self.receipts);
        settle(&mut self.adjustments);
        settle(&mut self.inbounds);
        settle(&mut self.days);
    }
}

/// What commands want beside their footprint, now that the counters are loaded; estimates take no more than a share.
#[must_use]
pub fn plan<'a>(ws: &WorkingSet, commands: impl IntoIterator<Item = &'a Command>, share: Share) -> Wants {
    let mut planner = Planner::new(ws);
    planner.estimates_left = share.lines;
    planner.freed_by_lapses();
    for command in commands {
        planner.add(command);
    }
    if !planner.wants.estimates.is_empty() {
        planner.wants.share = share;
    }
    settle(&mut planner.wants.inbounds);
    planner.wants
}

/// What orders want beside their footprint, now that the counters are loaded, each as if it came alone: where it is to be
/// filled, and its lines.
#[must_use]
pub fn plan_of_each<'a>(
    ws: &WorkingSet,
    orders: impl IntoIterator<Item = (Option<&'a LocationId>, &'a [ReserveLine])>,
) -> Wants {
    let mut planner = Planner::new(ws);
    for (location_id, lines) in orders {
        planner.source(location_id, lines);
        planner.forget_asked();
    }
    settle(&mut planner.wants.inbounds);
    planner.wants
}

struct Planner<'a> {
    ws: &'a WorkingSet,
    wants: Wants,
    lines_left: i64,
    estimates_left: i64,
    /// Units asked for so far, by position of the stock.
    asked: BTreeMap<usize, Units>,
    /// Of a SKU, the locations that take orders and where it is not known what is coming.
    unknown: HashMap<Index<ItemSlot>, Arc<[LocationId]>>,
}

impl<'a> Planner<'a> {
    fn new(ws: &'a WorkingSet) -> Self {
        Self {
            ws,
            wants: Wants::default(),
            lines_left: REFILL_LINES_MAX,
            estimates_left: 0,
            asked: BTreeMap::new(),
            unknown: HashMap::default(),
        }
    }

    fn add(&mut self, command: &Command) {
        match command {
            Command::Reserve(c) => {
                self.source(c.location_id.as_ref(), &c.lines);
            }
            Command::Cancel(c) => self.freed_by_cancelling(&c.order_id),
            Command::Receive(c) => {
                for line in &c.content.lines {
                    self.freed(&c.location_id, &line.sku, line.quantity.get());
                }
            }
            Command::Adjust(c) => match c.content.change {
                Change::Delta(delta) => self.freed(&c.location_id, &c.content.sku, delta),
                Change::Counted(counted) => {
                    let on_hand = self
                        .ws
                        .stock_of(&c.location_id, &c.content.sku)
                        .map_or(Units::ZERO, |s| s.stock.on_hand);
                    self.freed(&c.location_id, &c.content.sku, counted.less(on_hand).get());
                }
            },
            Command::ContinueRefill(c) => {
                let free = self
                    .ws
                    .stock_of(&c.location_id, &c.sku)
                    .map_or(Units::ZERO, |slot| self.ws.free(slot));
                // It has lines of its own.
                let lines_left = std::mem::replace(&mut self.lines_left, REFILL_LINES_MAX);
                self.freed(&c.location_id, &c.sku, free.get());
                self.lines_left = lines_left;
            }
            Command::PutItem(item) => self.freed_by_safety_stock(item),
            Command::Reestimate(c) => estimate::plan(&mut self.wants, self.ws, c, &mut self.estimates_left),
            Command::AcknowledgeRelease(_)
            | Command::Confirm(_)
            | Command::Lapse(_)
            | Command::ConfirmShipment(_)
            | Command::ReportShippedAfterCancel(_)
            | Command::PutInbound(_)
            | Command::CloseInbound(_)
            | Command::PutLocation(_) => {}
        }
    }

    /// An order asks for units: where it is to be filled, or anywhere if no location has them all, except where it is known
    /// already what is coming.
    fn source(&mut self, location_id: Option<&LocationId>, lines: &[ReserveLine]) {
        if let Some(location_id) = location_id {
            for line in lines {
                self.ask(location_id, &line.sku, line.quantity.units());
            }
            return;
        }
        let unknown: Vec<_> = lines.iter().map(|line| self.unknown(&line.sku)).collect();
        if unknown.iter().all(|locations| locations.is_empty()) || self.covered_somewhere(lines) {
            return;
        }
        for (line, locations) in lines.iter().zip(unknown) {
            for location_id in locations.iter() {
                self.ask(location_id, &line.sku, line.quantity.units());
            }
        }
    }

    /// The locations that take orders and where it is not known what is coming of a SKU.
    fn unknown(&mut self, sku: &Sku) -> Arc<[LocationId]> {
        let ws = self.ws;
        let Some(item) = ws.find_item(sku) else {
            return Arc::default();
        };
        let unknown = self.unknown.entry(item).or_insert_with(|| {
            let is_unknown = |location| {
                let stock = ws.stocks.find(&(location, item));
                stock.is_some_and(|stock| ws.stock(stock).inbounds.is_none())
            };
            let active = ws.locations.iter().filter(|(_, slot)| slot.location.active);
            let unknown = active.filter(|(location, _)| is_unknown(*location));
            unknown.map(|(_, slot)| slot.location.location_id.clone()).collect()
        });
        Arc::clone(unknown)
    }

    /// Whether a location has all units of some lines, as things stand before the round.
    fn covered_somewhere(&self, lines: &[ReserveLine]) -> bool {
        let active = self.ws.locations.iter().filter(|(_, slot)| slot.location.active);
        let mut candidates = active.map(|(index, _)| index);
        candidates.any(|location| {
            lines.iter().all(|line| {
                let item = self.ws.find_item(&line.sku);
                let stock = item.and_then(|item| self.ws.stocks.find(&(location, item)));
                stock.is_some_and(|stock| self.ws.available(self.ws.stock(stock)) >= line.quantity.units())
            })
        })
    }

    /// Units are asked for: beyond what is available, inbounds tell the date.
    fn ask(&mut self, location_id: &LocationId, sku: &Sku, units: Units) {
        let Some(index) = self.ws.find_stock_of(location_id, sku) else {
            return;
        };
        let slot = self.ws.stock(index);
        let available = self.ws.available(slot);
        let asked = self.asked.entry(index.position()).or_default();
        let (before, after) = (*asked, *asked + units);
        *asked = after;
        if before <= available && after > available && slot.inbounds.is_none() {
            self.wants.inbounds.push((location_id.clone(), sku.clone()));
        }
    }

    /// What was asked for so far takes nothing from what comes after it.
    fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Units come free: each may fill one waiting line.
    fn freed(&mut self, location_id: &LocationId, sku: &Sku, units: i64) {
        let Some(slot) = self.ws.stock_of(location_id, sku) else {
            return;
        };
        if slot.stock.backlog.is_zero() || units <= 0 {
            return;
        }
        let wanted = self.wants.queues.entry((location_id.clone(), sku.clone())).or_default();
        let more = units.min(slot.stock.backlog.get()).min(self.lines_left);
        *wanted = wanted.saturating_add(more);
        self.lines_left = self.lines_left.saturating_sub(more);
    }

    fn freed_by_cancelling(&mut self, order_id: &OrderId) {
        let Some(OrderSlot { location, order, .. }) = self.ws.order_of(order_id) else {
            return;
        };
        let location_id = &self.ws.location(*location).location.location_id;
        for line in order.lines.iter().filter(|_| order.state.is_open()) {
            self.freed(location_id, &line.sku, line.held().get());
        }
    }

    /// What lapses before anything is decided; its lines are not those of the commands.
    fn freed_by_lapses(&mut self) {
        for index in self.ws.due.values().flat_map(|due| &due.orders) {
            let OrderSlot { location, order, .. } = self.ws.orders.get(*index);
            let location_id = &self.ws.location(*location).location.location_id;
            for line in &order.lines {
                self.freed(location_id, &line.sku, line.held().get());
            }
        }
        self.lines_left = REFILL_LINES_MAX;
    }

    fn freed_by_safety_stock(&mut self, item: &crate::domain::catalog::Item) {
        let Some(now) = self.ws.find_item(&item.sku) else {
            return;
        };
        let freed = self.ws.item(now).item.safety_stock.less(item.safety_stock).get();
        for location_id in self.ws.locations_with(now) {
            self.freed(&location_id, &item.sku, freed);
        }
    }
}
