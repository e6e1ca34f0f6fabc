//! The requests of `CheckoutService`.

use std::collections::BTreeSet;

use super::fields;
use super::violations::Violations;
use crate::allocator::command::{Cancel, CancelContent, CancelLine, Reserve, ReserveLine};
use crate::domain::ids::{LineNumber, LocationId, OrderId, RequestId, Sku};
use crate::domain::money::{Amount, Currency};
use crate::domain::order::{Customer, ORDER_LINES_MAX, Terms};
use crate::domain::quantity::Quantity;
use crate::grpc::availability::{SKUS_MAX, Watched};
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

/// The longest e-mail address, in bytes: the most that mail can carry.
const EMAIL_BYTES_MAX: usize = 254;
/// The longest name of a customer, in bytes.
const CUSTOMER_NAME_BYTES_MAX: usize = 200;
/// The longest language tag, in bytes: what BCP 47 asks to be accepted.
const LOCALE_BYTES_MAX: usize = 35;
/// The longest free text, in bytes.
pub(crate) const NOTE_BYTES_MAX: usize = 500;

/// Parses an order to be placed.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn reserve(request: pb::ReserveRequest) -> Result<Reserve, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(&request.order_id));
    let location_id = fields::filled_at(&mut v, &request.location_id);
    let mut prices = Prices::default();
    let lines = fields::list(&mut v, "lines", request.lines, ORDER_LINES_MAX, |v, at, line| {
        let sku = v.take(format_args!("lines[{at}].sku"), Sku::parse(&line.sku));
        let quantity = v.take(format_args!("lines[{at}].quantity"), Quantity::parse(line.quantity));
        let price = line.price.and_then(|price| prices.add(v, at, &price));
        Some(ReserveLine {
            sku: sku?,
            quantity: quantity?,
            price,
        })
    });
    let customer = request.customer.map(|sent| customer(&mut v, sent));
    let latest = request.latest_acceptable_ship_date;
    let latest_acceptable_ship_date = latest.and_then(|date| fields::date(&mut v, "latest_acceptable_ship_date", date));
    let deadline = request.payment_deadline;
    let payment_deadline = deadline.and_then(|deadline| fields::instant(&mut v, "payment_deadline", deadline));
    let terms = Terms {
        customer,
        in_stock_only: request.in_stock_only,
        latest_acceptable_ship_date,
        payment_deadline,
    };
    let currency = prices.currency;
    v.finish(order_id.map(|order_id| Reserve {
        order_id,
        location_id,
        lines,
        currency,
        terms,
    }))
}

/// The prices of an order's lines: one currency, and a sum that can be named.
#[derive(Default)]
struct Prices {
    currency: Option<Currency>,
    total: Amount,
}

impl Prices {
    fn add(&mut self, v: &mut Violations, at: usize, price: &google::Money) -> Option<Amount> {
        let (currency, amount) = fields::money(v, format_args!("lines[{at}].price"), price)?;
        let first = *self.currency.get_or_insert(currency);
        if currency != first {
            v.add(
                format_args!("lines[{at}].price.currency_code"),
                format_args!(
                    "is {}, earlier lines are in {}: use one currency",
                    currency.code(),
                    first.code()
                ),
            );
            return None;
        }
        let Some(total) = self.total.checked_add(amount) else {
            v.add(
                format_args!("lines[{at}].price"),
                format_args!(
                    "brings the total above {} units of the currency: split the order",
                    i64::MAX
                ),
            );
            return None;
        };
        self.total = total;
        Some(amount)
    }
}

fn customer(v: &mut Violations, customer: pb::Customer) -> Customer {
    Customer {
        email: fields::name(v, "customer.email", customer.email, EMAIL_BYTES_MAX),
        name: fields::name(v, "customer.name", customer.name, CUSTOMER_NAME_BYTES_MAX),
        locale: fields::name(v, "customer.locale", customer.locale, LOCALE_BYTES_MAX),
    }
}

/// A cart to be quoted.
#[derive(Debug)]
pub(crate) struct Cart {
    /// Where it would be filled; `None` for the best of all locations.
    pub(crate) location_id: Option<LocationId>,
    /// Its lines, without prices.
    pub(crate) lines: Vec<ReserveLine>,
}

/// Parses a cart.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn quote(request: pb::QuoteRequest) -> Result<Cart, Violations> {
    let mut v = Violations::default();
    let location_id = fields::filled_at(&mut v, &request.location_id);
    let lines = fields::list(&mut v, "lines", request.lines, ORDER_LINES_MAX, |v, at, line| {
        let sku = v.take(format_args!("lines[{at}].sku"), Sku::parse(&line.sku));
        let quantity = v.take(format_args!("lines[{at}].quantity"), Quantity::parse(line.quantity));
        Some(ReserveLine {
            sku: sku?,
            quantity: quantity?,
            price: None,
        })
    });
    v.finish(Some(Cart { location_id, lines }))
}

/// Parses what an item page is to be told.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn watched(request: &pb::WatchAvailabilityRequest) -> Result<Watched, Violations> {
    let mut v = Violations::default();
    let location_id = fields::filled_at(&mut v, &request.location_id);
    let mut seen = BTreeSet::new();
    let skus = fields::list(&mut v, "skus", request.skus.iter().collect(), SKUS_MAX, |v, at, sku| {
        let path = format_args!("skus[{at}]");
        v.check(seen.insert(sku), path, "stands on an earlier place: name each SKU once");
        v.take(path, Sku::parse(sku))
    });
    let quantity_cap = request.available_quantity_cap;
    if let Some(cap) = quantity_cap {
        v.check(
            cap >= 0,
            "available_quantity_cap",
            format_args!("is {cap}, must be 0 or more"),
        );
    }
    v.finish(Some(Watched {
        location_id,
        skus,
        quantity_cap,
    }))
}

/// Parses a cancellation.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn cancel(request: pb::CancelOrderRequest) -> Result<Cancel, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(&request.order_id));
    let request_id = match request.request_id.as_str() {
        "" => None,
        text => v.take("request_id", RequestId::parse(text)),
    };
    v.check(
        !request.request_id.is_empty() || request.lines.is_empty(),
        "request_id",
        "is missing: a cancellation of lines needs one, so that it can be repeated",
    );
    let lines = if request.lines.is_empty() {
        Vec::new()
    } else {
        cancel_lines(&mut v, request.lines)
    };
    let reason = fields::note(&mut v, "reason", request.reason, NOTE_BYTES_MAX);
    let content = CancelContent { lines, reason };
    v.finish(order_id.map(|order_id| Cancel {
        order_id,
        request_id,
        content,
    }))
}

fn cancel_lines(v: &mut Violations, lines: Vec<pb::CancelLine>) -> Vec<CancelLine> {
    let mut seen = BTreeSet::new();
    fields::list(v, "lines", lines, ORDER_LINES_MAX, |v, at, line| {
        let number = i64::from(line.line_number);
        let path = format_args!("lines[{at}].line_number");
        if number < 1 {
            v.add(path, format_args!("is {number}: lines are numbered from 1"));
        } else {
            v.check(
                seen.insert(number),
                path,
                format_args!("names line {number} again: name each line once"),
            );
        }
        let quantity = v.take(format_args!("lines[{at}].quantity"), Quantity::parse(line.quantity));
        Some(CancelLine {
            line_number: LineNumber(number),
            quantity: quantity?,
        })
    })
}

/// Parses the id of an order.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn order_id(text: &str) -> Result<OrderId, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(text));
    v.finish(order_id)
}
