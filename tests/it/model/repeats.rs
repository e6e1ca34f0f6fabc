//! Repeats in the model: which field of a repeated call differs first (`RULES.md` R12).

use holdfast::allocator::command::{
    Adjust, AdjustContent, Cancel, CancelContent, Change, Receive, ReceiveContent, Reserve, Ship,
};
use holdfast::domain::ids::LocationId;
use holdfast::domain::order::{Order, Shipment};
use holdfast::domain::rejection::Rejection;

/// Fields in the order of the contract, each with whether it differs.
type Fields = Vec<(String, bool)>;

fn refuse(kind: &'static str, id: &str, fields: Fields) -> Result<(), Rejection> {
    match fields.into_iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((field, _)) => Err(Rejection::IdReused {
            kind,
            id: id.to_owned(),
            field,
        }),
    }
}

pub(super) fn same_order(asked: &Reserve, stored: &Order, location_id: &LocationId) -> Result<(), Rejection> {
    let mut fields: Fields = vec![(
        "location_id".to_owned(),
        asked.location_id.as_ref().is_some_and(|asked| asked != location_id),
    )];
    for (at, (line, other)) in asked.lines.iter().zip(&stored.lines).enumerate() {
        let other_currency = line.price.is_some() && asked.currency != stored.currency;
        fields.push((format!("lines[{at}].sku"), line.sku != other.sku));
        fields.push((format!("lines[{at}].quantity"), line.quantity != other.quantity));
        fields.push((
            format!("lines[{at}].price"),
            line.price != other.price || other_currency,
        ));
    }
    fields.push(("lines".to_owned(), asked.lines.len() != stored.lines.len()));
    let (terms, others) = (&asked.terms, &stored.terms);
    if let (Some(customer), Some(other)) = (&terms.customer, &others.customer) {
        fields.push(("customer.email".to_owned(), customer.email != other.email));
        fields.push(("customer.name".to_owned(), customer.name != other.name));
        fields.push(("customer.locale".to_owned(), customer.locale != other.locale));
    }
    fields.push((
        "customer".to_owned(),
        terms.customer.is_some() != others.customer.is_some(),
    ));
    fields.push(("in_stock_only".to_owned(), terms.in_stock_only != others.in_stock_only));
    let acceptable = terms.latest_acceptable_ship_date != others.latest_acceptable_ship_date;
    fields.push(("latest_acceptable_ship_date".to_owned(), acceptable));
    fields.push((
        "payment_deadline".to_owned(),
        terms.payment_deadline != others.payment_deadline,
    ));
    refuse("order_id", asked.order_id.as_str(), fields)
}

pub(super) fn same_cancellation(asked: &Cancel, stored: &CancelContent) -> Result<(), Rejection> {
    let mut fields = Fields::new();
    for (at, (line, other)) in asked.content.lines.iter().zip(&stored.lines).enumerate() {
        fields.push((
            format!("lines[{at}].line_number"),
            line.line_number != other.line_number,
        ));
        fields.push((format!("lines[{at}].quantity"), line.quantity != other.quantity));
    }
    fields.push(("lines".to_owned(), asked.content.lines.len() != stored.lines.len()));
    fields.push(("reason".to_owned(), asked.content.reason != stored.reason));
    refuse(
        "request_id",
        asked.request_id.as_ref().map_or("", |id| id.as_str()),
        fields,
    )
}

pub(super) fn same_receipt(asked: &Receive, stored: &ReceiveContent) -> Result<(), Rejection> {
    let content = &asked.content;
    let mut fields = vec![
        ("inbound_id".to_owned(), content.inbound_id != stored.inbound_id),
        ("reason".to_owned(), content.reason != stored.reason),
    ];
    for (at, (line, other)) in content.lines.iter().zip(&stored.lines).enumerate() {
        fields.push((format!("lines[{at}].sku"), line.sku != other.sku));
        fields.push((format!("lines[{at}].quantity"), line.quantity != other.quantity));
    }
    fields.push(("lines".to_owned(), content.lines.len() != stored.lines.len()));
    refuse("receipt_id", asked.receipt_id.as_str(), fields)
}

pub(super) fn same_adjustment(asked: &Adjust, stored: &AdjustContent) -> Result<(), Rejection> {
    let content = &asked.content;
    let change = match content.change {
        Change::Delta(_) => "delta",
        Change::Counted(_) => "counted_quantity",
    };
    let fields = vec![
        ("sku".to_owned(), content.sku != stored.sku),
        (change.to_owned(), content.change != stored.change),
        ("reason".to_owned(), content.reason != stored.reason),
        ("note".to_owned(), content.note != stored.note),
    ];
    refuse("adjustment_id", asked.adjustment_id.as_str(), fields)
}

pub(super) fn same_shipment(asked: &Ship, stored: &Shipment) -> Result<(), Rejection> {
    let (parcels, others) = (&asked.shipment.parcels, &stored.parcels);
    let mut fields = Fields::new();
    for (at, (parcel, other)) in parcels.iter().zip(others).enumerate() {
        fields.push((format!("parcels[{at}].carrier"), parcel.carrier != other.carrier));
        fields.push((
            format!("parcels[{at}].tracking_number"),
            parcel.tracking_number != other.tracking_number,
        ));
    }
    fields.push(("parcels".to_owned(), parcels.len() != others.len()));
    fields.push((
        "ship_time".to_owned(),
        asked.shipment.reported_ship_at != stored.reported_ship_at,
    ));
    refuse("order_id", asked.order_id.as_str(), fields)
}
