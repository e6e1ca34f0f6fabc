//! Releases and revocations as the contract spells them.

use super::{events, values};
use crate::domain::event::{Event, OrderReleased, ReleaseRevoked};
use crate::domain::ids::OrderId;
use crate::domain::order::{Order, OrderLine, Recipient};
use crate::domain::quantity::Units;
use crate::proto::holdfast::v1 as pb;

fn order_id(event: &Event) -> String {
    event.order_id.as_ref().map(OrderId::to_string).unwrap_or_default()
}

/// The release that an event tells of.
pub(crate) fn release(event: &Event, released: &OrderReleased) -> pb::Release {
    pb::Release {
        order_id: order_id(event),
        sequence: released.sequence.0,
        lines: values::line_quantities(&released.lines),
        customer_name: released.recipient.name.clone(),
        customer_locale: released.recipient.locale.clone(),
        ship_by_date: Some(values::date(released.ship_by_date)),
        promised_ship_date: Some(values::date(released.promised_ship_date)),
        cause: events::release_cause(released.cause).into(),
        acknowledged: false,
    }
}

/// The release of an order that is released.
pub(crate) fn release_of(order: &Order) -> pb::Release {
    let left = order.lines.iter().filter(|line| line.remaining() > Units::ZERO);
    let quantity = |line: &OrderLine| pb::LineQuantity {
        line_number: values::small(line.number.0),
        sku: line.sku.to_string(),
        quantity: line.remaining().get(),
    };
    let Recipient { name, locale } = Recipient::of(&order.terms);
    let cause = order
        .release_cause
        .map_or(pb::ReleaseCause::Unspecified, events::release_cause);
    pb::Release {
        order_id: order.order_id.to_string(),
        sequence: order.sequence.0,
        lines: left.map(quantity).collect(),
        customer_name: name,
        customer_locale: locale,
        ship_by_date: order.ship_by_date.map(values::date),
        promised_ship_date: Some(values::date(order.promised_ship_date)),
        cause: cause.into(),
        acknowledged: order.acknowledged_at.is_some(),
    }
}

/// The revocation that an event tells of.
pub(crate) fn revocation(event: &Event, revoked: &ReleaseRevoked) -> pb::Revocation {
    pb::Revocation {
        order_id: order_id(event),
        cause: events::revocation_cause(revoked.cause).into(),
        was_acknowledged: revoked.was_acknowledged,
    }
}
