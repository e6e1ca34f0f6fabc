//! A reader that does what a command says on its snapshot alone, and tells which estimates change by it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Question, orders};
use crate::allocator::command::Command;
use crate::allocator::decide;
use crate::allocator::decision::Decision;
use crate::allocator::footprint::{Footprint, Wants};
use crate::allocator::promise;
use crate::allocator::working_set::{Index, Known, OrderSlot, WorkingSet};
use crate::domain::Date;
use crate::domain::ids::{InboundId, LocationId, Sku};
use crate::domain::rejection::Rejection;
use crate::grpc::convert::values;
use crate::proto::holdfast::v1 as pb;

/// Waiting lines that are looked at, over all SKUs of the inbound.
const LINES_MAX: i64 = 10_000;
/// The most orders that are named.
const ORDERS_MAX: usize = 1_000;

/// What would follow from a change of an inbound.
#[derive(Debug)]
pub(crate) struct WhatIf {
    /// Where it is expected.
    pub(crate) location_id: LocationId,
    /// Its id.
    pub(crate) inbound_id: InboundId,
    /// The change.
    pub(crate) command: Command,
}

impl WhatIf {
    /// The SKUs whose supply the change may touch: those that it names, and those that the inbound has.
    fn skus(&self, ws: &WorkingSet) -> BTreeSet<Sku> {
        let location = ws.locations.find(&self.location_id);
        let stored = location.and_then(|location| ws.inbounds.find(&(location, self.inbound_id.clone())));
        let stored = stored.map(|index| &ws.inbounds.get(index).inbound.lines);
        let mut skus: BTreeSet<_> = stored.into_iter().flatten().map(|line| line.sku.clone()).collect();
        if let Command::PutInbound(put) = &self.command {
            skus.extend(put.lines.iter().map(|(sku, _)| sku.clone()));
        }
        skus.retain(|sku| ws.find_item(sku).is_some());
        skus
    }

    fn keys(&self, ws: &WorkingSet) -> Vec<(LocationId, Sku)> {
        let skus = self.skus(ws).into_iter();
        skus.map(|sku| (self.location_id.clone(), sku)).collect()
    }

    /// Orders that wait for one of the SKUs, by place; notes counters that are not loaded.
    fn waiting(&self, ws: &mut WorkingSet) -> (BTreeSet<Index<OrderSlot>>, bool) {
        let (mut waiting, mut complete) = (BTreeSet::new(), true);
        for key in self.keys(ws) {
            let Some(slot) = ws.stock_of(&key.0, &key.1) else {
                ws.missing.stocks.push(key);
                continue;
            };
            complete &= slot.queue_known == Known::All;
            waiting.extend(slot.queue.values().copied());
        }
        (waiting, complete)
    }
}

/// What the orders' dates are worth; rows that are not loaded are noted.
fn estimates(ws: &mut WorkingSet, waiting: &BTreeSet<Index<OrderSlot>>) -> BTreeMap<Index<OrderSlot>, Option<Date>> {
    let mut missing = Wants::default();
    let mut estimates = BTreeMap::new();
    for index in waiting {
        let slot = ws.orders.get(*index);
        if slot.units_ahead.is_empty() {
            missing.ahead.push(slot.order.order_id.clone());
        }
        let location = &ws.location(slot.location).location;
        let outlook = orders::outlook(ws, location, &slot.order, &slot.units_ahead, &mut missing);
        estimates.insert(*index, outlook.estimated_ship_date);
    }
    ws.missing.merge(&missing);
    estimates
}

impl Question for WhatIf {
    type Answer = pb::PreviewInboundResponse;

    fn footprint(&self) -> Footprint {
        Footprint::of([&self.command], &Wants::default())
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let keys = self.keys(ws);
        let lines = i64::try_from(keys.len())
            .ok()
            .and_then(|count| LINES_MAX.checked_div(count));
        let lines = lines.unwrap_or(LINES_MAX).max(1);
        let mut wants = Wants::default();
        wants.merge(&Wants {
            queues: keys.iter().map(|key| (key.clone(), lines)).collect(),
            inbounds: keys,
            ..Wants::default()
        });
        wants
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<pb::PreviewInboundResponse, Rejection> {
        let (waiting, mut complete) = self.waiting(ws);
        let before = estimates(ws, &waiting);
        if !ws.missing.is_empty() {
            return Ok(pb::PreviewInboundResponse::default());
        }
        // On the snapshot: a reader is never written.
        match decide(ws, &self.command) {
            Decision::Rejected(rejection) => return Err(rejection),
            Decision::Accepted(_) => {}
            // Units are being given out just now: what the inbound would change is not settled.
            Decision::Deferred | Decision::Missing => complete = false,
        }
        let after = estimates(ws, &waiting);
        let changed = before.into_iter().zip(after.into_values());
        let changed = changed.filter(|((_, before), after)| before != after);
        let mut orders: Vec<_> = changed
            .map(|((index, before), after)| effect(ws, index, before, after))
            .collect();
        orders.sort_by_key(|order| order.sequence);
        complete &= orders.len() <= ORDERS_MAX;
        orders.truncate(ORDERS_MAX);
        Ok(pb::PreviewInboundResponse { orders, complete })
    }
}

fn effect(ws: &WorkingSet, index: Index<OrderSlot>, before: Option<Date>, after: Option<Date>) -> pb::InboundEffect {
    let OrderSlot { location, order, .. } = ws.orders.get(index);
    let calendar = &ws.location(*location).location.calendar;
    let shift = before
        .zip(after)
        .map(|(before, after)| calendar.business_days_between(before, after));
    pb::InboundEffect {
        order_id: order.order_id.to_string(),
        sequence: order.sequence.0,
        promised_ship_date: Some(values::date(order.promised_ship_date)),
        estimated_ship_date_before: before.map(values::date),
        estimated_ship_date_after: after.map(values::date),
        shift_business_days: shift,
        at_risk_before: promise::at_risk(order, before),
        at_risk_after: promise::at_risk(order, after),
    }
}
