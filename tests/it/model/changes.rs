//! What cancelling, shipping and counting do to the model (`RULES.md` R8, R9).

use holdfast::allocator::command::{Adjust, Cancel, CancelLine, Change, Ship};
use holdfast::allocator::decision::{Adjusted, Answer};
use holdfast::domain::Instant;
use holdfast::domain::event::{
    LineUnits, LinesCancelled, OrderCancelled, OrderShipped, OrderShippedAfterCancel, Payload, ReleaseCause,
    ReleaseRevoked, RevocationCause, StockAdjusted,
};
use holdfast::domain::ids::{OrderId, Sku};
use holdfast::domain::money::{Amount, Money};
use holdfast::domain::order::{Order, OrderLine, OrderState};
use holdfast::domain::quantity::{Quantity, UNITS_MAX};
use holdfast::domain::rejection::{LineReason, LineRejection, Rejection};

use super::reference::{Cancelled, Model, ModelOutcome, Warehouse, order_answer, units};
use super::repeats;
use super::supply::{left_of, lines_left};

/// Orders of the given events' kind, oldest first.
pub(super) fn order_ids(warehouse: &Warehouse, since: usize, is_kind: impl Fn(&Payload) -> bool) -> Vec<OrderId> {
    let mut ids: Vec<OrderId> = Vec::new();
    for demand in &warehouse.orders {
        let id = Some(&demand.order.order_id);
        if warehouse.log[since..]
            .iter()
            .any(|event| event.order_id.as_ref() == id && is_kind(&event.payload))
        {
            ids.push(demand.order.order_id.clone());
        }
    }
    ids
}

pub(super) fn invalid(field: String) -> Rejection {
    Rejection::invalid_field(field, "")
}

/// Billionths of a currency's smallest coin.
fn coin(code: &str) -> i128 {
    match code {
        "JPY" => 1_000_000_000,
        "KWD" => 1_000_000,
        _ => 10_000_000,
    }
}

fn nanos(amount: Amount) -> i128 {
    let (units, nanos) = amount.into();
    i128::from(units) * 1_000_000_000 + i128::from(nanos)
}

fn amount(nanos: i128) -> Amount {
    let whole = nanos.div_euclid(1_000_000_000);
    let units = i64::try_from(whole).expect("refunds are small");
    let rest = i32::try_from(nanos - whole * 1_000_000_000).expect("less than a unit");
    Amount::parse(units, rest).expect("refunds are amounts")
}

/// What is paid back for a part of a line: pro rata in whole coins, the last part takes what is left.
fn refund(line: &OrderLine, part: i64, code: &str) -> i128 {
    let price = line.price.map_or(0, nanos);
    let left = price - nanos(line.refunded);
    if part == left_of(line) {
        return left;
    }
    let share = (price * i128::from(part)).div_euclid(i128::from(line.quantity.get()));
    (share - share.rem_euclid(coin(code))).min(left)
}

fn money(order: &Order, nanos: i128) -> Option<Money> {
    let is_priced = order.lines.iter().any(|line| line.price.is_some());
    order.currency.filter(|_| is_priced).map(|currency| Money {
        currency,
        amount: amount(nanos),
    })
}

fn line_units(order: &Order, parts: &[CancelLine]) -> Vec<LineUnits> {
    let mut lines = Vec::new();
    for part in parts {
        let line = order
            .lines
            .iter()
            .find(|line| line.number == part.line_number)
            .expect("parts are of the order");
        lines.push(LineUnits {
            line_number: line.number,
            sku: line.sku.clone(),
            quantity: part.quantity.units(),
        });
    }
    lines
}

/// The parts that a cancellation asks for, or why it may not have them.
fn parts_of(order: &Order, asked: &[CancelLine]) -> Result<Vec<CancelLine>, Rejection> {
    if asked.is_empty() {
        let left = order.lines.iter().filter(|line| left_of(line) > 0);
        let whole = |line: &OrderLine| CancelLine {
            line_number: line.number,
            quantity: Quantity::parse(left_of(line)).expect("what is left of a line fits it"),
        };
        return Ok(left.map(whole).collect());
    }
    let (mut unknown, mut refused) = (Vec::new(), Vec::new());
    for (index, part) in asked.iter().enumerate() {
        let Some(line) = order.lines.iter().find(|line| line.number == part.line_number) else {
            unknown.push((format!("lines[{index}].line_number"), String::new()));
            continue;
        };
        if part.quantity.get() > left_of(line) {
            let (requested, remaining) = (part.quantity.units(), units(left_of(line)));
            let reason = LineReason::QuantityExceedsLine { requested, remaining };
            refused.push(LineRejection {
                index,
                line_number: line.number,
                sku: line.sku.clone(),
                reason,
            });
        }
    }
    match (unknown.is_empty(), refused.is_empty()) {
        (false, _) => Err(Rejection::InvalidFields(unknown)),
        (true, false) => Err(Rejection::Lines(refused)),
        (true, true) => Ok(asked.to_vec()),
    }
}

impl Model {
    pub(super) fn cancel(&mut self, command: &Cancel, now: Instant) -> ModelOutcome {
        let (location_id, at) = self.order_at(&command.order_id)?;
        let (warehouse, items) = self.warehouse(&location_id);
        let demand = &mut warehouse.orders[at];
        let is_whole = command.content.lines.is_empty();
        let same_id = |earlier: &&Cancelled| command.request_id.is_some() && earlier.request_id == command.request_id;
        if let Some(earlier) = demand.cancellations.iter().find(same_id) {
            repeats::same_cancellation(command, &earlier.content)?;
            return Ok(order_answer(&location_id, &demand.order, earlier.refund, true));
        }
        if let Some(earlier) = demand
            .cancellations
            .iter()
            .find(|c| is_whole && c.content.lines.is_empty())
        {
            return Ok(order_answer(&location_id, &demand.order, earlier.refund, true));
        }
        match demand.order.state {
            OrderState::Cancelled if is_whole => {
                return Ok(order_answer(&location_id, &demand.order, money(&demand.order, 0), true));
            }
            OrderState::Cancelled => return Err(Rejection::OrderCancelled(command.order_id.clone())),
            OrderState::Shipped => return Err(Rejection::OrderShipped(command.order_id.clone())),
            OrderState::Tentative | OrderState::Waiting | OrderState::Released => {}
        }
        let (parts, refund) = warehouse.take_off(at, command)?;
        warehouse.cancelled(at, command, &parts, refund, now);
        warehouse.settle(items, now, ReleaseCause::Cancellation, RevocationCause::Cancellation);
        Ok(order_answer(&location_id, &warehouse.orders[at].order, refund, false))
    }

    pub(super) fn confirm_shipment(&mut self, command: &Ship, now: Instant) -> ModelOutcome {
        let (location_id, at) = self.order_at(&command.order_id)?;
        let (warehouse, items) = self.warehouse(&location_id);
        let order = &mut warehouse.orders[at].order;
        let id = command.order_id.clone();
        match order.state {
            OrderState::Shipped => {
                repeats::same_shipment(command, order.shipment.as_ref().expect("it shipped in something"))?;
                return Ok(order_answer(&location_id, order, None, true));
            }
            OrderState::Cancelled => return Err(Rejection::OrderCancelled(id)),
            state @ (OrderState::Tentative | OrderState::Waiting) => {
                return Err(Rejection::OrderNotReleased(id, state));
            }
            OrderState::Released => {}
        }
        let ship_at = command.shipment.reported_ship_at.unwrap_or(now);
        order.state = OrderState::Shipped;
        order.shipped_at = Some(ship_at);
        order.shipment = Some(command.shipment.clone());
        let lines = lines_left(order);
        for line in &lines {
            *warehouse.on_hand.entry(line.sku.clone()).or_default() -= line.quantity.get();
        }
        let parcels = command.shipment.parcels.clone();
        warehouse.append(
            now,
            Some(id),
            Payload::OrderShipped(OrderShipped {
                ship_at,
                parcels,
                lines,
            }),
        );
        warehouse.settle(items, now, ReleaseCause::Adjustment, RevocationCause::UnitsLost);
        Ok(order_answer(&location_id, &warehouse.orders[at].order, None, false))
    }

    pub(super) fn report_shipped_after_cancel(&mut self, command: &Ship, now: Instant) -> ModelOutcome {
        let (location_id, at) = self.order_at(&command.order_id)?;
        let (warehouse, items) = self.warehouse(&location_id);
        let demand = &warehouse.orders[at];
        let id = command.order_id.clone();
        match demand.order.state {
            OrderState::Cancelled => {}
            OrderState::Shipped => return Err(Rejection::OrderShipped(id)),
            state @ (OrderState::Tentative | OrderState::Waiting | OrderState::Released) => {
                return Err(Rejection::OrderNotCancelled(id, state));
            }
        }
        if let Some(shipment) = &demand.order.shipment {
            repeats::same_shipment(command, shipment)?;
            return Ok(order_answer(&location_id, &demand.order, None, true));
        }
        if demand.order.released_at.is_none() {
            return Err(Rejection::OrderNotReleased(id, OrderState::Cancelled));
        }
        let last = demand.cancellations.last().expect("a cancelled order was cancelled");
        let lines = line_units(&demand.order, &last.parts);
        let mut taken: Vec<(Sku, i64)> = Vec::new();
        for line in &demand.order.lines {
            let parts = lines.iter().filter(|part| part.sku == line.sku);
            if !taken.iter().any(|(sku, _)| *sku == line.sku) {
                taken.push((line.sku.clone(), parts.map(|part| part.quantity.get()).sum()));
            }
        }
        for (sku, count) in &taken {
            let on_hand = warehouse.on_hand(sku);
            if on_hand < *count {
                return Err(Rejection::OnHandBelowZero {
                    sku: sku.clone(),
                    on_hand: units(on_hand),
                    taken: *count,
                });
            }
        }
        for (sku, count) in taken {
            *warehouse.on_hand.entry(sku).or_default() -= count;
        }
        warehouse.orders[at].order.shipment = Some(command.shipment.clone());
        let parcels = command.shipment.parcels.clone();
        let event = OrderShippedAfterCancel { parcels, lines };
        warehouse.append(now, Some(id), Payload::OrderShippedAfterCancel(event));
        warehouse.settle(items, now, ReleaseCause::Adjustment, RevocationCause::UnitsLost);
        Ok(order_answer(&location_id, &warehouse.orders[at].order, None, false))
    }

    pub(super) fn adjust(&mut self, command: &Adjust, now: Instant) -> ModelOutcome {
        self.know_location(&command.location_id)?;
        let content = &command.content;
        let (warehouse, _) = self.warehouse(&command.location_id);
        if let Some((stored, answer)) = warehouse.adjustments.get(&command.adjustment_id) {
            repeats::same_adjustment(command, stored)?;
            return Ok(Answer::Adjusted(Adjusted {
                replayed: true,
                ..answer.clone()
            }));
        }
        self.know_skus(std::iter::once(&content.sku))?;
        let (warehouse, items) = self.warehouse(&command.location_id);
        let sku = content.sku.clone();
        let before = warehouse.on_hand(&sku);
        let delta = match content.change {
            Change::Delta(delta) => delta,
            Change::Counted(counted) => counted.get() - before,
        };
        let after = i128::from(before) + i128::from(delta);
        if after < 0 {
            return Err(Rejection::OnHandBelowZero {
                sku,
                on_hand: units(before),
                taken: delta.saturating_neg(),
            });
        }
        if after > i128::from(UNITS_MAX) {
            return Err(invalid("delta".to_owned()));
        }
        let on_hand = units(before + delta);
        warehouse.on_hand.insert(sku.clone(), on_hand.get());
        let since = warehouse.log.len();
        let (adjustment_id, reason, note) = (command.adjustment_id.clone(), content.reason, content.note.clone());
        let event = StockAdjusted {
            adjustment_id,
            sku: sku.clone(),
            delta,
            on_hand,
            reason,
            note,
        };
        let event_sequence = warehouse.append(now, None, Payload::StockAdjusted(event));
        warehouse.settle(items, now, ReleaseCause::Adjustment, RevocationCause::UnitsLost);
        let answer = Adjusted {
            on_hand,
            allocated: units(warehouse.allocated(&sku)),
            available: units(warehouse.available(items, &sku)),
            orders_returned_to_waiting: order_ids(warehouse, since, |p| matches!(p, Payload::ReleaseRevoked(_))),
            released_order_ids: order_ids(warehouse, since, |p| matches!(p, Payload::OrderReleased(_))),
            event_sequence,
            replayed: false,
        };
        warehouse
            .adjustments
            .insert(command.adjustment_id.clone(), (content.clone(), answer.clone()));
        Ok(Answer::Adjusted(answer))
    }
}

impl Warehouse {
    /// Takes parts off an order, and keeps account of it.
    pub(super) fn take_off(
        &mut self,
        at: usize,
        command: &Cancel,
    ) -> Result<(Vec<CancelLine>, Option<Money>), Rejection> {
        let demand = &mut self.orders[at];
        let parts = parts_of(&demand.order, &command.content.lines)?;
        let order = &mut demand.order;
        let mut sum = 0;
        for part in &parts {
            let code = order.currency.map_or("", holdfast::domain::money::Currency::code);
            let line = order
                .lines
                .iter_mut()
                .find(|line| line.number == part.line_number)
                .expect("parts are of the order");
            let refunded = refund(line, part.quantity.get(), code);
            sum += refunded;
            line.refunded = amount(nanos(line.refunded) + refunded);
            line.cancelled = units(line.cancelled.get() + part.quantity.get());
        }
        let refund = money(order, sum);
        let (request_id, content) = (command.request_id.clone(), command.content.clone());
        demand.cancellations.push(Cancelled {
            request_id,
            content,
            parts: parts.clone(),
            refund,
        });
        Ok((parts, refund))
    }

    /// Events and state of an order from which parts were just cancelled.
    pub(super) fn cancelled(
        &mut self,
        at: usize,
        command: &Cancel,
        parts: &[CancelLine],
        refund: Option<Money>,
        now: Instant,
    ) {
        let order = &mut self.orders[at].order;
        let (id, sequence, reason) = (order.order_id.clone(), order.sequence, command.content.reason.clone());
        let (lines, cause) = (line_units(order, parts), RevocationCause::Cancellation);
        let was_released = order.state == OrderState::Released;
        let ship_by = order.ship_by_date;
        let was_acknowledged = order.acknowledged_at.take().is_some();
        let revoked = Payload::ReleaseRevoked(ReleaseRevoked {
            sequence,
            cause,
            was_acknowledged,
        });
        if order.lines.iter().all(|line| left_of(line) == 0) {
            order.state = OrderState::Cancelled;
            order.cancelled_at = Some(now);
            if was_released {
                self.append(now, Some(id.clone()), revoked);
            }
            let request_id = command.request_id.clone();
            let event = OrderCancelled {
                reason,
                request_id,
                refund,
                lines,
            };
            self.append(now, Some(id), Payload::OrderCancelled(event));
            return;
        }
        let request_id = command.request_id.clone().expect("a part is cancelled by an id");
        let event = LinesCancelled {
            reason,
            request_id,
            refund,
            lines,
        };
        self.append(now, Some(id.clone()), Payload::LinesCancelled(event));
        if was_released {
            self.append(now, Some(id), revoked);
            self.release(
                at,
                now,
                ReleaseCause::Cancellation,
                ship_by.expect("a released order must ship by a date"),
            );
        }
    }
}
