//! Events as the contract spells them.

use super::values;
use crate::domain::event::{
    AdjustmentReason, Event, OrderCancelled, OrderPlaced, OrderReleased, OrderShipped, OrderShippedAfterCancel,
    Payload, PlacedLine, ReceiptReason, ReleaseCause, RevocationCause, StockAdjusted, StockReceived,
};
use crate::domain::ids::LocationId;
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::order::{Basis, Supply};
use crate::domain::quantity::Units;
use crate::domain::risk::{Cause, CauseKind, RiskChanged};
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;
use pb::event::Payload as Spelled;

/// The type of an event, for filters.
pub(crate) fn event_type(payload: &Payload) -> pb::EventType {
    match payload {
        Payload::OrderPlaced(_) => pb::EventType::OrderPlaced,
        Payload::OrderConfirmed(_) => pb::EventType::OrderConfirmed,
        Payload::OrderLapsed(_) => pb::EventType::OrderLapsed,
        Payload::OrderReleased(_) => pb::EventType::OrderReleased,
        Payload::ReleaseRevoked(_) => pb::EventType::ReleaseRevoked,
        Payload::ReleaseAcknowledged(_) => pb::EventType::ReleaseAcknowledged,
        Payload::OrderShipped(_) => pb::EventType::OrderShipped,
        Payload::OrderShippedAfterCancel(_) => pb::EventType::OrderShippedAfterCancel,
        Payload::OrderCancelled(_) => pb::EventType::OrderCancelled,
        Payload::LinesCancelled(_) => pb::EventType::LinesCancelled,
        Payload::StockReceived(_) => pb::EventType::StockReceived,
        Payload::StockAdjusted(_) => pb::EventType::StockAdjusted,
        Payload::InboundChanged(_) => pb::EventType::InboundChanged,
        Payload::LocationChanged(_) => pb::EventType::LocationChanged,
        Payload::SafetyStockChanged(_) => pb::EventType::SafetyStockChanged,
        Payload::PromiseAtRisk(_) => pb::EventType::PromiseAtRisk,
        Payload::PromiseRecovered(_) => pb::EventType::PromiseRecovered,
    }
}

/// An event of a location's log.
pub(crate) fn event(location_id: &LocationId, event: &Event) -> pb::Event {
    pb::Event {
        location_id: location_id.to_string(),
        event_sequence: event.event_sequence.0,
        event_time: Some(values::timestamp(event.at)),
        order_id: event.order_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        payload: Some(payload(location_id, &event.payload)),
    }
}

fn payload(location_id: &LocationId, payload: &Payload) -> Spelled {
    match payload {
        Payload::OrderPlaced(p) => Spelled::OrderPlaced(order_placed(p)),
        Payload::OrderConfirmed(p) => Spelled::OrderConfirmed(pb::OrderConfirmed { sequence: p.sequence.0 }),
        Payload::OrderLapsed(p) => Spelled::OrderLapsed(pb::OrderLapsed {
            payment_deadline: Some(values::timestamp(p.payment_deadline)),
            lines: values::line_quantities(&p.lines),
            refund: p.refund.map(values::money),
        }),
        Payload::OrderReleased(p) => Spelled::OrderReleased(order_released(p)),
        Payload::ReleaseRevoked(p) => Spelled::ReleaseRevoked(pb::ReleaseRevoked {
            sequence: p.sequence.0,
            cause: revocation_cause(p.cause).into(),
            was_acknowledged: p.was_acknowledged,
        }),
        Payload::ReleaseAcknowledged(p) => {
            Spelled::ReleaseAcknowledged(pb::ReleaseAcknowledged { sequence: p.sequence.0 })
        }
        Payload::OrderShipped(p) => Spelled::OrderShipped(order_shipped(p)),
        Payload::OrderShippedAfterCancel(p) => Spelled::OrderShippedAfterCancel(shipped_after_cancel(p)),
        Payload::OrderCancelled(p) => Spelled::OrderCancelled(order_cancelled(p)),
        Payload::LinesCancelled(p) => Spelled::LinesCancelled(pb::LinesCancelled {
            request_id: p.request_id.to_string(),
            lines: values::line_quantities(&p.lines),
            refund: p.refund.map(values::money),
            reason: p.reason.clone(),
        }),
        Payload::StockReceived(p) => Spelled::StockReceived(stock_received(p)),
        Payload::StockAdjusted(p) => Spelled::StockAdjusted(stock_adjusted(p)),
        Payload::InboundChanged(inbound) => Spelled::InboundChanged(pb::InboundChanged {
            inbound: Some(values::inbound(location_id, inbound)),
        }),
        Payload::LocationChanged(location) => Spelled::LocationChanged(pb::LocationChanged {
            location: Some(values::location(location)),
        }),
        Payload::SafetyStockChanged(p) => Spelled::SafetyStockChanged(pb::SafetyStockChanged {
            sku: p.sku.to_string(),
            safety_stock: p.safety_stock.get(),
        }),
        Payload::PromiseAtRisk(p) => Spelled::PromiseAtRisk(promise_at_risk(p)),
        Payload::PromiseRecovered(p) => Spelled::PromiseRecovered(promise_recovered(p)),
    }
}

fn order_placed(placed: &OrderPlaced) -> pb::OrderPlaced {
    let lines = placed
        .lines
        .iter()
        .enumerate()
        .map(|(at, line)| placed_line(placed.currency, at, line));
    pb::OrderPlaced {
        sequence: placed.sequence.0,
        lines: lines.collect(),
        total: total(placed),
        promised_ship_date: Some(values::date(placed.promised_ship_date)),
        customer: placed.terms.customer.as_ref().map(values::customer),
        calendar_version: placed.calendar_version,
        zone_database: placed.zone_database.to_string(),
        in_stock_only: placed.terms.in_stock_only,
        latest_acceptable_ship_date: placed.terms.latest_acceptable_ship_date.map(values::date),
        payment_deadline: placed.terms.payment_deadline.map(values::timestamp),
    }
}

fn total(placed: &OrderPlaced) -> Option<google::Money> {
    let prices = placed.lines.iter().filter_map(|line| line.price);
    let amount = prices.reduce(|sum, price| sum.checked_add(price).unwrap_or(Amount::ZERO))?;
    placed
        .currency
        .map(|currency| values::money(Money { currency, amount }))
}

fn placed_line(currency: Option<Currency>, at: usize, line: &PlacedLine) -> pb::OrderPlacedLine {
    let lacked = line.quantity.units().less(line.basis.units_on_hand);
    pb::OrderPlacedLine {
        line_number: values::small(at.saturating_add(1)),
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
        allocated_quantity: line.basis.units_on_hand.get(),
        backordered_quantity: lacked.get(),
        price: values::price(currency, line.price),
        ready_date: Some(values::date(line.ready_date)),
        promised_ship_date: Some(values::date(line.promised_ship_date)),
        basis: Some(basis(&line.basis)),
    }
}

/// What a promise was based on.
pub(crate) fn basis(basis: &Basis) -> pb::PromiseBasis {
    let (inbound, lead_time_days) = match &basis.supply {
        Supply::OnHand => (None, None),
        Supply::Inbound {
            inbound_id,
            expected_date,
        } => (Some((inbound_id, expected_date)), None),
        Supply::LeadTime { days } => (None, Some(i32::from(*days))),
    };
    pb::PromiseBasis {
        units_on_hand: basis.units_on_hand.get(),
        inbound_id: inbound.map(|(id, _)| id.to_string()).unwrap_or_default(),
        inbound_expected_date: inbound.map(|(_, expected)| values::date(*expected)),
        units_ahead: ahead(basis.units_ahead, basis.safety_shortfall),
        lead_time_days,
    }
}

/// Units that are served first: older lines', and those missing to the safety stock.
pub(crate) fn ahead(older: Units, shortfall: Units) -> i64 {
    older.get().saturating_add(shortfall.get())
}

fn order_released(released: &OrderReleased) -> pb::OrderReleased {
    pb::OrderReleased {
        sequence: released.sequence.0,
        cause: release_cause(released.cause).into(),
        lines: values::line_quantities(&released.lines),
        ship_by_date: Some(values::date(released.ship_by_date)),
        promised_ship_date: Some(values::date(released.promised_ship_date)),
        customer_name: released.recipient.name.clone(),
        customer_locale: released.recipient.locale.clone(),
    }
}

/// Why an order was released.
pub(crate) fn release_cause(cause: ReleaseCause) -> pb::ReleaseCause {
    match cause {
        ReleaseCause::Purchase => pb::ReleaseCause::Purchase,
        ReleaseCause::Receipt => pb::ReleaseCause::Receipt,
        ReleaseCause::Cancellation => pb::ReleaseCause::Cancellation,
        ReleaseCause::Adjustment => pb::ReleaseCause::Adjustment,
        ReleaseCause::SafetyStock => pb::ReleaseCause::SafetyStock,
        ReleaseCause::Lapse => pb::ReleaseCause::Lapse,
    }
}

/// Why a release was revoked.
pub(crate) fn revocation_cause(cause: RevocationCause) -> pb::RevocationCause {
    match cause {
        RevocationCause::Cancellation => pb::RevocationCause::Cancellation,
        RevocationCause::UnitsLost => pb::RevocationCause::UnitsLost,
        RevocationCause::SafetyStock => pb::RevocationCause::SafetyStock,
    }
}

fn order_shipped(shipped: &OrderShipped) -> pb::OrderShipped {
    pb::OrderShipped {
        parcels: values::parcels(&shipped.parcels),
        ship_time: Some(values::timestamp(shipped.ship_at)),
        lines: values::line_quantities(&shipped.lines),
    }
}

fn shipped_after_cancel(shipped: &OrderShippedAfterCancel) -> pb::OrderShippedAfterCancel {
    pb::OrderShippedAfterCancel {
        parcels: values::parcels(&shipped.parcels),
        lines: values::line_quantities(&shipped.lines),
    }
}

fn order_cancelled(cancelled: &OrderCancelled) -> pb::OrderCancelled {
    pb::OrderCancelled {
        refund: cancelled.refund.map(values::money),
        reason: cancelled.reason.clone(),
        lines: values::line_quantities(&cancelled.lines),
        request_id: cancelled
            .request_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

fn stock_received(received: &StockReceived) -> pb::StockReceived {
    let lines = received.lines.iter();
    let lines = lines.map(|line| pb::StockReceivedLine {
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
    });
    let reason = match received.reason {
        ReceiptReason::Unspecified => pb::ReceiptReason::Unspecified,
        ReceiptReason::Purchase => pb::ReceiptReason::Purchase,
        ReceiptReason::CustomerReturn => pb::ReceiptReason::CustomerReturn,
        ReceiptReason::Transfer => pb::ReceiptReason::Transfer,
        ReceiptReason::Production => pb::ReceiptReason::Production,
        ReceiptReason::Other => pb::ReceiptReason::Other,
    };
    pb::StockReceived {
        receipt_id: received.receipt_id.to_string(),
        inbound_id: received
            .inbound_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        reason: reason.into(),
        lines: lines.collect(),
    }
}

fn stock_adjusted(adjusted: &StockAdjusted) -> pb::StockAdjusted {
    let reason = match adjusted.reason {
        AdjustmentReason::Unspecified => pb::AdjustmentReason::Unspecified,
        AdjustmentReason::Count => pb::AdjustmentReason::Count,
        AdjustmentReason::Damage => pb::AdjustmentReason::Damage,
        AdjustmentReason::Loss => pb::AdjustmentReason::Loss,
        AdjustmentReason::Found => pb::AdjustmentReason::Found,
        AdjustmentReason::ShortPick => pb::AdjustmentReason::ShortPick,
        AdjustmentReason::Other => pb::AdjustmentReason::Other,
    };
    pb::StockAdjusted {
        adjustment_id: adjusted.adjustment_id.to_string(),
        sku: adjusted.sku.to_string(),
        delta: adjusted.delta,
        on_hand: adjusted.on_hand.get(),
        reason: reason.into(),
        note: adjusted.note.clone(),
    }
}

fn promise_at_risk(risk: &RiskChanged) -> pb::PromiseAtRisk {
    pb::PromiseAtRisk {
        sequence: risk.sequence.0,
        promised_ship_date: Some(values::date(risk.promised_ship_date)),
        estimated_ship_date: risk.estimated_ship_date.map(values::date),
        slack_business_days: risk.slack_business_days.map(values::small),
        cause: estimate_cause(risk.cause.kind).into(),
        inbound_id: inbound_of(&risk.cause),
    }
}

fn promise_recovered(risk: &RiskChanged) -> pb::PromiseRecovered {
    pb::PromiseRecovered {
        sequence: risk.sequence.0,
        promised_ship_date: Some(values::date(risk.promised_ship_date)),
        estimated_ship_date: risk.estimated_ship_date.map(values::date),
        slack_business_days: risk.slack_business_days.map(values::small),
        cause: estimate_cause(risk.cause.kind).into(),
        inbound_id: inbound_of(&risk.cause),
    }
}

fn inbound_of(cause: &Cause) -> String {
    cause.inbound_id.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn estimate_cause(kind: CauseKind) -> pb::EstimateCause {
    match kind {
        CauseKind::InboundAdded => pb::EstimateCause::InboundAdded,
        CauseKind::InboundMoved => pb::EstimateCause::InboundMoved,
        CauseKind::InboundShrunk => pb::EstimateCause::InboundShrunk,
        CauseKind::InboundClosed => pb::EstimateCause::InboundClosed,
        CauseKind::InboundOverdue => pb::EstimateCause::InboundOverdue,
        CauseKind::UnitsArrived => pb::EstimateCause::UnitsArrived,
        CauseKind::UnitsLost => pb::EstimateCause::UnitsLost,
        CauseKind::OrderCancelled => pb::EstimateCause::OrderCancelled,
        CauseKind::CalendarChanged => pb::EstimateCause::CalendarChanged,
        CauseKind::ItemChanged => pb::EstimateCause::ItemChanged,
        CauseKind::DayPassed => pb::EstimateCause::DayPassed,
    }
}
