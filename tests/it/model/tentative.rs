//! Payments that come, and those that do not come in time (`RULES.md` R10).

use std::collections::BTreeSet;

use holdfast::allocator::command::{Cancel, CancelContent, Command};
use holdfast::domain::Instant;
use holdfast::domain::event::{OrderConfirmed, OrderLapsed, Payload, ReleaseCause, RevocationCause};
use holdfast::domain::ids::{LocationId, OrderId};
use holdfast::domain::order::OrderState;
use holdfast::domain::rejection::Rejection;

use super::calendar;
use super::reference::{Model, ModelOutcome, order_answer};

impl Model {
    /// Where a command is decided, by id.
    fn places_of(&self, command: &Command) -> BTreeSet<LocationId> {
        let of_order = |id: &OrderId| self.find_order(id).map(|(location_id, _)| location_id);
        let place = match command {
            Command::Reserve(c) => match (of_order(&c.order_id), &c.location_id) {
                (None, None) => {
                    let active = self.warehouses.iter().filter(|(_, warehouse)| warehouse.config.active);
                    return active.map(|(id, _)| id.clone()).collect();
                }
                (placed, asked) => asked.clone().or(placed),
            },
            Command::Confirm(id) => of_order(id),
            Command::Cancel(c) => of_order(&c.order_id),
            Command::AcknowledgeRelease(c) => of_order(&c.order_id),
            Command::ConfirmShipment(c) | Command::ReportShippedAfterCancel(c) => of_order(&c.order_id),
            Command::Receive(c) => Some(c.location_id.clone()),
            Command::Adjust(c) => Some(c.location_id.clone()),
            Command::PutInbound(c) => Some(c.location_id.clone()),
            Command::CloseInbound(c) => Some(c.location_id.clone()),
            Command::PutLocation(location) => Some(location.location_id.clone()),
            Command::Lapse(location_id) => Some(location_id.clone()),
            Command::PutItem(item) => {
                let has = |id: &&LocationId| {
                    let warehouse = &self.warehouses[*id];
                    warehouse.on_hand(&item.sku) > 0 || warehouse.backlog(&item.sku) > 0
                };
                return self.warehouses.keys().filter(has).cloned().collect();
            }
            Command::ContinueRefill(_) | Command::Reestimate(_) => None,
        };
        place.into_iter().collect()
    }

    /// Before anything else happens at a location, what has lapsed there is cancelled, the earliest deadline first.
    pub(super) fn lapse(&mut self, command: &Command, now: Instant) {
        for location_id in self.places_of(command) {
            let Some(warehouse) = self.warehouses.get(&location_id) else {
                continue;
            };
            let numbered = warehouse.orders.iter().enumerate();
            let tentative = numbered.filter(|(_, demand)| demand.order.state == OrderState::Tentative);
            let deadlines = tentative.filter_map(|(at, demand)| Some((demand.order.terms.payment_deadline?, at)));
            let mut due: Vec<_> = deadlines.filter(|(deadline, _)| *deadline <= now).collect();
            due.sort_unstable();
            for (deadline, at) in due {
                self.lapse_one(&location_id, at, deadline, now);
            }
        }
    }

    fn lapse_one(&mut self, location_id: &LocationId, at: usize, deadline: Instant, now: Instant) {
        let (warehouse, items) = self.warehouse(location_id);
        let content = CancelContent {
            lines: Vec::new(),
            reason: String::new(),
        };
        let order_id = warehouse.orders[at].order.order_id.clone();
        let cancel = Cancel {
            order_id,
            request_id: None,
            content,
        };
        let mut orders = warehouse.clone();
        let (parts, refund) = orders
            .take_off(at, &cancel)
            .expect("a tentative order can be cancelled");
        orders.cancelled(at, &cancel, &parts, refund, now);
        // It is told as a lapse, not as a cancellation, and counts from its deadline.
        let told = orders.log.pop().expect("a cancellation is told").payload;
        let Payload::OrderCancelled(told) = told else {
            panic!("nothing is left of a lapsed order")
        };
        *warehouse = orders;
        let order = &mut warehouse.orders[at].order;
        order.cancelled_at = Some(deadline);
        let order_id = order.order_id.clone();
        let lapsed = OrderLapsed {
            payment_deadline: deadline,
            refund,
            lines: told.lines,
        };
        warehouse.append(now, Some(order_id), Payload::OrderLapsed(lapsed));
        warehouse.settle(items, now, ReleaseCause::Lapse, RevocationCause::UnitsLost);
    }

    pub(super) fn confirm(&mut self, order_id: &OrderId, now: Instant) -> ModelOutcome {
        let (location_id, at) = self.order_at(order_id)?;
        let (warehouse, _) = self.warehouse(&location_id);
        let order = &mut warehouse.orders[at].order;
        if order.confirmed_at.is_some() {
            return Ok(order_answer(&location_id, order, None, true));
        }
        let id = order_id.clone();
        match order.state {
            OrderState::Tentative => {}
            OrderState::Cancelled => {
                let has_lapsed = |event: &holdfast::domain::event::Event| {
                    event.order_id.as_ref() == Some(order_id) && matches!(event.payload, Payload::OrderLapsed(_))
                };
                let deadline = order.terms.payment_deadline;
                return Err(match deadline.filter(|_| warehouse.log.iter().any(has_lapsed)) {
                    Some(deadline) => Rejection::PaymentDeadlinePassed(id, deadline),
                    None => Rejection::OrderCancelled(id),
                });
            }
            state @ (OrderState::Waiting | OrderState::Released | OrderState::Shipped) => {
                return Err(Rejection::NotTentative(id, state));
            }
        }
        order.state = OrderState::Waiting;
        order.confirmed_at = Some(now);
        let (sequence, is_whole, promised) = (order.sequence, order.lacking.is_zero(), order.promised_ship_date);
        warehouse.append(now, Some(id), Payload::OrderConfirmed(OrderConfirmed { sequence }));
        if is_whole {
            let calendar = &warehouse.config.calendar;
            let leaves = calendar::ship_date(calendar, calendar::business_date(calendar, now)).min(promised);
            let today = calendar::business_day_from(calendar, calendar::local_date(calendar, now));
            warehouse.release(at, now, ReleaseCause::Purchase, leaves.max(today));
        }
        Ok(order_answer(&location_id, &warehouse.orders[at].order, None, false))
    }
}
