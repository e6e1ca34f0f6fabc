//! What receipts, inbounds, locations and items do to the model (`RULES.md` R11).

use std::collections::BTreeMap;

use holdfast::allocator::command::{CloseInbound, PutInbound, Receive};
use holdfast::allocator::decision::{Answer, InboundAnswer, Received, ReceivedStock};
use holdfast::domain::Instant;
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::{Payload, ReleaseCause, RevocationCause, SafetyStockChanged, StockReceived};
use holdfast::domain::ids::{EventSequence, InboundId, LocationId, Sku};
use holdfast::domain::quantity::UNITS_MAX;
use holdfast::domain::rejection::Rejection;

use super::changes::order_ids;
use super::records::shown;
use super::reference::{Expected, Model, ModelOutcome, Warehouse, units};
use super::repeats;

/// What came of each SKU, in order of first appearance.
fn arrivals(command: &Receive) -> Vec<(Sku, i64)> {
    let mut sums: Vec<(Sku, i64)> = Vec::new();
    for line in &command.content.lines {
        match sums.iter_mut().find(|(sku, _)| *sku == line.sku) {
            Some((_, sum)) => *sum += line.quantity.get(),
            None => sums.push((line.sku.clone(), line.quantity.get())),
        }
    }
    sums
}

fn received_event(command: &Receive) -> Payload {
    let (receipt_id, content) = (command.receipt_id.clone(), command.content.clone());
    let (inbound_id, reason, lines) = (content.inbound_id, content.reason, content.lines);
    Payload::StockReceived(StockReceived {
        receipt_id,
        inbound_id,
        reason,
        lines,
    })
}

impl Model {
    pub(super) fn receive(&mut self, command: &Receive, now: Instant) -> ModelOutcome {
        self.know_location(&command.location_id)?;
        let content = &command.content;
        let warehouse = &self.warehouses[&command.location_id];
        if let Some((stored, answer)) = warehouse.receipts.get(&command.receipt_id) {
            repeats::same_receipt(command, stored)?;
            return Ok(Answer::Received(Received {
                replayed: true,
                ..answer.clone()
            }));
        }
        self.know_skus(content.lines.iter().map(|line| &line.sku))?;
        if let Some(id) = content
            .inbound_id
            .iter()
            .find(|id| !warehouse.inbounds.contains_key(id))
        {
            return Err(Rejection::UnknownInbound(id.clone()));
        }
        let arrivals = arrivals(command);
        let mut too_many = Vec::new();
        for (sku, _) in arrivals
            .iter()
            .filter(|(sku, came)| warehouse.on_hand(sku) + came > UNITS_MAX)
        {
            let at = content
                .lines
                .iter()
                .position(|line| line.sku == *sku)
                .expect("it came on a line");
            too_many.push((format!("lines[{at}].quantity"), String::new()));
        }
        if !too_many.is_empty() {
            return Err(Rejection::InvalidFields(too_many));
        }

        let (warehouse, items) = self.warehouse(&command.location_id);
        let since = warehouse.log.len();
        let event_sequence = warehouse.append(now, None, received_event(command));
        let mut lines = Vec::new();
        for (sku, came) in &arrivals {
            let over_received = warehouse.arrive(content.inbound_id.as_ref(), sku, *came);
            *warehouse.on_hand.entry(sku.clone()).or_default() += came;
            lines.push(ReceivedStock {
                sku: sku.clone(),
                received: units(*came),
                allocated_to_backlog: units(warehouse.backlog(sku)),
                on_hand: units(warehouse.on_hand(sku)),
                available: units(0),
                over_received: units(over_received),
            });
        }
        warehouse.settle(items, now, ReleaseCause::Receipt, RevocationCause::UnitsLost);
        for line in &mut lines {
            let lacked = line.allocated_to_backlog.get();
            line.allocated_to_backlog = units(lacked - warehouse.backlog(&line.sku));
            line.available = units(warehouse.available(items, &line.sku));
        }
        let receipt_id = command.receipt_id.clone();
        let released_order_ids = order_ids(warehouse, since, |payload| matches!(payload, Payload::OrderReleased(_)));
        let answer = Received {
            receipt_id,
            lines,
            released_order_ids,
            event_sequence,
            replayed: false,
        };
        warehouse
            .receipts
            .insert(command.receipt_id.clone(), (content.clone(), answer.clone()));
        Ok(Answer::Received(answer))
    }

    fn inbound_answer(&self, location_id: &LocationId, id: &InboundId, event_sequence: EventSequence) -> Answer {
        let inbound = shown(id, &self.warehouses[location_id].inbounds[id]);
        let (location_id, replayed) = (location_id.clone(), event_sequence == EventSequence(0));
        Answer::Inbound(InboundAnswer {
            location_id,
            inbound,
            event_sequence,
            replayed,
        })
    }

    pub(super) fn put_inbound(&mut self, command: &PutInbound, now: Instant) -> ModelOutcome {
        self.know_location(&command.location_id)?;
        self.know_skus(command.lines.iter().map(|(sku, _)| sku))?;
        let (warehouse, _) = self.warehouse(&command.location_id);
        let former = warehouse.inbounds.get(&command.inbound_id);
        let came: BTreeMap<Sku, i64> = match former {
            Some(former) => former
                .lines
                .iter()
                .map(|(sku, _, received)| (sku.clone(), *received))
                .collect(),
            None => BTreeMap::new(),
        };
        let asked = command
            .lines
            .iter()
            .map(|(sku, quantity)| (sku.clone(), quantity.get()));
        if let Some(former) = former {
            let stands = former.lines.iter().filter(|(_, quantity, _)| *quantity > 0);
            let stands = stands.map(|(sku, quantity, _)| (sku.clone(), *quantity));
            if former.due == command.expected_date && stands.eq(asked.clone()) {
                return Ok(self.inbound_answer(&command.location_id, &command.inbound_id, EventSequence(0)));
            }
        }
        let received = |sku: &Sku| came.get(sku).copied().unwrap_or_default();
        let mut lines: Vec<_> = asked
            .map(|(sku, quantity)| (sku.clone(), quantity, received(&sku)))
            .collect();
        for (sku, _, received) in former.iter().flat_map(|former| &former.lines) {
            if *received > 0 && !lines.iter().any(|(other, ..)| other == sku) {
                lines.push((sku.clone(), 0, *received));
            }
        }
        let expected = Expected {
            due: command.expected_date,
            is_closed: false,
            lines,
        };
        warehouse.inbounds.insert(command.inbound_id.clone(), expected);
        Ok(self.inbound_changed(&command.location_id, &command.inbound_id, now))
    }

    fn inbound_changed(&mut self, location_id: &LocationId, id: &InboundId, now: Instant) -> Answer {
        let (warehouse, _) = self.warehouse(location_id);
        let event = Payload::InboundChanged(shown(id, &warehouse.inbounds[id]));
        let event_sequence = warehouse.append(now, None, event);
        self.inbound_answer(location_id, id, event_sequence)
    }

    pub(super) fn close_inbound(&mut self, command: &CloseInbound, now: Instant) -> ModelOutcome {
        self.know_location(&command.location_id)?;
        let (warehouse, _) = self.warehouse(&command.location_id);
        let Some(inbound) = warehouse.inbounds.get_mut(&command.inbound_id) else {
            return Err(Rejection::UnknownInbound(command.inbound_id.clone()));
        };
        if inbound.is_closed {
            return Ok(self.inbound_answer(&command.location_id, &command.inbound_id, EventSequence(0)));
        }
        inbound.is_closed = true;
        Ok(self.inbound_changed(&command.location_id, &command.inbound_id, now))
    }

    pub(super) fn put_location(&mut self, asked: &Location, now: Instant) -> Answer {
        let mut location = asked.clone();
        location.calendar.version = 1;
        if let Some(warehouse) = self.warehouses.get_mut(&asked.location_id) {
            location.calendar.version = warehouse.config.calendar.version;
            if location == warehouse.config {
                return Answer::Location {
                    location,
                    replayed: true,
                };
            }
            if location.calendar != warehouse.config.calendar {
                location.calendar.version += 1;
            }
            warehouse.config = location.clone();
        } else {
            let warehouse = Warehouse {
                config: location.clone(),
                on_hand: BTreeMap::new(),
                orders: Vec::new(),
                inbounds: BTreeMap::new(),
                receipts: BTreeMap::new(),
                adjustments: BTreeMap::new(),
                log: Vec::new(),
            };
            self.warehouses.insert(asked.location_id.clone(), warehouse);
        }
        let (warehouse, _) = self.warehouse(&asked.location_id);
        warehouse.append(now, None, Payload::LocationChanged(location.clone()));
        Answer::Location {
            location,
            replayed: false,
        }
    }

    pub(super) fn put_item(&mut self, asked: &Item, now: Instant) -> Answer {
        let item = asked.clone();
        let former = self.items.insert(item.sku.clone(), item.clone());
        if former.as_ref() == Some(asked) {
            return Answer::Item { item, replayed: true };
        }
        let (sku, safety_stock) = (item.sku.clone(), item.safety_stock);
        if former.is_some_and(|former| former.safety_stock != safety_stock) {
            let items = &self.items;
            let concerned = |warehouse: &&mut Warehouse| warehouse.on_hand(&sku) > 0 || warehouse.backlog(&sku) > 0;
            for warehouse in self.warehouses.values_mut().filter(concerned) {
                let changed = SafetyStockChanged {
                    sku: sku.clone(),
                    safety_stock,
                };
                warehouse.append(now, None, Payload::SafetyStockChanged(changed));
                warehouse.settle(items, now, ReleaseCause::SafetyStock, RevocationCause::SafetyStock);
            }
        }
        Answer::Item { item, replayed: false }
    }
}

impl Warehouse {
    /// Counts units on an inbound; answers those that it did not expect.
    fn arrive(&mut self, inbound: Option<&InboundId>, sku: &Sku, came: i64) -> i64 {
        let Some(inbound) = inbound.and_then(|id| self.inbounds.get_mut(id)) else {
            return 0;
        };
        let over = (came - inbound.open(sku)).max(0);
        for (other, _, received) in &mut inbound.lines {
            if other == sku {
                *received += came;
            }
        }
        over
    }
}
