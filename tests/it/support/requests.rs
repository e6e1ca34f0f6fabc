//! Requests as tests write them.

use holdfast::proto::google::r#type::Date;
use holdfast::proto::holdfast::v1 as pb;

/// The location of a shop that has one.
pub(crate) const W1: &str = "W1";

/// A date from its usual text, as fields of messages have it.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
pub(crate) fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(|part| part.parse().expect("a number"));
    let mut next = || parts.next().expect("three parts");
    Some(Date {
        year: next(),
        month: next(),
        day: next(),
    })
}

/// A location in UTC with the defaults of everything.
pub(crate) fn location(location_id: &str) -> pb::Location {
    pb::Location {
        location_id: location_id.to_owned(),
        time_zone: "UTC".to_owned(),
        ..pb::Location::default()
    }
}

/// An item that can be had in 30 days.
pub(crate) fn item(sku: &str) -> pb::Item {
    pb::Item {
        sku: sku.to_owned(),
        lead_time_days: Some(30),
        ..pb::Item::default()
    }
}

/// An order's request, without prices.
pub(crate) fn order(order_id: &str, location_id: &str, lines: &[(&str, i64)]) -> pb::ReserveRequest {
    let lines = lines.iter().map(|(sku, quantity)| pb::ReserveLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
        price: None,
    });
    pb::ReserveRequest {
        order_id: order_id.to_owned(),
        location_id: location_id.to_owned(),
        lines: lines.collect(),
        ..pb::ReserveRequest::default()
    }
}
