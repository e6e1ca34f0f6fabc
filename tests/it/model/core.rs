//! The pure core as a system: rounds run on rows that are kept in memory.
//!
//! What a round loads is as little as the contract of a store allows, so that a decision that relies on more than it
//! asked for goes wrong here; or everything, so that both can be compared. What it writes is as little as it says it
//! changed.

use std::collections::BTreeMap;

use holdfast::allocator::command::{ContinueRefill, Reestimate};
use holdfast::allocator::working_set::{
    AdjustmentSlot, CancellationSlot, DaySlot, Fate, LocationSlot, OrderSlot, ReceiptSlot, WaitingOrder, WorkingSet,
};
use holdfast::domain::Instant;
use holdfast::domain::catalog::Item;
use holdfast::domain::event::Event;
use holdfast::domain::ids::{
    AdjustmentId, EventSequence, InboundId, InboundKey, LocationId, LocationKey, OrderId, ReceiptId, RequestId, Sku,
    SkuKey,
};
use holdfast::domain::inbound::Inbound;
use holdfast::domain::order::Order;
use holdfast::domain::stock::Stock;
use holdfast::store::{LOADS_MAX, Round, Verdict};

use super::system::System;

/// Rows by key, as a database would keep them.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) locations: BTreeMap<LocationId, LocationSlot>,
    pub(super) items: BTreeMap<Sku, (SkuKey, Item)>,
    pub(super) stocks: BTreeMap<(LocationId, Sku), Stock>,
    pub(super) orders: BTreeMap<OrderId, (LocationId, Order)>,
    pub(super) inbounds: BTreeMap<(LocationId, InboundId), (InboundKey, Inbound)>,
    pub(super) cancellations: BTreeMap<(OrderId, Option<RequestId>), CancellationSlot>,
    pub(super) receipts: BTreeMap<(LocationId, ReceiptId), ReceiptSlot>,
    pub(super) adjustments: BTreeMap<(LocationId, AdjustmentId), AdjustmentSlot>,
    pub(super) days: BTreeMap<LocationId, DaySlot>,
    pub(super) events: BTreeMap<LocationId, Vec<Event>>,
}

/// How much a round is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loading {
    /// What it asks for.
    AsAsked,
    /// Every row there is.
    Everything,
}

/// The pure core.
#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(super) rows: Rows,
    pub(super) loading: Loading,
    /// Queue lines that one round may fill; `None` for the limit of the allocator.
    pub(super) refill_lines_max: Option<i64>,
    /// The most loads that a round needed.
    pub(crate) loads_max: u32,
}

impl Core {
    pub(crate) fn new(loading: Loading) -> Self {
        Self {
            rows: Rows::default(),
            loading,
            refill_lines_max: None,
            loads_max: 0,
        }
    }

    /// A core whose rounds fill at most so many queue lines.
    pub(crate) fn with_short_refills(loading: Loading, lines: i64) -> Self {
        Self {
            refill_lines_max: Some(lines),
            ..Self::new(loading)
        }
    }

    /// Runs a round until it is done; answers whether it is to be written.
    fn decide(&mut self, round: &mut dyn Round) -> Option<WorkingSet> {
        for load in 1..=LOADS_MAX {
            self.loads_max = self.loads_max.max(load);
            let mut ws = self.load(&round.footprint(), round.now());
            let wants = round.plan(&ws);
            self.load_wants(&mut ws, &wants);
            match round.decide(&mut ws) {
                Verdict::Commit => return Some(ws),
                Verdict::Again => {}
                Verdict::Abandon => return None,
            }
        }
        panic!("a round was loaded {LOADS_MAX} times and still lacked rows");
    }

    fn write(&mut self, ws: &WorkingSet) {
        let id_of = |location| ws.location(location).location.location_id.clone();
        self.rows.write_catalog(ws);
        for (slot, _) in ws.stocks.written() {
            let key = (id_of(slot.location), ws.item(slot.item).item.sku.clone());
            self.rows.stocks.insert(key, slot.stock.clone());
        }
        for (slot, fate) in ws.orders.written() {
            self.rows.write_order(&id_of(slot.location), slot, fate);
        }
        for (slot, _) in ws.waiting_orders.written() {
            self.rows.write_waiting_order(slot);
        }
        for (slot, fate) in ws.inbounds.written() {
            let key = (id_of(slot.location), slot.inbound.inbound_id.clone());
            let former = self.rows.inbounds.insert(key, (slot.key, slot.inbound.clone()));
            assert_eq!(
                former.map(|(key, _)| key),
                (fate == Fate::Changed).then_some(slot.key),
                "an inbound's key"
            );
        }
        for (slot, fate) in ws.cancellations.written() {
            assert_eq!(fate, Fate::New, "cancellations do not change");
            let key = (ws.order(slot.order).order_id.clone(), slot.request_id.clone());
            let former = self.rows.cancellations.insert(key, slot.clone());
            assert!(former.is_none(), "a cancellation is kept once");
        }
        for (slot, fate) in ws.receipts.written() {
            assert_eq!(fate, Fate::New, "receipts do not change");
            let key = (id_of(slot.location), slot.answer.receipt_id.clone());
            assert!(
                self.rows.receipts.insert(key, slot.clone()).is_none(),
                "a receipt is kept once"
            );
        }
        for (slot, fate) in ws.adjustments.written() {
            assert_eq!(fate, Fate::New, "adjustments do not change");
            let key = (id_of(slot.location), slot.adjustment_id.clone());
            assert!(
                self.rows.adjustments.insert(key, slot.clone()).is_none(),
                "an adjustment is kept once"
            );
        }
        for (slot, _) in ws.days.written() {
            self.rows.days.insert(id_of(slot.location), slot.clone());
        }
        for (location, event) in &ws.events {
            let log = self.rows.events.entry(id_of(*location)).or_default();
            log.push(event.clone());
            assert_eq!(
                usize::try_from(event.event_sequence.0),
                Ok(log.len()),
                "event numbers have no gaps"
            );
        }
    }
}

impl Rows {
    fn write_catalog(&mut self, ws: &WorkingSet) {
        for (slot, fate) in ws.locations.written() {
            let id = slot.location.location_id.clone();
            match (self.locations.get_mut(&id), fate) {
                (Some(stored), Fate::Changed) => {
                    let is_said = slot.config_changed || stored.location == slot.location;
                    assert!(is_said, "a changed configuration says so");
                    *stored = LocationSlot {
                        config_changed: false,
                        ..slot.clone()
                    };
                }
                (None, Fate::New) => {
                    assert!(
                        self.locations.values().all(|other| other.key != slot.key),
                        "keys are given once"
                    );
                    self.locations.insert(
                        id,
                        LocationSlot {
                            config_changed: false,
                            ..slot.clone()
                        },
                    );
                }
                (stored, fate) => panic!("location {id} is {fate:?}, stored is {stored:?}"),
            }
        }
        for (slot, fate) in ws.items.written() {
            let former = self
                .items
                .insert(slot.item.sku.clone(), (slot.key, slot.item.as_ref().clone()));
            assert_eq!(
                former.map(|(key, _)| key),
                (fate == Fate::Changed).then_some(slot.key),
                "an item's key"
            );
        }
    }

    /// Writes of an order what may change, and only the lines that are said to have changed.
    fn write_order(&mut self, location_id: &LocationId, slot: &OrderSlot, fate: Fate) {
        let order = &slot.order;
        for line in &order.lines {
            assert_eq!(line.sku_key, self.items[&line.sku].0, "lines name items by their keys");
        }
        if fate == Fate::New {
            let row = (location_id.clone(), order.clone());
            assert!(
                self.orders.insert(order.order_id.clone(), row).is_none(),
                "an order is placed once"
            );
            return;
        }
        let (stored_location, stored) = self.orders.get_mut(&order.order_id).expect("a changed order is stored");
        assert_eq!(stored_location, location_id, "an order never moves");
        stored.state = order.state;
        stored.lacking = order.lacking;
        stored.at_risk = order.at_risk;
        stored.confirmed_at = order.confirmed_at;
        stored.released_at = order.released_at;
        stored.release_cause = order.release_cause;
        stored.acknowledged_at = order.acknowledged_at;
        stored.ship_by_date = order.ship_by_date;
        stored.shipped_at = order.shipped_at;
        stored.cancelled_at = order.cancelled_at;
        stored.shipment.clone_from(&order.shipment);
        stored.event_sequence = order.event_sequence;
        for number in &slot.changed_lines {
            let (line, changed) = (stored.line_mut(*number), order.line(*number));
            let (line, changed) = (line.expect("lines stay"), changed.expect("lines stay"));
            line.lacking = changed.lacking;
            line.is_late = changed.is_late;
            line.cancelled = changed.cancelled;
            line.refunded = changed.refunded;
        }
        assert_eq!(
            stored, order,
            "what changed of an order is said, and what never changes did not"
        );
    }

    fn write_waiting_order(&mut self, slot: &WaitingOrder) {
        let (_, stored) = self.orders.get_mut(&slot.order_id).expect("a waiting order is stored");
        for changed in slot.lines.iter().filter(|line| line.is_changed) {
            stored.line_mut(changed.number).expect("lines stay").is_late = changed.is_late;
        }
        if let Some(event_sequence) = slot.event_sequence {
            (stored.at_risk, stored.event_sequence) = (slot.at_risk, event_sequence);
        }
        assert_eq!(
            stored.at_risk, slot.at_risk,
            "no order is at risk, or no more, without an event"
        );
    }

    pub(super) fn next_location_key(&self) -> LocationKey {
        LocationKey(self.locations.values().map(|slot| slot.key.0).max().unwrap_or_default() + 1)
    }

    pub(super) fn next_sku_key(&self) -> SkuKey {
        SkuKey(self.items.values().map(|(key, _)| key.0).max().unwrap_or_default() + 1)
    }
}

impl System for Core {
    fn round(&mut self, round: &mut dyn Round) {
        if let Some(ws) = self.decide(round) {
            self.write(&ws);
        }
    }

    fn observe(&mut self, round: &mut dyn Round) {
        let ws = self.decide(round);
        assert!(ws.is_none(), "a reader writes nothing");
    }

    fn forget(&mut self) {
        self.rows = Rows::default();
    }

    fn events(&mut self, location: &LocationId, after: EventSequence) -> Vec<Event> {
        let log = self.rows.events.get(location);
        log.into_iter()
            .flatten()
            .filter(|event| event.event_sequence > after)
            .cloned()
            .collect()
    }

    fn to_estimate(&mut self, now: Instant) -> Vec<Reestimate> {
        self.rows.to_estimate(now)
    }

    fn pending_refill(&mut self) -> Option<ContinueRefill> {
        let mut cut = self
            .rows
            .stocks
            .iter()
            .filter(|(_, stock)| stock.pending_refill.is_some());
        cut.next().map(|((location_id, sku), _)| ContinueRefill {
            location_id: location_id.clone(),
            sku: sku.clone(),
        })
    }
}
