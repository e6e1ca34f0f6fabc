//! What a round of the pure core is given.
//!
//! The contract of a store, at its least. A footprint brings the locations that it names, all of them if orders name none,
//! those of its orders and those that have counters of its items; its items and those of the lines of its orders; their counters, zeros where there
//! are none; its orders, cancellations, receipts, adjustments and inbounds. Wants bring what they say, and the orders
//! of the lines of queues and of holders, whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::{
    CatalogKeys, InboundSlot, Index, ItemSlot, Known, LocationSlot, OpenInbound, Place, WorkingSet,
};
use holdfast::domain::Instant;
use holdfast::domain::ids::{LocationId, OrderId, Sku};
use holdfast::domain::order::{Order, OrderState};
use holdfast::domain::quantity::Units;

use super::core::{Core, Loading, Rows};

type Key = (LocationId, Sku);

impl Core {
    pub(super) fn load(&self, footprint: &Footprint, now: Instant) -> WorkingSet {
        let everything = self.rows.everything();
        let footprint = if self.loading == Loading::Everything {
            &everything.merged(footprint)
        } else {
            footprint
        };
        let mut ws = WorkingSet::new(now);
        if let Some(lines) = self.refill_lines_max {
            ws.refill_lines_max = lines;
            ws.refill_lines_left = lines;
        }
        if footprint.catalog {
            ws.catalog = Some(CatalogKeys {
                location: self.rows.next_location_key(),
                sku: self.rows.next_sku_key(),
            });
        }
        self.rows.load_catalog(&mut ws, footprint);
        self.rows.load_named(&mut ws, footprint);
        self.rows.load_due(&mut ws);
        self.rows.load_days(&mut ws, &footprint.days);
        ws
    }

    pub(super) fn load_wants(&self, ws: &mut WorkingSet, wants: &Wants) {
        let mut wants = wants.clone();
        if self.loading == Loading::Everything {
            for key in self.rows.stocks.keys() {
                wants.queues.insert(key.clone(), i64::MAX);
                wants.holders.push(key.clone());
                wants.inbounds.push(key.clone());
            }
        }
        for (key, lines) in &wants.queues {
            self.rows.load_queue(ws, key, *lines);
        }
        for key in &wants.holders {
            self.rows.load_holders(ws, key);
        }
        for key in &wants.inbounds {
            self.rows.load_inbounds(ws, key);
        }
        self.load_estimates(ws, &wants);
        for order_id in &wants.ahead {
            self.rows.load_ahead(ws, order_id);
        }
    }
}

/// Orders that are named, and those whose ids are claimed again.
fn orders_of(footprint: &Footprint) -> impl Iterator<Item = &OrderId> {
    footprint.orders.iter().chain(&footprint.claims)
}

/// What is named, and everything else.
struct Everything(Footprint);

impl Everything {
    fn merged(mut self, named: &Footprint) -> Footprint {
        let all = &mut self.0;
        all.catalog = named.catalog;
        all.locations.extend_from_slice(&named.locations);
        all.skus.extend_from_slice(&named.skus);
        all.anywhere.extend_from_slice(&named.anywhere);
        all.items.extend_from_slice(&named.items);
        all.orders.extend_from_slice(&named.orders);
        all.claims.extend_from_slice(&named.claims);
        all.days.extend_from_slice(&named.days);
        all.settle();
        self.0
    }
}

impl Rows {
    fn everything(&self) -> Everything {
        Everything(Footprint {
            catalog: true,
            locations: self.locations.keys().cloned().collect(),
            skus: self.stocks.keys().cloned().collect(),
            anywhere: Vec::new(),
            items: self.items.keys().cloned().collect(),
            orders: self.orders.keys().cloned().collect(),
            claims: Vec::new(),
            cancellations: self.orders.keys().cloned().collect(),
            receipts: self.receipts.keys().cloned().collect(),
            adjustments: self.adjustments.keys().cloned().collect(),
            inbounds: self.inbounds.keys().cloned().collect(),
            days: Vec::new(),
        })
    }

    fn load_catalog(&self, ws: &mut WorkingSet, footprint: &Footprint) {
        let mut stocks: BTreeSet<Key> = footprint.skus.iter().cloned().collect();
        let named = footprint.items.iter().collect::<BTreeSet<_>>();
        stocks.extend(self.stocks.keys().filter(|(_, sku)| named.contains(sku)).cloned());
        let mut locations: BTreeSet<_> = footprint.locations.iter().cloned().collect();
        if !footprint.anywhere.is_empty() {
            locations.extend(self.locations.keys().cloned());
            for location_id in self.locations.keys() {
                stocks.extend(footprint.anywhere.iter().map(|sku| (location_id.clone(), sku.clone())));
            }
        }
        for (location_id, order) in orders_of(footprint).filter_map(|id| self.orders.get(id)) {
            locations.insert(location_id.clone());
            stocks.extend(order.lines.iter().map(|line| (location_id.clone(), line.sku.clone())));
        }
        locations.extend(stocks.iter().map(|(location_id, _)| location_id.clone()));
        let items: BTreeSet<_> = footprint
            .items
            .iter()
            .chain(&footprint.anywhere)
            .chain(stocks.iter().map(|(_, sku)| sku))
            .cloned()
            .collect();

        for slot in locations.iter().filter_map(|id| self.locations.get(id)) {
            ws.load_location(
                slot.key,
                slot.location.clone(),
                (slot.next_order, slot.next_event, slot.next_inbound),
            );
        }
        for (key, item) in items.iter().filter_map(|sku| self.items.get(sku)) {
            ws.items.load(
                item.sku.clone(),
                ItemSlot {
                    key: *key,
                    item: Arc::new(item.clone()),
                },
            );
        }
        for key in stocks {
            if let (Some(location), Some(item)) = (ws.locations.find(&key.0), ws.items.find(&key.1)) {
                ws.load_stock(location, item, self.stocks.get(&key).cloned().unwrap_or_default());
            }
        }
    }

    fn load_named(&self, ws: &mut WorkingSet, footprint: &Footprint) {
        for order_id in orders_of(footprint) {
            self.load_order(ws, order_id);
        }
        for ((order_id, request_id), slot) in &self.cancellations {
            if footprint.cancellations.contains(order_id) {
                let order = ws
                    .orders
                    .find(order_id)
                    .expect("orders are loaded with their cancellations");
                let mut slot = slot.clone();
                slot.order = order;
                ws.cancellations.load((order, request_id.clone()), slot);
            }
        }
        for (key, slot) in footprint
            .receipts
            .iter()
            .filter_map(|key| Some((key, self.receipts.get(key)?)))
        {
            let mut slot = slot.clone();
            slot.location = location(ws, &key.0);
            ws.receipts.load((slot.location, key.1.clone()), slot);
        }
        for (key, slot) in footprint
            .adjustments
            .iter()
            .filter_map(|key| Some((key, self.adjustments.get(key)?)))
        {
            let mut slot = slot.clone();
            slot.location = location(ws, &key.0);
            ws.adjustments.load((slot.location, key.1.clone()), slot);
        }
        for (key, (inbound_key, inbound)) in footprint
            .inbounds
            .iter()
            .filter_map(|key| Some((key, self.inbounds.get(key)?)))
        {
            let location = location(ws, &key.0);
            let slot = InboundSlot {
                location,
                key: *inbound_key,
                inbound: inbound.clone(),
            };
            ws.inbounds.load((location, key.1.clone()), slot);
        }
    }

    pub(super) fn load_order(&self, ws: &mut WorkingSet, order_id: &OrderId) {
        if let Some((location_id, order)) = self.orders.get(order_id) {
            let location = location(ws, location_id);
            ws.load_order(location, order.clone());
        }
    }

    /// Lines of open orders of a SKU, by place, with what they lack and hold.
    fn open_lines(&self, key: &Key) -> BTreeMap<Place, (&OrderId, Units, Units)> {
        let mut lines = BTreeMap::new();
        let here = self
            .orders
            .values()
            .filter(|(location_id, order)| *location_id == key.0 && order.state.is_open());
        for (_, order) in here {
            for line in order.lines.iter().filter(|line| line.sku == key.1) {
                let held = line.remaining().less(line.lacking);
                lines.insert((order.sequence, line.number), (&order.order_id, line.lacking, held));
            }
        }
        lines
    }

    /// Tentative orders of loaded locations that have lapsed, with the counters of their lines.
    fn load_due(&self, ws: &mut WorkingSet) {
        let now = ws.now;
        let lapsed = |order: &Order| {
            let deadline = order.terms.payment_deadline;
            order.state == OrderState::Tentative && deadline.is_some_and(|deadline| deadline <= now)
        };
        let mut due = Vec::new();
        for (order_id, (location_id, order)) in self.orders.iter().filter(|(_, (_, order))| lapsed(order)) {
            if ws.locations.find(location_id).is_none() {
                continue;
            }
            for line in &order.lines {
                self.load_stock(ws, &(location_id.clone(), line.sku.clone()));
            }
            self.load_order(ws, order_id);
            due.extend(ws.orders.find(order_id));
        }
        ws.load_due(due);
    }

    /// Counters with their item, unless they are loaded.
    pub(super) fn load_stock(&self, ws: &mut WorkingSet, key: &Key) {
        let (location, item) = (location(ws, &key.0), ws.items.find(&key.1));
        let item = item.unwrap_or_else(|| {
            let (key, item) = self.items[&key.1].clone();
            let sku = item.sku.clone();
            ws.items.load(
                sku,
                ItemSlot {
                    key,
                    item: Arc::new(item),
                },
            )
        });
        if ws.stocks.find(&(location, item)).is_none() {
            ws.load_stock(location, item, self.stocks.get(key).cloned().unwrap_or_default());
        }
    }

    fn load_queue(&self, ws: &mut WorkingSet, key: &Key, lines: i64) {
        let Some(stock) = ws.find_stock_of(&key.0, &key.1) else {
            return;
        };
        let mut queue = self.open_lines(key);
        queue.retain(|_, (_, lacking, _)| !lacking.is_zero());
        let limit = usize::try_from(lines).expect("no negative number of lines is wanted");
        let mut known = Known::Nothing;
        for (place, (order_id, ..)) in queue.iter().take(limit) {
            self.load_order(ws, order_id);
            let order = ws.orders.find(order_id).expect("it was just loaded");
            ws.stocks.note(stock).queue.insert(*place, order);
            known = Known::Through(*place);
        }
        ws.stocks.note(stock).queue_known = if queue.len() < limit { Known::All } else { known };
    }

    fn load_holders(&self, ws: &mut WorkingSet, key: &Key) {
        let Some(stock) = ws.find_stock_of(&key.0, &key.1) else {
            return;
        };
        for (order_id, _, held) in self.open_lines(key).into_values() {
            if !held.is_zero() {
                self.load_order(ws, order_id);
            }
        }
        ws.stocks.note(stock).holders_known = true;
    }

    fn load_inbounds(&self, ws: &mut WorkingSet, key: &Key) {
        let Some(stock) = ws.find_stock_of(&key.0, &key.1) else {
            return;
        };
        let mut open = Vec::new();
        for ((location_id, _), (_, inbound)) in &self.inbounds {
            let units = inbound.open_quantity(&key.1);
            if *location_id == key.0 && !units.is_zero() {
                let (expected_date, inbound_id) = (inbound.expected_date, inbound.inbound_id.clone());
                open.push(OpenInbound {
                    expected_date,
                    inbound_id,
                    open: units,
                });
            }
        }
        ws.stocks.note(stock).inbounds = Some(open);
    }

    fn load_ahead(&self, ws: &mut WorkingSet, order_id: &OrderId) {
        let Some(index) = ws.orders.find(order_id) else { return };
        let (location_id, order) = &self.orders[order_id];
        let (mut units_ahead, mut lines_ahead) = (Vec::new(), Vec::new());
        for line in &order.lines {
            let lines = self.open_lines(&(location_id.clone(), line.sku.clone()));
            let ahead = lines.range(..(order.sequence, line.number));
            let lacking = ahead.filter(|(_, (_, lacking, _))| !lacking.is_zero());
            lines_ahead.push(i64::try_from(lacking.clone().count()).expect("queues of tests are short"));
            units_ahead.push(lacking.map(|(_, (_, lacking, _))| *lacking).sum());
        }
        let slot = ws.orders.note(index);
        (slot.units_ahead, slot.lines_ahead) = (units_ahead, lines_ahead);
    }
}

fn location(ws: &WorkingSet, id: &LocationId) -> Index<LocationSlot> {
    ws.locations
        .find(id)
        .expect("the locations of a footprint are locked and loaded")
}
