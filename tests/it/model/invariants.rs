//! What must hold in every state, checked on what is seen and on the log, without the model (`PROMISES.md`).

use std::collections::{BTreeMap, BTreeSet};

use holdfast::domain::Instant;
use holdfast::domain::event::{Event, Payload};
use holdfast::domain::ids::{LocationId, OrderId, Sku};
use holdfast::domain::money::{Amount, Money};
use holdfast::domain::order::{Order, OrderState};
use holdfast::domain::quantity::Units;

use super::system::{Observed, StockSeen};

/// What the logs say, added up.
#[derive(Debug, Default)]
pub(super) struct Replay {
    on_hand: BTreeMap<(LocationId, Sku), i64>,
    states: BTreeMap<OrderId, OrderState>,
    refunds: BTreeMap<OrderId, Amount>,
    /// When the warehouse took the work of a release that stands.
    acknowledged: BTreeMap<OrderId, Instant>,
    /// Orders that are at risk.
    at_risk: BTreeSet<OrderId>,
    /// Revocations that told otherwise.
    mistold: Vec<OrderId>,
}

impl Replay {
    /// Adds an event of a location's log.
    pub(super) fn add(&mut self, location: &LocationId, event: &Event) {
        match &event.payload {
            Payload::StockReceived(received) => {
                for line in &received.lines {
                    self.shift(location, &line.sku, line.quantity.get());
                }
            }
            Payload::StockAdjusted(adjusted) => self.shift(location, &adjusted.sku, adjusted.delta),
            Payload::OrderShipped(shipped) => {
                self.enter(event, OrderState::Shipped);
                for line in &shipped.lines {
                    self.shift(location, &line.sku, -line.quantity.get());
                }
            }
            Payload::OrderShippedAfterCancel(shipped) => {
                for line in &shipped.lines {
                    self.shift(location, &line.sku, -line.quantity.get());
                }
            }
            Payload::OrderPlaced(placed) => {
                let is_tentative = placed.terms.payment_deadline.is_some();
                self.enter(
                    event,
                    if is_tentative {
                        OrderState::Tentative
                    } else {
                        OrderState::Waiting
                    },
                );
            }
            Payload::OrderLapsed(lapsed) => {
                self.enter(event, OrderState::Cancelled);
                self.refund(event, lapsed.refund);
            }
            Payload::OrderReleased(_) => self.enter(event, OrderState::Released),
            Payload::OrderConfirmed(_) => self.enter(event, OrderState::Waiting),
            Payload::ReleaseRevoked(revoked) => {
                self.enter(event, OrderState::Waiting);
                let order_id = event.order_id.clone().expect("a revocation is of an order");
                if self.acknowledged.remove(&order_id).is_some() != revoked.was_acknowledged {
                    self.mistold.push(order_id);
                }
            }
            Payload::ReleaseAcknowledged(_) => {
                let order_id = event.order_id.clone().expect("an acknowledgement is of an order");
                self.acknowledged.insert(order_id, event.at);
            }
            Payload::OrderCancelled(cancelled) => {
                self.enter(event, OrderState::Cancelled);
                self.refund(event, cancelled.refund);
            }
            Payload::LinesCancelled(cancelled) => self.refund(event, cancelled.refund),
            Payload::PromiseAtRisk(risk) => {
                let order_id = event.order_id.clone().expect("a risk is of an order");
                if !self.at_risk.insert(order_id.clone()) || risk.slack_business_days.is_some_and(|slack| slack > 0) {
                    self.mistold.push(order_id);
                }
            }
            Payload::PromiseRecovered(risk) => {
                let order_id = event.order_id.clone().expect("a risk is of an order");
                if !self.at_risk.remove(&order_id) || risk.slack_business_days.is_some_and(|slack| slack < 0) {
                    self.mistold.push(order_id);
                }
            }
            Payload::InboundChanged(_) | Payload::LocationChanged(_) | Payload::SafetyStockChanged(_) => {}
        }
    }

    fn shift(&mut self, location: &LocationId, sku: &Sku, units: i64) {
        *self.on_hand.entry((location.clone(), sku.clone())).or_default() += units;
    }

    fn enter(&mut self, event: &Event, state: OrderState) {
        if let (Some(order_id), OrderState::Shipped | OrderState::Cancelled) = (&event.order_id, state) {
            self.at_risk.remove(order_id);
        }
        self.states
            .extend(event.order_id.clone().map(|order_id| (order_id, state)));
    }

    fn refund(&mut self, event: &Event, refund: Option<Money>) {
        let order_id = event.order_id.clone().expect("a cancellation is of an order");
        let sum = self.refunds.entry(order_id).or_default();
        let more = refund.map_or(Amount::ZERO, |money| money.amount);
        *sum = sum.checked_add(more).expect("prices of tests are small");
    }

    /// The first invariant that does not hold.
    pub(super) fn check(&self, seen: &Observed) -> Result<(), String> {
        for (key, stock) in &seen.stocks {
            let expected = self.on_hand.get(key).copied().unwrap_or_default();
            hold(stock.on_hand.get() == expected, || {
                format!("{key:?}: on hand = received + adjusted - shipped")
            })?;
            check_stock(seen, key, stock)?;
        }
        for (order_id, order) in &seen.orders {
            hold(order.at_risk == self.at_risk.contains(order_id), || {
                format!("{order_id}: every change of its risk has its event")
            })?;
            let order = &order.order;
            let is_told = self.states.get(order_id) == Some(&order.state);
            hold(is_told, || format!("{order_id}: every change of state has its event"))?;
            check_order(order)?;
            let acknowledged_at = self.acknowledged.get(order_id).copied();
            hold(order.acknowledged_at == acknowledged_at, || {
                format!("{order_id}: an acknowledgement is kept until the release is revoked")
            })?;
            let refunded = order
                .lines
                .iter()
                .try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.refunded));
            let told = self.refunds.get(order_id).copied().unwrap_or_default();
            hold(refunded == Some(told), || format!("{order_id}: refunds are told once"))?;
        }
        hold(self.mistold.is_empty(), || {
            format!(
                "{:?}: revocations tell whether work was taken, risks change when told",
                self.mistold
            )
        })
    }
}

fn hold(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("broken: {}", what()))
    }
}

fn check_stock(seen: &Observed, key: &(LocationId, Sku), stock: &StockSeen) -> Result<(), String> {
    let safety_stock = seen.items[&key.1].safety_stock;
    let mut lines = BTreeMap::new();
    let open = seen
        .orders
        .values()
        .filter(|order| order.location_id == key.0 && order.order.state.is_open());
    for order in open.map(|order| &order.order) {
        for line in order.lines.iter().filter(|line| line.sku == key.1) {
            lines.insert((order.sequence, line.number), (order.state, line.held(), line.lacking));
        }
    }
    let held: Units = lines.values().map(|(_, held, _)| *held).sum();
    let lacking: Units = lines.values().map(|(_, _, lacking)| *lacking).sum();
    let supply = stock.on_hand.less(safety_stock);
    hold(stock.allocated == held, || {
        format!("{key:?}: allocated = sum of what open lines hold")
    })?;
    hold(stock.backlog == lacking, || {
        format!("{key:?}: backlog = sum of what open lines lack")
    })?;
    hold(held <= supply, || {
        format!("{key:?}: allocated <= on hand - safety stock")
    })?;
    hold(lacking.is_zero() || held == supply, || {
        format!("{key:?}: no unit is free while a line lacks one")
    })?;
    let mut waiting = lines.values().filter(|(state, ..)| state.is_waiting());
    let fair = waiting.by_ref().find(|(_, _, lacking)| !lacking.is_zero()).is_none()
        || waiting.all(|(_, held, _)| held.is_zero());
    hold(fair, || {
        format!("{key:?}: no younger line holds a unit while an older one lacks one")
    })
}

fn check_order(order: &Order) -> Result<(), String> {
    let lacking: Units = order.lines.iter().map(|line| line.lacking).sum();
    let is_whole = lacking.is_zero();
    let is_empty = order.lines.iter().all(|line| line.remaining().is_zero());
    let fits = match order.state {
        OrderState::Tentative => !is_empty,
        OrderState::Waiting => !is_whole && !is_empty,
        OrderState::Released | OrderState::Shipped => is_whole && !is_empty,
        OrderState::Cancelled => is_whole && is_empty,
    };
    hold(fits, || format!("{}: its state fits its lines", order.order_id))?;
    hold(order.lacking == lacking, || {
        format!("{}: it lacks what its lines lack", order.order_id)
    })?;
    for line in &order.lines {
        let price = line.price.unwrap_or_default();
        let is_due = if line.remaining().is_zero() {
            line.refunded == price
        } else {
            line.refunded <= price
        };
        hold(is_due, || {
            format!("{}: refunds of a line sum to its price", order.order_id)
        })?;
    }
    Ok(())
}
