//! Refusals of commands as statuses.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::SecondsFormat;
use tonic::{Code, Status};

use super::Fault;
use crate::domain::ids::{OrderId, Sku};
use crate::domain::order::OrderState;
use crate::domain::rejection::{LineReason, LineRejection, Rejection};
use crate::grpc::convert::values;
use crate::grpc::convert::violations::Violations;

/// Bytes of a list of SKUs in the metadata.
const SKUS_BYTES_MAX: usize = 500;
/// Bytes of a list of line numbers in the metadata: enough for any lines of an order.
const NUMBERS_BYTES_MAX: usize = 1_400;

/// Where the SKUs of a request stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SkuField {
    /// In `lines[i].sku`.
    Lines,
    /// In `inbound.lines[i].sku`.
    InboundLines,
    /// In `skus[i]`.
    List,
    /// In `sku`.
    Single,
}

impl SkuField {
    fn path(self, at: usize) -> String {
        match self {
            Self::Lines => format!("lines[{at}].sku"),
            Self::InboundLines => format!("inbound.lines[{at}].sku"),
            Self::List => format!("skus[{at}]"),
            Self::Single => "sku".to_owned(),
        }
    }
}

/// A refusal as a status.
pub(crate) fn rejected(rejection: Rejection, sku_field: SkuField) -> Status {
    let fault = match rejection {
        Rejection::InvalidFields(fields) => return Violations::of(fields).into(),
        Rejection::UnknownLocation(id) => Fault::new(
            Code::NotFound,
            "UNKNOWN_LOCATION",
            format!("there is no location {id:?}"),
        )
        .with("location_id", id),
        Rejection::UnknownSkus(unknown) => unknown_skus(&unknown, sku_field),
        Rejection::UnknownOrder(id) => {
            Fault::new(Code::NotFound, "UNKNOWN_ORDER", format!("there is no order {id:?}")).with("order_id", id)
        }
        Rejection::UnknownInbound(id) => {
            let message = format!("the location has no inbound {id:?}");
            Fault::new(Code::NotFound, "UNKNOWN_INBOUND", message).with("inbound_id", id)
        }
        Rejection::IdReused { kind, id, field } => {
            let message =
                format!("{kind} {id:?} was used with another {field}: repeat it as it was, or choose a new id");
            let fault = Fault::new(Code::AlreadyExists, "ID_REUSED", message);
            fault.with("kind", kind).with("id", id).with("field", field)
        }
        Rejection::LocationInactive(id) => {
            let message = format!("location {id:?} takes no new orders");
            refused("LOCATION_INACTIVE", id.as_str(), &message).with("location_id", &id)
        }
        Rejection::NoActiveLocation => refused("LOCATION_INACTIVE", "location_id", "no location takes new orders"),
        Rejection::Lines(lines) => refused_lines(&lines),
        Rejection::PromiseLaterThanAccepted {
            promised,
            latest_acceptable,
        } => {
            let message =
                format!("the order would ship on {promised}, later than {latest_acceptable}, the latest accepted");
            refused("PROMISE_LATER_THAN_ACCEPTED", "latest_acceptable_ship_date", &message)
                .with("promised_ship_date", promised)
                .with("latest_acceptable_ship_date", latest_acceptable)
        }
        Rejection::OrderNotReleased(id, state) => {
            let message = format!("order {id:?} is {}, not released", word(state));
            in_state("ORDER_NOT_RELEASED", &id, state, &message)
        }
        Rejection::OrderNotCancelled(id, state) => {
            let message = format!("order {id:?} is {}, not cancelled", word(state));
            in_state("ORDER_NOT_CANCELLED", &id, state, &message)
        }
        Rejection::NotTentative(id, state) => {
            let message = format!("order {id:?} is {}, and never waited for a payment", word(state));
            in_state("NOT_TENTATIVE", &id, state, &message)
        }
        Rejection::OrderShipped(id) => of_order("ORDER_SHIPPED", &id, &format!("order {id:?} has shipped")),
        Rejection::OrderCancelled(id) => of_order("ORDER_CANCELLED", &id, &format!("order {id:?} is cancelled")),
        Rejection::PaymentDeadlinePassed(id, deadline) => {
            let deadline = deadline.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let message = format!("order {id:?} lapsed at {deadline}: place it anew, or pay back what came");
            of_order("PAYMENT_DEADLINE_PASSED", &id, &message).with("payment_deadline", deadline)
        }
        Rejection::OnHandBelowZero { sku, on_hand, taken } => {
            let message = format!("{taken} units of {sku:?} would go, and {on_hand} are on hand: count the shelf");
            refused("ON_HAND_BELOW_ZERO", sku.as_str(), &message)
                .with("sku", &sku)
                .with("on_hand", on_hand)
                .with("taken", taken)
        }
    };
    fault.status()
}

/// A refusal for business reasons.
fn refused(reason: &'static str, subject: &str, message: &str) -> Fault {
    let fault = Fault::new(Code::FailedPrecondition, reason, message);
    fault.precondition(reason, subject, message)
}

/// A refusal because of an order.
fn of_order(reason: &'static str, id: &OrderId, message: &str) -> Fault {
    refused(reason, id.as_str(), message).with("order_id", id)
}

/// A refusal because of the state of an order.
fn in_state(reason: &'static str, id: &OrderId, state: OrderState, message: &str) -> Fault {
    of_order(reason, id, message).with("state", name(state))
}

fn unknown_skus(unknown: &[(usize, Sku)], sku_field: SkuField) -> Fault {
    let distinct: BTreeSet<_> = unknown.iter().map(|(_, sku)| sku).collect();
    let first = unknown.first().map(|(_, sku)| sku.as_str()).unwrap_or_default();
    let more = match distinct.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let fault = Fault::new(
        Code::NotFound,
        "UNKNOWN_SKU",
        format!("there is no item {first:?}{more}"),
    )
    .with("sku", first);
    let fault = match distinct.len() {
        0 | 1 => fault,
        _ => fault.with("skus", joined(distinct.into_iter().map(Sku::as_str), SKUS_BYTES_MAX)),
    };
    let faults = unknown
        .iter()
        .map(|(at, sku)| (sku_field.path(*at), format!("is {sku:?}, of which there is no item")));
    faults.fold(
        fault.with("violations", unknown.len()),
        |fault, (field, description)| fault.field(&field, &description),
    )
}

fn refused_lines(lines: &[LineRejection]) -> Fault {
    let Some(first) = lines.first() else {
        return Fault::new(
            Code::FailedPrecondition,
            "INSUFFICIENT_STOCK",
            "lines cannot be accepted",
        );
    };
    let more = match lines.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more lines)"),
    };
    let message = format!(
        "line {} ({:?}): {}{more}",
        first.line_number,
        first.sku,
        described(first.reason)
    );
    let fault = Fault::new(Code::FailedPrecondition, first.reason.name(), message)
        .with("line_number", first.line_number)
        .with("sku", &first.sku)
        .with("line_numbers", ranges(lines))
        .with("violations", lines.len());
    let fault = variables(first.reason)
        .into_iter()
        .fold(fault, |fault, (name, value)| fault.with(name, value));
    lines.iter().fold(fault, |fault, line| {
        let description = format!("line {} ({:?}): {}", line.line_number, line.sku, described(line.reason));
        fault.precondition(line.reason.name(), &format!("lines[{}]", line.index), &description)
    })
}

fn described(reason: LineReason) -> String {
    match reason {
        LineReason::InsufficientStock { requested, available } => {
            format!("{requested} units asked for, {available} available, and only stock was to be taken")
        }
        LineReason::NotBackorderable { requested, available } => {
            format!("{requested} units asked for, {available} available, and nobody may wait for the item")
        }
        LineReason::BacklogLimitExceeded { backlog, limit } => {
            format!("{backlog} units would be waited for, and no more than {limit} may be")
        }
        LineReason::NoSupplyDate { lacking, units_ahead } => {
            format!("{lacking} units lack, {units_ahead} are ahead, and no known supply covers them")
        }
        LineReason::QuantityExceedsLine { requested, remaining } => {
            format!("{requested} units to cancel, {remaining} left")
        }
    }
}

fn variables(reason: LineReason) -> [(&'static str, i64); 2] {
    match reason {
        LineReason::InsufficientStock { requested, available }
        | LineReason::NotBackorderable { requested, available } => {
            [("requested", requested.get()), ("available", available.get())]
        }
        LineReason::BacklogLimitExceeded { backlog, limit } => [("backlog", backlog.get()), ("limit", limit.get())],
        LineReason::NoSupplyDate { lacking, units_ahead } => {
            [("lacking", lacking.get()), ("units_ahead", units_ahead.get())]
        }
        LineReason::QuantityExceedsLine { requested, remaining } => {
            [("requested", requested.get()), ("remaining", remaining.get())]
        }
    }
}

/// The numbers of lines, runs joined: `1-3,7`.
fn ranges(lines: &[LineRejection]) -> String {
    let numbers: BTreeSet<_> = lines.iter().map(|line| line.line_number.0).collect();
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let runs = runs.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    joined(runs, NUMBERS_BYTES_MAX)
}

/// Texts joined by commas; what does not fit is counted.
fn joined(texts: impl IntoIterator<Item = impl AsRef<str>>, bytes_max: usize) -> String {
    let mut list = String::new();
    let mut left_out = 0_usize;
    for text in texts {
        let text = text.as_ref();
        if left_out > 0 || list.len().saturating_add(text.len()) > bytes_max {
            left_out = left_out.saturating_add(1);
            continue;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(text);
    }
    if left_out > 0 {
        write!(list, ",... and {left_out} more").expect("a string takes what is written to it");
    }
    list
}

fn name(state: OrderState) -> &'static str {
    values::order_state(state).as_str_name()
}

fn word(state: OrderState) -> &'static str {
    match state {
        OrderState::Tentative => "tentative",
        OrderState::Waiting => "waiting",
        OrderState::Released => "released",
        OrderState::Shipped => "shipped",
        OrderState::Cancelled => "cancelled",
    }
}
