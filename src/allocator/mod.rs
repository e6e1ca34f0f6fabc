//! The allocator: pure decisions on a working set.
//!
//! # Shape
//! [`decide`] takes one command at a time, in arrival order. Each command's function is a ladder of early
//! returns, in the order that its documentation gives, then one marked line after which nothing can
//! fail, then only changes to the working set.
//!
//! # Ordering
//! What supply, cancellations and counts free goes to waiting lines by order sequence and line number
//! (`queue.rs`); nothing else hands out units that are not available.
//!
//! # Layering
//! Knows `domain` alone: no SQL, no tokio, no proto, no clock.
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

mod acknowledge;
mod adjust;
mod cancel;
mod catalog;
pub mod command;
mod confirm;
pub mod day;
pub mod decision;
pub mod estimate;
pub mod explain;
pub mod footprint;
pub mod invariants;
pub mod lapse;
pub mod promise;
mod queue;
pub mod quote;
mod receive;
mod replay;
mod reserve;
mod risk;
mod ship;
mod slot;
mod sourcing;
mod supply;
mod table;
mod wants;
pub mod working_set;

use command::{Command, ContinueRefill, Reestimate};
use decision::{Answer, Decision};
use working_set::{Index, LocationSlot, OrderSlot, StockSlot, WorkingSet};

use crate::domain::ids::{LocationId, OrderId, Sku};
use crate::domain::order::Order;
use crate::domain::rejection::Rejection;

/// Decides one command on the working set, whose `now` is the instant of the decision.
///
/// After [`Decision::Missing`] the working set is of no further use but for its list of what is missing.
pub fn decide(ws: &mut WorkingSet, command: &Command) -> Decision {
    let due = lapse::before(ws, command);
    let outcome = match command {
        _ if due.is_err() => Err(Refusal::Deferred),
        Command::Reserve(c) => reserve::reserve(ws, c),
        Command::Confirm(c) => confirm::confirm(ws, c),
        Command::Cancel(c) => cancel::cancel(ws, c),
        Command::Receive(c) => receive::receive(ws, c),
        Command::Adjust(c) => adjust::adjust(ws, c),
        Command::AcknowledgeRelease(c) => acknowledge::acknowledge_release(ws, c),
        Command::ConfirmShipment(c) => ship::confirm_shipment(ws, c),
        Command::ReportShippedAfterCancel(c) => ship::report_shipped_after_cancel(ws, c),
        Command::PutInbound(c) => supply::put_inbound(ws, c),
        Command::CloseInbound(c) => supply::close_inbound(ws, c),
        Command::PutLocation(c) => catalog::put_location(ws, c),
        Command::PutItem(c) => catalog::put_item(ws, c),
        Command::ContinueRefill(c) => Ok(continue_refill(ws, c)),
        Command::Lapse(_) => Ok(Answer::Lapsed),
        Command::Reestimate(c) => Ok(reestimate(ws, c)),
    };
    if !ws.missing.is_empty() {
        return Decision::Missing;
    }
    match outcome {
        Ok(answer) => Decision::Accepted(answer),
        Err(Refusal::Rejected(rejection)) => Decision::Rejected(rejection),
        Err(Refusal::Deferred) => Decision::Deferred,
    }
}

/// Why a ladder was left early.
enum Refusal {
    /// For good.
    Rejected(Rejection),
    /// A SKU is being refilled in parts, or the round has filled its share of lines, or rows are missing.
    Deferred,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

type Outcome = Result<Answer, Refusal>;

fn continue_refill(ws: &mut WorkingSet, command: &ContinueRefill) -> Answer {
    if let Some(stock) = ws.find_stock_of(&command.location_id, &command.sku) {
        // It has lines of its own, whatever the callers' commands of the round filled.
        ws.refill_lines_left = ws.refill_lines_max;
        queue::go_on(ws, stock);
    }
    Answer::Refilled
}

fn reestimate(ws: &mut WorkingSet, command: &Reestimate) -> Answer {
    match &command.sku {
        None => {
            if let Some(location) = ws.locations.find(&command.location_id) {
                day::walk(ws, location);
            }
        }
        Some(sku) => {
            if let Some(stock) = ws.find_stock_of(&command.location_id, sku) {
                estimate::walk(ws, stock);
            }
        }
    }
    Answer::Reestimated
}

fn location_of(ws: &WorkingSet, location_id: &LocationId) -> Result<Index<LocationSlot>, Rejection> {
    ws.locations
        .find(location_id)
        .ok_or_else(|| Rejection::UnknownLocation(location_id.clone()))
}

/// The order that a command names. One that was placed elsewhere after it was looked for, and was loaded for the queue that
/// it stands in, is to be looked for again.
fn order_of(ws: &mut WorkingSet, order_id: &OrderId) -> Result<Index<OrderSlot>, Rejection> {
    let found = ws.orders.find(order_id);
    if found.is_some_and(|order| ws.orders.get(order).is_bystander) {
        ws.missing.named.push(order_id.clone());
    }
    found.ok_or_else(|| Rejection::UnknownOrder(order_id.clone()))
}

/// The counters of SKUs, each settled.
fn stocks_of<'a>(
    ws: &mut WorkingSet,
    location: Index<LocationSlot>,
    skus: impl Iterator<Item = &'a Sku> + Clone,
) -> Result<Vec<Index<StockSlot>>, Refusal> {
    let unknown: Vec<_> = skus
        .clone()
        .enumerate()
        .filter(|(_, sku)| ws.find_item(sku).is_none())
        .map(|(at, sku)| (at, sku.clone()))
        .collect();
    if !unknown.is_empty() {
        return Err(Rejection::UnknownSkus(unknown).into());
    }
    let count = skus.clone().count();
    let stocks: Vec<_> = skus.filter_map(|sku| stock_at(ws, location, sku)).collect();
    if stocks.len() < count {
        return Err(Refusal::Deferred);
    }
    let settled = stocks
        .iter()
        .all(|stock| ws.stock(*stock).stock.pending_refill.is_none());
    if settled { Ok(stocks) } else { Err(Refusal::Deferred) }
}

/// The counters of the lines of an order, each settled.
fn stocks_of_order(ws: &mut WorkingSet, order: Index<OrderSlot>) -> Result<Vec<Index<StockSlot>>, Refusal> {
    let location = ws.orders.get(order).location;
    let skus: Vec<_> = ws.order(order).lines.iter().map(|line| line.sku.clone()).collect();
    stocks_of(ws, location, skus.iter())
}

/// The counters of a SKU that exists. Where they or the item are not loaded, they are asked for and `None` is given;
/// what this round created has none to be loaded.
fn stock_at(ws: &mut WorkingSet, location: Index<LocationSlot>, sku: &Sku) -> Option<Index<StockSlot>> {
    if let Some(item) = ws.find_item(sku) {
        let found = ws.stocks.find(&(location, item));
        if found.is_some() {
            return found;
        }
        if ws.locations.is_new(location) || ws.items.is_new(item) {
            return Some(ws.create_stock(location, item));
        }
    }
    let key = (ws.location(location).location.location_id.clone(), sku.clone());
    ws.missing.stocks.push(key);
    None
}

fn order_answer(ws: &WorkingSet, order: Index<OrderSlot>, replayed: bool) -> decision::OrderAnswer {
    let slot = ws.orders.get(order);
    decision::OrderAnswer {
        location_id: ws.location(slot.location).location.location_id.clone(),
        order: Order::clone(&slot.order),
        refund: None,
        estimated_ship_date: None,
        units_ahead: None,
        replayed,
    }
}
