//! Who gets which units in the model: computed from nothing after every command (`RULES.md` R2, R3, R8).

use std::collections::{BTreeMap, BTreeSet};

use holdfast::domain::event::{
    Event, LineUnits, OrderReleased, Payload, ReleaseCause, ReleaseRevoked, RevocationCause,
};
use holdfast::domain::ids::{EventSequence, InboundId, OrderId, Sku};
use holdfast::domain::order::{Order, OrderLine, OrderState, Recipient};
use holdfast::domain::{Date, Instant};

use super::calendar::{self, Coming};
use super::reference::{Catalog, Demand, Warehouse, units};

/// Units of a line that are not cancelled.
pub(super) fn left_of(line: &OrderLine) -> i64 {
    line.quantity.get() - line.cancelled.get()
}

pub(super) fn is_waiting(order: &Order) -> bool {
    matches!(order.state, OrderState::Tentative | OrderState::Waiting)
}

pub(super) fn is_open(order: &Order) -> bool {
    is_waiting(order) || order.state == OrderState::Released
}

/// What is left of an order, as its release says.
pub(super) fn lines_left(order: &Order) -> Vec<LineUnits> {
    let mut lines = Vec::new();
    for line in &order.lines {
        if left_of(line) > 0 {
            let (line_number, sku) = (line.number, line.sku.clone());
            lines.push(LineUnits {
                line_number,
                sku,
                quantity: units(left_of(line)),
            });
        }
    }
    lines
}

/// Units that a line holds because its order is released.
fn released_units(order: &Order, line: &OrderLine) -> i64 {
    if order.state == OrderState::Released {
        left_of(line)
    } else {
        0
    }
}

impl Warehouse {
    pub(super) fn on_hand(&self, sku: &Sku) -> i64 {
        self.on_hand.get(sku).copied().unwrap_or_default()
    }

    /// Units that may be allocated.
    fn supply(&self, items: &Catalog, sku: &Sku) -> i64 {
        (self.on_hand(sku) - items[sku].safety_stock.get()).max(0)
    }

    /// The sum over the lines of a SKU.
    fn sum(&self, sku: &Sku, of: impl Fn(&Order, &OrderLine) -> i64) -> i64 {
        let mut sum = 0;
        for Demand { order, .. } in &self.orders {
            for line in order.lines.iter().filter(|line| line.sku == *sku) {
                sum += of(order, line);
            }
        }
        sum
    }

    pub(super) fn allocated(&self, sku: &Sku) -> i64 {
        self.sum(sku, |order, line| {
            if is_open(order) {
                left_of(line) - line.lacking.get()
            } else {
                0
            }
        })
    }

    pub(super) fn backlog(&self, sku: &Sku) -> i64 {
        self.sum(sku, |order, line| if is_open(order) { line.lacking.get() } else { 0 })
    }

    /// Units that a new order would get at once.
    pub(super) fn available(&self, items: &Catalog, sku: &Sku) -> i64 {
        if self.backlog(sku) > 0 {
            0
        } else {
            self.supply(items, sku) - self.allocated(sku)
        }
    }

    /// Units that older lines lack.
    pub(super) fn ahead_of(&self, sku: &Sku, order: &Order, line: &OrderLine) -> i64 {
        self.sum(sku, |other, older| {
            let is_older = (other.sequence, older.number) < (order.sequence, line.number);
            if is_open(other) && is_older {
                older.lacking.get()
            } else {
                0
            }
        })
    }

    /// Open units of every inbound that still brings some.
    pub(super) fn open_inbounds(&self, sku: &Sku) -> Vec<(Date, InboundId, i64)> {
        let mut open = Vec::new();
        for (id, inbound) in &self.inbounds {
            let units = inbound.open(sku);
            if units > 0 {
                open.push((inbound.due, id.clone(), units));
            }
        }
        open
    }

    /// What dates may count on of open inbounds: of each, the buffer is kept back in whole units.
    fn counted_inbounds(&self, sku: &Sku) -> Vec<(Date, InboundId, i64)> {
        let percent = i64::from(self.config.inbound_buffer_percent);
        let mut counted = self.open_inbounds(sku);
        for (.., units) in &mut counted {
            let hundredths = *units * percent;
            let whole = hundredths.div_euclid(100);
            let buffer = if hundredths.rem_euclid(100) > 0 {
                whole + 1
            } else {
                whole
            };
            *units -= buffer;
        }
        counted.retain(|(.., units)| *units > 0);
        counted
    }

    /// What is coming of a SKU to a line that `ahead` units are ahead of.
    pub(super) fn coming(&self, items: &Catalog, sku: &Sku, ahead: i64) -> Coming {
        let shortfall = (items[sku].safety_stock.get() - self.on_hand(sku)).max(0);
        let lead_time_days = items[sku].lead_time_days;
        Coming {
            inbounds: self.counted_inbounds(sku),
            lead_time_days,
            first: ahead + shortfall,
        }
    }

    /// What an order's date is worth today.
    pub(super) fn estimate(&self, items: &Catalog, order: &Order, now: Instant) -> Option<Date> {
        let calendar = &self.config.calendar;
        match order.state {
            OrderState::Cancelled => None,
            OrderState::Shipped => order.shipped_at.map(|at| calendar::local_date(calendar, at)),
            OrderState::Released => {
                let today = calendar::business_day_from(calendar, calendar::local_date(calendar, now));
                Some(order.ship_by_date?.max(today))
            }
            OrderState::Tentative | OrderState::Waiting => {
                let mut latest = None;
                for line in order.lines.iter().filter(|line| left_of(line) > 0) {
                    let coming = self.coming(items, &line.sku, self.ahead_of(&line.sku, order, line));
                    let (ready, _) = calendar::ready_date(calendar, now, &coming, line.lacking.get())?;
                    latest = latest.max(Some(calendar::ship_date(calendar, ready)));
                }
                latest
            }
        }
    }

    /// R2: what every line lacks, from on hand, safety stock and the orders alone.
    pub(super) fn allocate(&mut self, items: &Catalog) {
        let mut left: BTreeMap<Sku, i64> = BTreeMap::new();
        for sku in items.keys() {
            let released = self.sum(sku, released_units);
            left.insert(sku.clone(), self.supply(items, sku) - released);
        }
        for Demand { order, .. } in &mut self.orders {
            let (waits, mut lacking) = (i64::from(is_waiting(order)), 0);
            for line in &mut order.lines {
                let left = left.get_mut(&line.sku).expect("lines name items that exist");
                let needed = waits * left_of(line);
                let taken = needed.min(*left);
                *left -= taken;
                line.lacking = units(needed - taken);
                lacking += needed - taken;
            }
            order.lacking = units(lacking);
        }
    }

    /// The newest released order with a line of a SKU of which released orders need more than there is.
    fn unlucky(&self, items: &Catalog) -> Option<usize> {
        let mut short = BTreeSet::new();
        for sku in items.keys() {
            let released = self.sum(sku, released_units);
            if released > self.supply(items, sku) {
                short.insert(sku.clone());
            }
        }
        self.orders.iter().rposition(|Demand { order, .. }| {
            let is_short = |line: &OrderLine| left_of(line) > 0 && short.contains(&line.sku);
            order.state == OrderState::Released && order.lines.iter().any(is_short)
        })
    }

    /// What follows from any change of supply or demand: releases that cannot be kept are revoked, newest first, units
    /// are given out, and what is whole is released, oldest first.
    pub(super) fn settle(&mut self, items: &Catalog, now: Instant, release: ReleaseCause, revocation: RevocationCause) {
        while let Some(at) = self.unlucky(items) {
            let order = &mut self.orders[at].order;
            order.state = OrderState::Waiting;
            let was_acknowledged = order.acknowledged_at.take().is_some();
            order.released_at = None;
            order.release_cause = None;
            order.ship_by_date = None;
            let (id, sequence) = (order.order_id.clone(), order.sequence);
            self.append(
                now,
                Some(id),
                Payload::ReleaseRevoked(ReleaseRevoked {
                    sequence,
                    cause: revocation,
                    was_acknowledged,
                }),
            );
        }
        self.allocate(items);
        let today = calendar::business_date(&self.config.calendar, now);
        let ship_by_date = calendar::ship_date(&self.config.calendar, today);
        for at in 0..self.orders.len() {
            let order = &self.orders[at].order;
            if order.state == OrderState::Waiting && order.lacking.is_zero() {
                self.release(at, now, release, ship_by_date);
            }
        }
    }

    pub(super) fn release(&mut self, at: usize, now: Instant, cause: ReleaseCause, ship_by_date: Date) {
        let order = &mut self.orders[at].order;
        order.state = OrderState::Released;
        order.released_at = Some(now);
        order.release_cause = Some(cause);
        order.ship_by_date = Some(ship_by_date);
        let (id, sequence, lines) = (order.order_id.clone(), order.sequence, lines_left(order));
        let customer = order.terms.customer.clone().unwrap_or_default();
        let released = OrderReleased {
            sequence,
            cause,
            ship_by_date,
            promised_ship_date: order.promised_ship_date,
            recipient: Recipient {
                name: customer.name,
                locale: customer.locale,
            },
            lines,
        };
        self.append(now, Some(id), Payload::OrderReleased(released));
    }

    pub(super) fn append(&mut self, now: Instant, order_id: Option<OrderId>, payload: Payload) -> EventSequence {
        let number = i64::try_from(self.log.len()).expect("logs of tests are short") + 1;
        let event_sequence = EventSequence(number);
        self.log.push(Event {
            event_sequence,
            at: now,
            order_id,
            payload,
        });
        event_sequence
    }
}
