//! What the model is compared with: anything that runs rounds and can be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::allocator::command::{Command, ContinueRefill, Reestimate};
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::promise;
use holdfast::allocator::working_set::{OrderSlot, WorkingSet};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::Event;
use holdfast::domain::ids::{EventSequence, InboundId, LineNumber, LocationId, OrderId, Sku, SkuKey};
use holdfast::domain::inbound::Inbound;
use holdfast::domain::order::{Order, OrderState};
use holdfast::domain::quantity::Units;
use holdfast::domain::{Date, Instant};
use holdfast::sequencer::round::CommandRound;
use holdfast::store::{Page, Round, Store, Verdict};

use super::records::shown;
use super::reference::{Model, units};
use super::supply::is_waiting;

/// Runs rounds and can be read.
pub(crate) trait System {
    /// Runs a round to its end.
    fn round(&mut self, round: &mut dyn Round);

    /// Runs a reader.
    fn observe(&mut self, round: &mut dyn Round);

    /// Lets go of everything; what is kept all the same is out of the way of commands that have ids of their own.
    fn forget(&mut self);

    /// A location's log after its first so many events.
    fn events(&mut self, location: &LocationId, after: EventSequence) -> Vec<Event>;

    /// What waits to be estimated anew at an instant.
    fn to_estimate(&mut self, now: Instant) -> Vec<Reestimate>;

    /// A refill that was cut and goes on.
    fn pending_refill(&mut self) -> Option<ContinueRefill>;
}

/// A store as a system.
pub(crate) struct StoreSystem {
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
}

/// Events read at once.
const EVENTS_PAGE: u32 = 500;

impl StoreSystem {
    /// Makes a store and everything that it runs on.
    pub(crate) fn new(make_store: impl AsyncFnOnce() -> Arc<dyn Store>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime starts");
        let store = runtime.block_on(make_store());
        Self { runtime, store }
    }

    /// Runs a round to its end, beside others.
    pub(crate) fn run(&self, round: &mut dyn Round) {
        self.runtime
            .block_on(self.store.round(round))
            .expect("a healthy store runs every round");
    }

    /// Ends its connections.
    pub(crate) fn close(&self) {
        self.runtime.block_on(self.store.close());
    }
}

impl System for StoreSystem {
    fn round(&mut self, round: &mut dyn Round) {
        self.run(round);
    }

    fn observe(&mut self, round: &mut dyn Round) {
        self.runtime
            .block_on(self.store.observe(round))
            .expect("a healthy store runs every reader");
    }

    /// Keeps what is stored and closes its locations, so that orders that name none do not go there.
    fn forget(&mut self) {
        let mut last = None;
        loop {
            let page = Page {
                after: last.take(),
                limit: EVENTS_PAGE,
            };
            let read = self.runtime.block_on(self.store.list_locations(page));
            let read = read.expect("a healthy store lists its locations");
            last = read.last().map(|location| location.location_id.clone());
            let open = read.into_iter().filter(|location| location.active);
            let closed = open.map(|location| {
                Command::PutLocation(Location {
                    active: false,
                    ..location
                })
            });
            let closed: Vec<_> = closed.collect();
            self.round(&mut CommandRound::new(Instant::UNIX_EPOCH, &closed));
            if last.is_none() {
                return;
            }
        }
    }

    fn events(&mut self, location: &LocationId, after: EventSequence) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let last = events.last().map_or(after, |event| event.event_sequence);
            let page = Page {
                after: Some(last),
                limit: EVENTS_PAGE,
            };
            let read = self.runtime.block_on(self.store.list_events(location, page));
            let read = read.expect("a healthy store reads its log").unwrap_or_default();
            if read.is_empty() {
                return events;
            }
            events.extend(read);
        }
    }

    fn to_estimate(&mut self, now: Instant) -> Vec<Reestimate> {
        let due = self.runtime.block_on(self.store.due(now));
        due.expect("a healthy store lists what is due").estimates
    }

    fn pending_refill(&mut self) -> Option<ContinueRefill> {
        let pending = self.runtime.block_on(self.store.pending_refills());
        pending.expect("a healthy store lists its refills").into_iter().next()
    }
}

/// The ids that commands may have used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    pub(crate) locations: Vec<LocationId>,
    pub(crate) skus: Vec<Sku>,
    pub(crate) orders: Vec<OrderId>,
    pub(crate) inbounds: Vec<InboundId>,
}

/// Everything that can be seen of a system, but its log.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Observed {
    pub(crate) locations: BTreeMap<LocationId, (Location, i64)>,
    pub(crate) items: BTreeMap<Sku, Item>,
    pub(crate) stocks: BTreeMap<(LocationId, Sku), StockSeen>,
    pub(crate) orders: BTreeMap<OrderId, OrderSeen>,
    pub(crate) inbounds: BTreeMap<(LocationId, InboundId), Inbound>,
    /// The number of each order's last event; the model leaves it out.
    pub(crate) last_events: BTreeMap<OrderId, EventSequence>,
}

/// Counters and open inbounds of a SKU at a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StockSeen {
    pub(crate) on_hand: Units,
    pub(crate) allocated: Units,
    pub(crate) backlog: Units,
    pub(crate) available: Units,
    pub(crate) is_settled: bool,
    pub(crate) inbounds: Vec<(Date, InboundId, i64)>,
}

/// An order, without the keys that only the system has, and what is computed of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderSeen {
    pub(crate) location_id: LocationId,
    pub(crate) order: Order,
    /// For each line that lacks units: units that older lines lack.
    pub(crate) units_ahead: Vec<Option<Units>>,
    pub(crate) estimated_ship_date: Option<Date>,
    /// As the system stores it; as the model finds it.
    pub(crate) at_risk: bool,
}

/// The order without what the model does not number.
pub(crate) fn plain(order: &Order) -> Order {
    let mut order = order.clone();
    order.event_sequence = EventSequence(0);
    order.at_risk = false;
    for line in &mut order.lines {
        line.sku_key = SkuKey(0);
        line.is_late = false;
    }
    order
}

/// Reads everything of some ids.
pub(crate) struct Observer<'a> {
    now: Instant,
    ids: &'a Ids,
    seen: Observed,
}

impl<'a> Observer<'a> {
    /// Everything that can be seen of these ids at an instant.
    pub(crate) fn look(system: &mut dyn System, ids: &'a Ids, now: Instant) -> Observed {
        let mut observer = Observer {
            now,
            ids,
            seen: Observed::default(),
        };
        system.observe(&mut observer);
        observer.seen
    }

    fn keys(&self) -> Vec<(LocationId, Sku)> {
        let pairs = |location: &LocationId| {
            let location = location.clone();
            self.ids.skus.iter().map(move |sku| (location.clone(), sku.clone()))
        };
        self.ids.locations.iter().flat_map(pairs).collect()
    }
}

impl Round for Observer<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn footprint(&self) -> Footprint {
        let places = self.ids.locations.iter();
        let inbounds = places.flat_map(|location| self.ids.inbounds.iter().map(|id| (location.clone(), id.clone())));
        let mut footprint = Footprint {
            locations: self.ids.locations.clone(),
            skus: self.keys(),
            items: self.ids.skus.clone(),
            orders: self.ids.orders.clone(),
            inbounds: inbounds.collect(),
            ..Footprint::default()
        };
        footprint.settle();
        footprint
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        let waiting = ws.orders.iter().filter(|(_, slot)| slot.order.state.is_waiting());
        let ahead = waiting.map(|(_, slot)| slot.order.order_id.clone()).collect();
        let mut wants = Wants {
            inbounds: self.keys(),
            ahead,
            ..Wants::default()
        };
        wants.merge(&Wants::default());
        wants
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        self.seen = Observed::default();
        let asked = |id: &LocationId| self.ids.locations.contains(id);
        for (_, slot) in ws
            .locations
            .iter()
            .filter(|(_, slot)| asked(&slot.location.location_id))
        {
            let seen = (slot.location.clone(), slot.next_order.0);
            self.seen.locations.insert(slot.location.location_id.clone(), seen);
        }
        let named = |sku: &Sku| self.ids.skus.contains(sku);
        for (_, slot) in ws.items.iter().filter(|(_, slot)| named(&slot.item.sku)) {
            self.seen
                .items
                .insert(slot.item.sku.clone(), slot.item.as_ref().clone());
        }
        let here = |index| asked(&ws.location(index).location.location_id);
        for (index, slot) in ws.stocks.iter().filter(|(_, slot)| here(slot.location)) {
            let inbounds = slot.inbounds.as_ref().expect("open inbounds were wanted");
            let open = inbounds
                .iter()
                .map(|i| (i.expected_date, i.inbound_id.clone(), i.open.get()));
            let mut inbounds: Vec<_> = open.collect();
            inbounds.sort();
            let seen = StockSeen {
                on_hand: slot.stock.on_hand,
                allocated: slot.stock.allocated,
                backlog: slot.stock.backlog,
                available: ws.available(slot),
                is_settled: slot.stock.pending_refill.is_none(),
                inbounds,
            };
            self.seen.stocks.insert(ws.stock_ids(index), seen);
        }
        for (_, slot) in ws.orders.iter().filter(|(_, slot)| here(slot.location)) {
            self.seen
                .orders
                .insert(slot.order.order_id.clone(), order_seen(ws, slot));
            self.seen
                .last_events
                .insert(slot.order.order_id.clone(), slot.order.event_sequence);
        }
        for (_, slot) in ws.inbounds.iter() {
            let location_id = ws.location(slot.location).location.location_id.clone();
            self.seen
                .inbounds
                .insert((location_id, slot.inbound.inbound_id.clone()), slot.inbound.clone());
        }
        Verdict::Abandon
    }
}

fn order_seen(ws: &WorkingSet, slot: &OrderSlot) -> OrderSeen {
    let place = ws.location(slot.location);
    let location_id = place.location.location_id.clone();
    let ahead_of = |number: LineNumber| {
        let at = usize::try_from(number.0 - 1).expect("lines are numbered from 1");
        slot.units_ahead
            .get(at)
            .copied()
            .expect("units ahead of waiting orders were wanted")
    };
    let estimated_ship_date = promise::estimate(&place.location.calendar, place.today, &slot.order, |line| {
        let stock = ws.stock_of(&location_id, &line.sku).expect("counters come with orders");
        (promise::outlook(ws, stock), ahead_of(line.number))
    });
    let is_waiting = is_waiting(&slot.order);
    let lines = slot.order.lines.iter();
    let units_ahead = lines
        .map(|line| (is_waiting && !line.lacking.is_zero()).then(|| ahead_of(line.number)))
        .collect();
    OrderSeen {
        order: plain(&slot.order),
        units_ahead,
        estimated_ship_date,
        at_risk: slot.order.at_risk,
        location_id,
    }
}

impl Model {
    /// A location's log.
    pub(crate) fn log(&self, location: &LocationId) -> &[Event] {
        self.warehouses.get(location).map_or(&[], |warehouse| &warehouse.log)
    }

    /// Everything that can be seen of the model.
    pub(crate) fn look(&self, now: Instant) -> Observed {
        let mut seen = Observed {
            items: self.items.clone(),
            ..Observed::default()
        };
        for (location_id, warehouse) in &self.warehouses {
            let next = |count: usize| i64::try_from(count).expect("tests are short") + 1;
            let config = (warehouse.config.clone(), next(warehouse.orders.len()));
            seen.locations.insert(location_id.clone(), config);
            for sku in self.items.keys() {
                let mut inbounds = warehouse.open_inbounds(sku);
                inbounds.sort();
                let stock = StockSeen {
                    on_hand: units(warehouse.on_hand(sku)),
                    allocated: units(warehouse.allocated(sku)),
                    backlog: units(warehouse.backlog(sku)),
                    available: units(warehouse.available(&self.items, sku)),
                    is_settled: true,
                    inbounds,
                };
                seen.stocks.insert((location_id.clone(), sku.clone()), stock);
            }
            for order in warehouse.orders.iter().map(|demand| &demand.order) {
                let lacks = |lacking: Units| is_waiting(order) && !lacking.is_zero();
                let ahead = order
                    .lines
                    .iter()
                    .map(|line| lacks(line.lacking).then(|| units(warehouse.ahead_of(&line.sku, order, line))));
                let estimated_ship_date = warehouse.estimate(&self.items, order, now);
                let is_late = estimated_ship_date.is_none_or(|date| date > order.promised_ship_date);
                let order_seen = OrderSeen {
                    location_id: location_id.clone(),
                    order: order.clone(),
                    units_ahead: ahead.collect(),
                    estimated_ship_date,
                    at_risk: is_late && !matches!(order.state, OrderState::Shipped | OrderState::Cancelled),
                };
                seen.orders.insert(order.order_id.clone(), order_seen);
            }
            for (id, inbound) in &warehouse.inbounds {
                seen.inbounds
                    .insert((location_id.clone(), id.clone()), shown(id, inbound));
            }
        }
        seen
    }
}
