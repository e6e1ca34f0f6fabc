//! The working set: every row that a round may touch, loaded before anything is decided and written after.
//!
//! # Shape
//! Tables of rows that name each other by position; ids are looked up once a command. The allocator
//! changes rows in place, the store writes those whose [`Fate`] says so, and the events in their order.
//!
//! # What bounds it
//! The commands of a round, the lines of the orders that they name, and at most
//! [`REFILL_LINES_MAX`] lines of queues; only a loss of units loads every holder of the SKU.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use super::command::{ContinueRefill, Reestimate};
use super::footprint::{LAPSES_MAX, REFILL_LINES_MAX, Wants};
use super::promise::Today;
pub use super::slot::{
    AdjustmentSlot, CancellationSlot, CatalogKeys, DaySlot, Due, InboundSlot, ItemSlot, Known, LackingLine,
    LocationPage, LocationSlot, OpenInbound, OrderSlot, Place, ReceiptSlot, StockSlot, WaitingLine, WaitingOrder,
    WaitingPage,
};
use super::sourcing::Choices;
use super::table::Table;
pub use super::table::{Fate, Index};
use crate::domain::Instant;
use crate::domain::catalog::Location;
use crate::domain::event::{Event, Payload};
use crate::domain::ids::{
    AdjustmentId, EventSequence, InboundId, InboundKey, LocationId, LocationKey, OrderId, ReceiptId, RequestId,
    Sequence, Sku,
};
use crate::domain::order::Order;
use crate::domain::quantity::Units;
use crate::domain::stock::Stock;

/// Every row that a round may touch.
#[derive(Debug)]
pub struct WorkingSet {
    /// The round's instant.
    pub now: Instant,
    /// Keys for new locations and items, when the footprint asked for them.
    pub catalog: Option<CatalogKeys>,
    /// Locations by id.
    pub locations: Table<LocationId, LocationSlot>,
    /// Items by SKU.
    pub items: Table<Sku, ItemSlot>,
    /// Counters by location and item.
    pub stocks: Table<(Index<LocationSlot>, Index<ItemSlot>), StockSlot>,
    /// Orders by id.
    pub orders: Table<OrderId, OrderSlot>,
    /// Orders by place, of which walks of estimates change lines.
    pub waiting_orders: Table<(Index<LocationSlot>, Sequence), WaitingOrder>,
    /// Inbounds by location and id.
    pub inbounds: Table<(Index<LocationSlot>, InboundId), InboundSlot>,
    /// Cancellations by order and id.
    pub cancellations: Table<(Index<OrderSlot>, Option<RequestId>), CancellationSlot>,
    /// Receipts by location and id.
    pub receipts: Table<(Index<LocationSlot>, ReceiptId), ReceiptSlot>,
    /// Adjustments by location and id.
    pub adjustments: Table<(Index<LocationSlot>, AdjustmentId), AdjustmentSlot>,
    /// As of when the dates of locations were estimated.
    pub days: Table<Index<LocationSlot>, DaySlot>,
    /// Parts of locations that are gone through.
    pub pages: BTreeMap<Index<LocationSlot>, LocationPage>,
    /// Tentative orders that have lapsed and hold units still, by location.
    pub due: BTreeMap<Index<LocationSlot>, Due>,
    /// Events to append, in order.
    pub events: Vec<(Index<LocationSlot>, Event)>,
    /// What a decision needed and did not find; the round is loaded again with it.
    pub missing: Wants,
    /// Queue lines that the callers' commands of this round may fill, and each refill that goes on.
    pub refill_lines_max: i64,
    /// What is left of them.
    pub refill_lines_left: i64,
    /// Queue lines that were filled by lapses: they have as many as the commands, of their own.
    pub(super) lapse_lines_filled: i64,
    /// Counters whose refill was cut by the command that is being decided.
    pub(super) cut: Vec<Index<StockSlot>>,
    /// What the command that is being decided left to be estimated anew.
    pub(super) to_estimate: BTreeSet<Reestimate>,
    /// What was worked out of the rows to choose a location.
    pub(super) choices: Choices,
    orders_by_place: HashMap<(Index<LocationSlot>, Sequence), Index<OrderSlot>>,
    /// From when until before when the dates of all locations are what `now` is there; `None` where that was not asked yet.
    todays: Option<(Instant, Instant)>,
}

impl WorkingSet {
    /// An empty working set for a round at an instant.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            now,
            catalog: None,
            locations: Table::default(),
            items: Table::default(),
            stocks: Table::default(),
            orders: Table::default(),
            waiting_orders: Table::default(),
            inbounds: Table::default(),
            cancellations: Table::default(),
            receipts: Table::default(),
            adjustments: Table::default(),
            days: Table::default(),
            pages: BTreeMap::new(),
            due: BTreeMap::new(),
            events: Vec::new(),
            missing: Wants::default(),
            refill_lines_max: REFILL_LINES_MAX,
            refill_lines_left: REFILL_LINES_MAX,
            lapse_lines_filled: 0,
            cut: Vec::new(),
            to_estimate: BTreeSet::new(),
            choices: Choices::default(),
            orders_by_place: HashMap::default(),
            todays: None,
        }
    }

    /// Whether nothing was decided on it, and of what readers load it holds locations, items and counters alone.
    #[must_use]
    pub fn is_as_loaded(&self) -> bool {
        let is_written = self.locations.is_written() || self.items.is_written() || self.stocks.is_written();
        let is_catalog =
            self.orders.is_empty() && self.inbounds.is_empty() && self.due.is_empty() && self.days.is_empty();
        !is_written && is_catalog && self.events.is_empty() && self.pages.is_empty() && self.catalog.is_none()
    }

    /// Serves another round, or the same one at another instant. To be called on one that is
    /// [as it was loaded](Self::is_as_loaded), or of which only the locations are.
    pub fn serve_again(&mut self, now: Instant) {
        self.now = now;
        self.missing = Wants::default();
        if self.todays.is_some_and(|(from, until)| (from..until).contains(&now)) {
            return;
        }
        let mut until = Instant::MAX_UTC;
        let locations: Vec<_> = self.locations.iter().map(|(index, _)| index).collect();
        for index in locations {
            let slot = self.locations.note(index);
            slot.today = Today::of(&slot.location.calendar, now);
            until = until.min(slot.location.calendar.next_change(now));
        }
        self.todays = Some((now, until));
    }

    /// Adds a location as it was loaded. Of one that there is already, nothing is found any more, nor of its counters.
    pub fn load_location(
        &mut self,
        key: LocationKey,
        location: Location,
        next: (Sequence, EventSequence, InboundKey),
    ) -> Index<LocationSlot> {
        let today = Today::of(&location.calendar, self.now);
        if let Some((from, until)) = &mut self.todays {
            *from = self.now;
            *until = location.calendar.next_change(self.now).min(*until);
        }
        let (next_order, next_event, next_inbound) = next;
        let slot = LocationSlot {
            key,
            location,
            next_order,
            next_event,
            next_inbound,
            config_changed: false,
            today,
        };
        self.locations.load_anew(slot.location.location_id.clone(), slot)
    }

    /// Adds counters; absent ones are loaded as zeros.
    pub fn load_stock(
        &mut self,
        location: Index<LocationSlot>,
        item: Index<ItemSlot>,
        stock: Stock,
    ) -> Index<StockSlot> {
        self.stocks
            .load((location, item), StockSlot::new(location, item, stock))
    }

    /// Takes counters as somebody else left them since, if they are loaded; what is coming is what it was.
    pub fn renew_stock(&mut self, location: Index<LocationSlot>, sku: &Sku, stock: &Stock) {
        let item = self.items.find(sku);
        let Some(index) = item.and_then(|item| self.stocks.find(&(location, item))) else {
            return;
        };
        let slot = self.stocks.note(index);
        let inbounds = slot.inbounds.take();
        *slot = StockSlot {
            inbounds,
            ..StockSlot::new(slot.location, slot.item, stock.clone())
        };
    }

    /// Adds counters of what this round created: there is nothing to load.
    pub fn create_stock(&mut self, location: Index<LocationSlot>, item: Index<ItemSlot>) -> Index<StockSlot> {
        let index = self.load_stock(location, item, Stock::default());
        self.stocks.note(index).inbounds = Some(Vec::new());
        index
    }

    /// Adds an order as it was loaded, unless it is there.
    pub fn load_order(&mut self, location: Index<LocationSlot>, order: Order) -> Index<OrderSlot> {
        if let Some(index) = self.orders.find(&order.order_id) {
            return index;
        }
        let (id, slot) = (order.order_id.clone(), OrderSlot::new(location, order));
        let place = (location, slot.order.sequence);
        let index = self.orders.load(id, slot);
        self.orders_by_place.insert(place, index);
        index
    }

    /// Notes loaded orders that have lapsed: of each location the first [`LAPSES_MAX`] by deadline, then by place. The rest
    /// is left to later rounds.
    pub fn load_due(&mut self, mut orders: Vec<Index<OrderSlot>>) {
        orders.sort_by_key(|index| {
            let order = self.order(*index);
            (order.terms.payment_deadline, order.sequence)
        });
        for index in orders {
            let location = self.orders.get(index).location;
            let due = self.due.entry(location).or_default();
            if due.orders.len() < LAPSES_MAX {
                due.orders.push(index);
            } else {
                due.more = true;
            }
        }
    }

    /// Adds an order that was just accepted.
    pub fn create_order(&mut self, location: Index<LocationSlot>, order: Order) -> Index<OrderSlot> {
        let (id, slot) = (order.order_id.clone(), OrderSlot::new(location, order));
        let place = (location, slot.order.sequence);
        let index = self.orders.create(id, slot);
        self.orders_by_place.insert(place, index);
        index
    }

    /// The refills that the last command began or went on with and that are not done.
    pub fn take_cuts(&mut self) -> Vec<ContinueRefill> {
        let cut = std::mem::take(&mut self.cut).into_iter();
        let named = cut
            .map(|stock| self.stock_ids(stock))
            .map(|(location_id, sku)| ContinueRefill { location_id, sku });
        named.collect()
    }

    /// What the last command left to be estimated anew, and is not done.
    pub fn take_to_estimate(&mut self) -> BTreeSet<Reestimate> {
        std::mem::take(&mut self.to_estimate)
    }

    /// The order at a place, if it is loaded.
    #[must_use]
    pub fn find_order_at(&self, location: Index<LocationSlot>, sequence: Sequence) -> Option<Index<OrderSlot>> {
        self.orders_by_place.get(&(location, sequence)).copied()
    }

    /// The location at a position.
    #[must_use]
    pub fn location(&self, index: Index<LocationSlot>) -> &LocationSlot {
        self.locations.get(index)
    }

    /// The item at a position.
    #[must_use]
    pub fn item(&self, index: Index<ItemSlot>) -> &ItemSlot {
        self.items.get(index)
    }

    /// The counters at a position.
    #[must_use]
    pub fn stock(&self, index: Index<StockSlot>) -> &StockSlot {
        self.stocks.get(index)
    }

    /// The order at a position.
    #[must_use]
    pub fn order(&self, index: Index<OrderSlot>) -> &Order {
        &self.orders.get(index).order
    }

    /// The item of a SKU.
    #[must_use]
    pub fn find_item(&self, sku: &Sku) -> Option<Index<ItemSlot>> {
        self.items.find(sku)
    }

    /// The counters of a SKU at a location, by ids.
    #[must_use]
    pub fn find_stock_of(&self, location_id: &LocationId, sku: &Sku) -> Option<Index<StockSlot>> {
        self.stocks
            .find(&(self.locations.find(location_id)?, self.items.find(sku)?))
    }

    /// The counters of a SKU at a location, by ids.
    #[must_use]
    pub fn stock_of(&self, location_id: &LocationId, sku: &Sku) -> Option<&StockSlot> {
        self.find_stock_of(location_id, sku).map(|index| self.stock(index))
    }

    /// The order of an id.
    #[must_use]
    pub fn order_of(&self, order_id: &OrderId) -> Option<&OrderSlot> {
        self.orders.find(order_id).map(|index| self.orders.get(index))
    }

    /// Units that no line holds.
    #[must_use]
    pub fn free(&self, slot: &StockSlot) -> Units {
        slot.stock.free(self.item(slot.item).item.safety_stock)
    }

    /// Units that a new order would get at once.
    #[must_use]
    pub fn available(&self, slot: &StockSlot) -> Units {
        slot.stock.available(self.item(slot.item).item.safety_stock)
    }

    /// Every loaded location that has units of the item or waits for some, lowest id first. Counters at zero do not count:
    /// whether a row of zeros is loaded depends on what else the round names.
    #[must_use]
    pub fn locations_with(&self, item: Index<ItemSlot>) -> Vec<LocationId> {
        let slots = self
            .stocks
            .iter()
            .filter(|(_, slot)| slot.item == item && !slot.stock.is_nothing());
        let mut ids: Vec<_> = slots
            .map(|(_, slot)| self.location(slot.location).location.location_id.clone())
            .collect();
        ids.sort_unstable();
        ids
    }

    /// The ids that stand for counters.
    #[must_use]
    pub fn stock_ids(&self, index: Index<StockSlot>) -> (LocationId, Sku) {
        let slot = self.stock(index);
        (
            self.location(slot.location).location.location_id.clone(),
            self.item(slot.item).item.sku.clone(),
        )
    }

    /// Appends an event to a location's log, and notes it on its order.
    pub fn append(
        &mut self,
        location: Index<LocationSlot>,
        order: Option<Index<OrderSlot>>,
        payload: Payload,
    ) -> EventSequence {
        let order_id = order.map(|index| self.order(index).order_id.clone());
        let event_sequence = self.append_about(location, order_id, payload);
        if let Some(index) = order {
            self.orders.change(index).order.event_sequence = event_sequence;
        }
        event_sequence
    }

    /// Appends an event to a location's log; to note it on the order that it is about is left to the caller.
    pub(super) fn append_about(
        &mut self,
        location: Index<LocationSlot>,
        order_id: Option<OrderId>,
        payload: Payload,
    ) -> EventSequence {
        let event_sequence = self.locations.change(location).next_event.take();
        self.events.push((
            location,
            Event {
                event_sequence,
                at: self.now,
                order_id,
                payload,
            },
        ));
        event_sequence
    }
}
