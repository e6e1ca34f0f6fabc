//! The reference model: what `RULES.md` says, by the shortest way, for a few hundred commands.
//!
//! Everything is kept in plain lists and computed again after each command. It shares values with the crate (ids,
//! quantities, orders as they are answered) and no decision.

use std::collections::BTreeMap;

use holdfast::allocator::command::{AdjustContent, CancelContent, CancelLine, Command, ReceiveContent, Reserve};
use holdfast::allocator::decision::{Adjusted, Answer, OrderAnswer, Received};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::{Event, ReleaseCause, RevocationCause};
use holdfast::domain::ids::{
    AdjustmentId, InboundId, LineNumber, LocationId, OrderId, ReceiptId, RequestId, Sequence, Sku,
};
use holdfast::domain::money::Money;
use holdfast::domain::order::{Basis, Order, OrderLine, Supply};
use holdfast::domain::quantity::Units;
use holdfast::domain::rejection::{LineReason, LineRejection, Rejection};
use holdfast::domain::{Date, Instant};

use super::calendar;
use super::changes::invalid;
use super::records::{draft, placed_event};
use super::repeats;

/// Items by SKU.
pub(super) type Catalog = BTreeMap<Sku, Item>;

/// The state of the world.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(super) items: Catalog,
    pub(super) warehouses: BTreeMap<LocationId, Warehouse>,
}

/// A location and everything that is there.
#[derive(Debug, Clone)]
pub(super) struct Warehouse {
    pub(super) config: Location,
    pub(super) on_hand: BTreeMap<Sku, i64>,
    /// Orders by place: the first has sequence 1.
    pub(super) orders: Vec<Demand>,
    pub(super) inbounds: BTreeMap<InboundId, Expected>,
    pub(super) receipts: BTreeMap<ReceiptId, (ReceiveContent, Received)>,
    pub(super) adjustments: BTreeMap<AdjustmentId, (AdjustContent, Adjusted)>,
    pub(super) log: Vec<Event>,
}

/// An order with its cancellations. The order's event number and the keys of its SKUs are left out.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) order: Order,
    pub(super) cancellations: Vec<Cancelled>,
}

/// A cancellation that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Cancelled {
    pub(super) request_id: Option<RequestId>,
    pub(super) content: CancelContent,
    pub(super) parts: Vec<CancelLine>,
    pub(super) refund: Option<Money>,
}

/// An inbound: what was asked for last and what came for it.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) due: Date,
    pub(super) is_closed: bool,
    /// SKU, units expected and units that came.
    pub(super) lines: Vec<(Sku, i64, i64)>,
}

impl Expected {
    pub(super) fn open(&self, sku: &Sku) -> i64 {
        let lines = self.lines.iter().filter(|(other, ..)| !self.is_closed && other == sku);
        lines.map(|(_, quantity, received)| (quantity - received).max(0)).sum()
    }
}

/// What a command came to.
pub(crate) type ModelOutcome = Result<Answer, Rejection>;

/// A count of units that is known to be one.
pub(super) fn units(count: i64) -> Units {
    Units::new(count).expect("the model counts within the limits")
}

pub(super) fn line_number(at: usize) -> LineNumber {
    LineNumber(i64::try_from(at).expect("orders of tests are short") + 1)
}

/// An order as answered, with nothing computed beside it.
pub(super) fn order_answer(location_id: &LocationId, order: &Order, refund: Option<Money>, replayed: bool) -> Answer {
    let (location_id, order) = (location_id.clone(), order.clone());
    Answer::Order(Box::new(OrderAnswer {
        location_id,
        order,
        refund,
        estimated_ship_date: None,
        units_ahead: None,
        replayed,
    }))
}

impl Model {
    /// Does what a command says, or answers why not.
    pub(crate) fn apply(&mut self, command: &Command, now: Instant) -> ModelOutcome {
        self.lapse(command, now);
        match command {
            Command::Reserve(c) => self.reserve(c, now),
            Command::Confirm(order_id) => self.confirm(order_id, now),
            Command::Cancel(c) => self.cancel(c, now),
            Command::Receive(c) => self.receive(c, now),
            Command::Adjust(c) => self.adjust(c, now),
            Command::AcknowledgeRelease(c) => self.acknowledge_release(&c.order_id, now),
            Command::ConfirmShipment(c) => self.confirm_shipment(c, now),
            Command::ReportShippedAfterCancel(c) => self.report_shipped_after_cancel(c, now),
            Command::PutInbound(c) => self.put_inbound(c, now),
            Command::CloseInbound(c) => self.close_inbound(c, now),
            Command::PutLocation(location) => Ok(self.put_location(location, now)),
            Command::PutItem(item) => Ok(self.put_item(item, now)),
            Command::ContinueRefill(_) => Ok(Answer::Refilled),
            Command::Lapse(_) => Ok(Answer::Lapsed),
            Command::Reestimate(_) => Ok(Answer::Reestimated),
        }
    }

    /// The location and the position of an order.
    pub(super) fn find_order(&self, order_id: &OrderId) -> Option<(LocationId, usize)> {
        self.warehouses.iter().find_map(|(location_id, warehouse)| {
            let at = warehouse
                .orders
                .iter()
                .position(|demand| demand.order.order_id == *order_id)?;
            Some((location_id.clone(), at))
        })
    }

    pub(super) fn order_at(&self, order_id: &OrderId) -> Result<(LocationId, usize), Rejection> {
        self.find_order(order_id)
            .ok_or_else(|| Rejection::UnknownOrder(order_id.clone()))
    }

    pub(super) fn know_location(&self, location_id: &LocationId) -> Result<(), Rejection> {
        let is_known = self.warehouses.contains_key(location_id);
        if is_known {
            Ok(())
        } else {
            Err(Rejection::UnknownLocation(location_id.clone()))
        }
    }

    pub(super) fn know_skus<'a>(&self, skus: impl Iterator<Item = &'a Sku>) -> Result<(), Rejection> {
        let mut unknown = Vec::new();
        for (at, sku) in skus.enumerate() {
            if !self.items.contains_key(sku) {
                unknown.push((at, sku.clone()));
            }
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Rejection::UnknownSkus(unknown))
        }
    }

    pub(super) fn warehouse(&mut self, location_id: &LocationId) -> (&mut Warehouse, &Catalog) {
        let warehouse = self
            .warehouses
            .get_mut(location_id)
            .expect("the location was looked up before");
        (warehouse, &self.items)
    }

    fn reserve(&mut self, command: &Reserve, now: Instant) -> ModelOutcome {
        if let Some((location_id, at)) = self.find_order(&command.order_id) {
            let order = &self.warehouses[&location_id].orders[at].order;
            repeats::same_order(command, order, &location_id)?;
            return Ok(order_answer(&location_id, order, None, true));
        }
        let ahead = command
            .terms
            .payment_deadline
            .map(|deadline| (deadline - now).num_microseconds());
        if ahead.is_some_and(|micros| micros.is_none_or(|micros| !(1..=3_600_000_000).contains(&micros))) {
            return Err(invalid("payment_deadline".to_owned()));
        }
        let location_id = match &command.location_id {
            None => self.best_location(command, now)?,
            Some(location_id) => {
                self.know_location(location_id)?;
                if !self.warehouses[location_id].config.active {
                    return Err(Rejection::LocationInactive(location_id.clone()));
                }
                location_id.clone()
            }
        };
        self.know_skus(command.lines.iter().map(|line| &line.sku))?;
        // It takes its place, and leaves it without a trace if it is refused.
        let before = self.warehouses[&location_id].clone();
        let outcome = self.place(command, &location_id, now);
        if outcome.is_err() {
            self.warehouses.insert(location_id, before);
        }
        outcome
    }

    /// R7: the order is tried everywhere. Those who can take it are compared by its promise, rank and id, those who cannot
    /// by rank and id.
    fn best_location(&self, command: &Reserve, now: Instant) -> Result<LocationId, Rejection> {
        let active = self.warehouses.iter().filter(|(_, warehouse)| warehouse.config.active);
        if active.clone().next().is_none() {
            return Err(Rejection::NoActiveLocation);
        }
        self.know_skus(command.lines.iter().map(|line| &line.sku))?;
        let mut tried = Vec::new();
        for (location_id, warehouse) in active {
            let mut any_date = command.clone();
            any_date.terms.latest_acceptable_ship_date = None;
            let mut trial = Self {
                items: self.items.clone(),
                warehouses: std::iter::once((location_id.clone(), warehouse.clone())).collect(),
            };
            let promised = match trial.place(&any_date, location_id, now) {
                Ok(Answer::Order(answer)) => answer.order.promised_ship_date,
                _ => Date::MAX,
            };
            tried.push((promised, warehouse.config.rank, location_id));
        }
        let (.., best) = tried.iter().min().expect("some location is active");
        Ok((*best).clone())
    }

    fn place(&mut self, command: &Reserve, location_id: &LocationId, now: Instant) -> ModelOutcome {
        let (warehouse, items) = self.warehouse(location_id);
        let sequence = Sequence(line_number(warehouse.orders.len()).0);
        let order = draft(command, sequence, warehouse.config.calendar.version, now);
        warehouse.orders.push(Demand {
            order,
            cancellations: Vec::new(),
        });
        warehouse.allocate(items);

        let at = warehouse.orders.len() - 1;
        let mut refused = Vec::new();
        for index in 0..command.lines.len() {
            match warehouse.promise(items, at, index, command.terms.in_stock_only, now) {
                Ok((ready_date, basis)) => {
                    let line = &mut warehouse.orders[at].order.lines[index];
                    line.ready_date = ready_date;
                    line.promised_ship_date = calendar::ship_date(&warehouse.config.calendar, ready_date);
                    line.basis = basis;
                }
                Err(reason) => {
                    let (line_number, sku) = (line_number(index), command.lines[index].sku.clone());
                    refused.push(LineRejection {
                        index,
                        line_number,
                        sku,
                        reason,
                    });
                }
            }
        }
        if !refused.is_empty() {
            return Err(Rejection::Lines(refused));
        }
        let order = &mut warehouse.orders[at].order;
        let dates = order.lines.iter().map(|line| line.promised_ship_date);
        let promised = dates.max().expect("an order has a line");
        order.promised_ship_date = promised;
        if let Some(latest_acceptable) = command.terms.latest_acceptable_ship_date
            && promised > latest_acceptable
        {
            return Err(Rejection::PromiseLaterThanAccepted {
                promised,
                latest_acceptable,
            });
        }
        let placed = placed_event(order);
        warehouse.append(now, Some(command.order_id.clone()), placed);
        warehouse.settle(items, now, ReleaseCause::Purchase, RevocationCause::UnitsLost);
        Ok(warehouse.placed_answer(items, at, now))
    }
}

impl Warehouse {
    /// The ready date of a line of an order that just took its place, or why it may not wait there.
    fn promise(
        &self,
        items: &Catalog,
        at: usize,
        index: usize,
        in_stock_only: bool,
        now: Instant,
    ) -> Result<(Date, Basis), LineReason> {
        let order = &self.orders[at].order;
        let line = &order.lines[index];
        let (sku, lacking) = (&line.sku, line.lacking.get());
        let calendar = &self.config.calendar;
        let held = |line: &OrderLine| line.quantity.get() - line.lacking.get();
        let units_on_hand = units(held(line));
        if lacking == 0 {
            let ready = calendar::business_date(calendar, now);
            return Ok((
                ready,
                Basis {
                    units_on_hand,
                    supply: Supply::OnHand,
                    ..Basis::default()
                },
            ));
        }
        let same = order.lines.iter().filter(|line| line.sku == *sku);
        let (requested, available) = same.fold((0, 0), |(asked, got), line| {
            (asked + line.quantity.get(), got + held(line))
        });
        let (requested, available) = (units(requested), units(available));
        if in_stock_only {
            return Err(LineReason::InsufficientStock { requested, available });
        }
        let item = &items[sku];
        if !item.backorderable {
            return Err(LineReason::NotBackorderable { requested, available });
        }
        let backlog = units(self.backlog(sku));
        if let Some(limit) = item.max_backlog
            && backlog > limit
        {
            return Err(LineReason::BacklogLimitExceeded { backlog, limit });
        }
        let ahead = self.ahead_of(sku, order, line);
        let coming = self.coming(items, sku, ahead);
        let safety_shortfall = units(coming.first - ahead);
        let (lacking, units_ahead) = (line.lacking, units(ahead));
        match calendar::ready_date(calendar, now, &coming, lacking.get()) {
            Some((ready, supply)) => Ok((
                ready,
                Basis {
                    units_on_hand,
                    units_ahead,
                    safety_shortfall,
                    supply,
                },
            )),
            None => Err(LineReason::NoSupplyDate { lacking, units_ahead }),
        }
    }

    fn placed_answer(&self, items: &Catalog, at: usize, now: Instant) -> Answer {
        let order = &self.orders[at].order;
        let ahead = |line: &OrderLine| {
            if line.lacking.is_zero() {
                0
            } else {
                self.ahead_of(&line.sku, order, line)
            }
        };
        Answer::Order(Box::new(OrderAnswer {
            location_id: self.config.location_id.clone(),
            order: order.clone(),
            refund: None,
            estimated_ship_date: self.estimate(items, order, now),
            units_ahead: Some(order.lines.iter().map(|line| units(ahead(line))).collect()),
            replayed: false,
        }))
    }
}
