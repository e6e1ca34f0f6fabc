//! Repeats: the same id with the same content is answered again, with other content it is refused and the first
//! field that differs is named (`RULES.md` R12).

use super::command::{Adjust, AdjustContent, Cancel, CancelContent, Change, Receive, ReceiveContent, Reserve, Ship};
use crate::domain::ids::LocationId;
use crate::domain::order::{Customer, Order, Shipment, Terms};
use crate::domain::rejection::Rejection;

/// The first field that differs, found by looking in the order of the contract.
#[derive(Default)]
struct Difference(Option<String>);

impl Difference {
    fn field<T: PartialEq>(self, name: &str, asked: &T, stored: &T) -> Self {
        self.or_else(|| (asked != stored).then(|| name.to_owned()))
    }

    fn or_else(self, find: impl FnOnce() -> Option<String>) -> Self {
        Self(self.0.or_else(find))
    }

    fn refuse(self, kind: &'static str, id: &impl ToString) -> Result<(), Rejection> {
        match self.0 {
            None => Ok(()),
            Some(field) => Err(Rejection::IdReused {
                kind,
                id: id.to_string(),
                field,
            }),
        }
    }
}

/// The first of two lists' lines that differ.
fn lines<A, B>(asked: &[A], stored: &[B], differs: impl Fn(&A, &B) -> Option<&'static str>) -> Option<String> {
    let mut pairs = asked.iter().zip(stored).enumerate();
    let in_line = pairs.find_map(|(at, (a, b))| differs(a, b).map(|field| format!("lines[{at}].{field}")));
    in_line.or_else(|| (asked.len() != stored.len()).then(|| "lines".to_owned()))
}

fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields.iter().find(|(_, differs)| *differs).map(|(name, _)| *name)
}

pub(super) fn same_order(asked: &Reserve, stored: &Order, stored_location: &LocationId) -> Result<(), Rejection> {
    Difference::default()
        // Which location fills an order that names none is not among what was asked for.
        .field("location_id", &asked.location_id.as_ref().unwrap_or(stored_location), &stored_location)
        .or_else(|| {
            lines(&asked.lines, &stored.lines, |a, b| {
                let currency = a.price.is_some() && asked.currency != stored.currency;
                first(&[
                    ("sku", a.sku != b.sku),
                    ("quantity", a.quantity != b.quantity),
                    ("price", a.price != b.price || currency),
                ])
            })
        })
        .or_else(|| terms(&asked.terms, &stored.terms))
        .refuse("order_id", &asked.order_id)
}

fn terms(asked: &Terms, stored: &Terms) -> Option<String> {
    Difference::default()
        .or_else(|| customer(asked.customer.as_ref(), stored.customer.as_ref()))
        .field("in_stock_only", &asked.in_stock_only, &stored.in_stock_only)
        .field(
            "latest_acceptable_ship_date",
            &asked.latest_acceptable_ship_date,
            &stored.latest_acceptable_ship_date,
        )
        .field("payment_deadline", &asked.payment_deadline, &stored.payment_deadline)
        .0
}

fn customer(asked: Option<&Customer>, stored: Option<&Customer>) -> Option<String> {
    match (asked, stored) {
        (Some(a), Some(b)) => {
            let field = first(&[
                ("email", a.email != b.email),
                ("name", a.name != b.name),
                ("locale", a.locale != b.locale),
            ])?;
            Some(format!("customer.{field}"))
        }
        (None, None) => None,
        _ => Some("customer".to_owned()),
    }
}

pub(super) fn same_cancellation(asked: &Cancel, stored: &CancelContent) -> Result<(), Rejection> {
    let Some(request_id) = &asked.request_id else {
        return Ok(());
    };
    Difference::default()
        .or_else(|| {
            lines(&asked.content.lines, &stored.lines, |a, b| {
                first(&[
                    ("line_number", a.line_number != b.line_number),
                    ("quantity", a.quantity != b.quantity),
                ])
            })
        })
        .field("reason", &asked.content.reason, &stored.reason)
        .refuse("request_id", request_id)
}

pub(super) fn same_receipt(asked: &Receive, stored: &ReceiveContent) -> Result<(), Rejection> {
    Difference::default()
        .field("inbound_id", &asked.content.inbound_id, &stored.inbound_id)
        .field("reason", &asked.content.reason, &stored.reason)
        .or_else(|| {
            lines(&asked.content.lines, &stored.lines, |a, b| {
                first(&[("sku", a.sku != b.sku), ("quantity", a.quantity != b.quantity)])
            })
        })
        .refuse("receipt_id", &asked.receipt_id)
}

pub(super) fn same_adjustment(asked: &Adjust, stored: &AdjustContent) -> Result<(), Rejection> {
    let change = match asked.content.change {
        Change::Delta(_) => "delta",
        Change::Counted(_) => "counted_quantity",
    };
    Difference::default()
        .field("sku", &asked.content.sku, &stored.sku)
        .field(change, &asked.content.change, &stored.change)
        .field("reason", &asked.content.reason, &stored.reason)
        .field("note", &asked.content.note, &stored.note)
        .refuse("adjustment_id", &asked.adjustment_id)
}

pub(super) fn same_shipment(asked: &Ship, stored: &Shipment) -> Result<(), Rejection> {
    Difference::default()
        .or_else(|| {
            let pairs = asked.shipment.parcels.iter().zip(&stored.parcels).enumerate();
            let in_parcel = pairs.map(|(at, (a, b))| {
                let field = first(&[
                    ("carrier", a.carrier != b.carrier),
                    ("tracking_number", a.tracking_number != b.tracking_number),
                ]);
                field.map(|field| format!("parcels[{at}].{field}"))
            });
            in_parcel.flatten().next()
        })
        .field("parcels", &asked.shipment.parcels, &stored.parcels)
        .field("ship_time", &asked.shipment.reported_ship_at, &stored.reported_ship_at)
        .refuse("order_id", &asked.order_id)
}
