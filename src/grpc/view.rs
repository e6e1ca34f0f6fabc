//! Views: orders, quotes, counters and queues as callers see them.

use crate::allocator::promise::{self, LineOffer};
use crate::allocator::quote::Quote;
use crate::allocator::working_set::{StockSlot, WorkingSet};
use crate::domain::Date;
use crate::domain::ids::LocationId;
use crate::domain::order::{Order, OrderLine, Supply};
use crate::domain::quantity::Units;
use crate::domain::rejection::LineReason;
use crate::grpc::convert::checkout::Cart;
use crate::grpc::convert::{events, values};
use crate::proto::holdfast::v1 as pb;
use crate::store::QueuedLine;

/// What an order has to look forward to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlook {
    /// When it would ship as things stand; `None` when nobody can say, and once it is cancelled.
    pub(crate) estimated_ship_date: Option<Date>,
    /// For each line, units that are ahead of it; empty where none lacks anything.
    pub(crate) units_ahead: Vec<Units>,
}

/// An order as it stands.
pub(crate) fn order(location_id: &LocationId, order: &Order, outlook: &Outlook) -> pb::Order {
    let ahead = outlook
        .units_ahead
        .iter()
        .copied()
        .map(Some)
        .chain(std::iter::repeat(None));
    let lines = order
        .lines
        .iter()
        .zip(ahead)
        .map(|(line, ahead)| order_line(order, line, ahead));
    let estimated = outlook.estimated_ship_date;
    pb::Order {
        order_id: order.order_id.to_string(),
        location_id: location_id.to_string(),
        sequence: order.sequence.0,
        state: values::order_state(order.state).into(),
        lines: lines.collect(),
        promised_ship_date: Some(values::date(order.promised_ship_date)),
        estimated_ship_date: estimated.map(values::date),
        at_risk: promise::at_risk(order, estimated),
        consented_ship_date: None,
        total: order.total().filter(|_| is_priced(order)).map(values::money),
        refunded_total: order.refunded_total().filter(|_| is_priced(order)).map(values::money),
        placed_time: Some(values::timestamp(order.placed_at)),
        payment_deadline: order.terms.payment_deadline.map(values::timestamp),
        release_time: order.released_at.map(values::timestamp),
        acknowledge_time: order.acknowledged_at.map(values::timestamp),
        ship_by_date: order.ship_by_date.map(values::date),
        ship_time: order.shipped_at.map(values::timestamp),
        cancel_time: order.cancelled_at.map(values::timestamp),
        parcels: order
            .shipment
            .as_ref()
            .map(|shipment| values::parcels(&shipment.parcels))
            .unwrap_or_default(),
        customer: order.terms.customer.as_ref().map(values::customer),
        event_sequence: order.event_sequence.0,
        in_stock_only: order.terms.in_stock_only,
        latest_acceptable_ship_date: order.terms.latest_acceptable_ship_date.map(values::date),
        confirm_time: order.confirmed_at.map(values::timestamp),
    }
}

fn is_priced(order: &Order) -> bool {
    order.lines.iter().any(|line| line.price.is_some())
}

fn order_line(order: &Order, line: &OrderLine, ahead: Option<Units>) -> pb::OrderLine {
    let open = order.state.is_open();
    let ahead = ahead.filter(|_| open && !line.lacking.is_zero()).unwrap_or(Units::ZERO);
    pb::OrderLine {
        line_number: values::small(line.number.0),
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
        allocated_quantity: if open { line.held().get() } else { 0 },
        backordered_quantity: if open { line.lacking.get() } else { 0 },
        cancelled_quantity: line.cancelled.get(),
        price: values::price(order.currency, line.price),
        ready_date: Some(values::date(line.ready_date)),
        promised_ship_date: Some(values::date(line.promised_ship_date)),
        units_ahead: ahead.get(),
    }
}

/// What an order of this cart would get. The working set is the one that gave the quote.
pub(crate) fn quote(ws: &WorkingSet, cart: &Cart, quote: &Quote) -> pb::Quote {
    let numbered = cart.lines.iter().zip(&quote.offers).enumerate();
    let lines = numbered.map(|(at, (line, offer))| pb::QuoteLine {
        line_number: values::small(promise::line_number(at).0),
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
        ..quote_line(ws, offer)
    });
    let availability = quote
        .offers
        .iter()
        .map(availability)
        .max()
        .unwrap_or(pb::Availability::InStock);
    pb::Quote {
        location_id: quote.location_id.to_string(),
        availability: availability.into(),
        promised_ship_date: quote.ship_date.map(values::date),
        lines: lines.collect(),
        ships_together: quote.ship_date.is_some(),
        in_stock_lines_ship_date: quote.in_stock_ship_date.map(values::date),
        quote_time: Some(values::timestamp(quote.at)),
    }
}

fn availability(offer: &LineOffer) -> pb::Availability {
    match &offer.outcome {
        Ok(_) if offer.lacking.is_zero() => pb::Availability::InStock,
        Ok(_) => pb::Availability::Backorder,
        Err(_) => pb::Availability::Unavailable,
    }
}

/// What a line would get, without what it asks for.
pub(crate) fn quote_line(ws: &WorkingSet, offer: &LineOffer) -> pb::QuoteLine {
    let slot = ws.stock(offer.stock);
    let shortfall = promise::outlook(ws, slot).shortfall;
    let promise = offer.outcome.as_ref().ok();
    let inbound_id = match promise.map(|promise| &promise.basis.supply) {
        Some(Supply::Inbound { inbound_id, .. }) => inbound_id.to_string(),
        Some(Supply::OnHand | Supply::LeadTime { .. }) | None => String::new(),
    };
    pb::QuoteLine {
        availability: availability(offer).into(),
        available_quantity: offer.allocated.get(),
        backordered_quantity: offer.lacking.get(),
        units_ahead: if offer.lacking.is_zero() {
            0
        } else {
            events::ahead(offer.units_ahead, shortfall)
        },
        ready_date: promise.map(|promise| values::date(promise.ready_date)),
        promised_ship_date: promise.map(|promise| values::date(promise.ship_date)),
        inbound_id,
        unavailable_reason: offer
            .outcome
            .as_ref()
            .err()
            .copied()
            .map(LineReason::name)
            .unwrap_or_default()
            .to_owned(),
        ..pb::QuoteLine::default()
    }
}

/// The counters of a SKU, with its next inbound. Its open inbounds must be loaded.
pub(crate) fn stock(ws: &WorkingSet, slot: &StockSlot) -> pb::Stock {
    let item = &ws.item(slot.item).item;
    let open = slot.inbounds.as_deref().unwrap_or_default();
    let next = open
        .iter()
        .min_by_key(|inbound| (inbound.expected_date, &inbound.inbound_id));
    pb::Stock {
        location_id: ws.location(slot.location).location.location_id.to_string(),
        sku: item.sku.to_string(),
        on_hand: slot.stock.on_hand.get(),
        allocated: slot.stock.allocated.get(),
        safety_stock: item.safety_stock.get(),
        available: ws.available(slot).get(),
        backlog: slot.stock.backlog.get(),
        next_inbound: next.map(|inbound| pb::NextInbound {
            inbound_id: inbound.inbound_id.to_string(),
            expected_date: Some(values::date(inbound.expected_date)),
            open_quantity: inbound.open.get(),
        }),
    }
}

/// A line of a queue; `None` once it lacks nothing.
pub(crate) fn backlog_line(order: &Order, queued: &QueuedLine) -> Option<pb::BacklogLine> {
    let line = order.line(queued.line_number).filter(|line| !line.lacking.is_zero())?;
    Some(pb::BacklogLine {
        order_id: order.order_id.to_string(),
        sequence: order.sequence.0,
        line_number: values::small(line.number.0),
        quantity: line.quantity.get(),
        allocated_quantity: line.held().get(),
        backordered_quantity: line.lacking.get(),
        units_ahead: queued.units_ahead.get(),
        promised_ship_date: Some(values::date(order.promised_ship_date)),
        placed_time: Some(values::timestamp(order.placed_at)),
    })
}
