//! The requests of `WarehouseService`.

use chrono::TimeDelta;

use super::checkout::NOTE_BYTES_MAX;
use super::fields;
use super::violations::Violations;
use crate::allocator::command::{AcknowledgeRelease, Adjust, AdjustContent, Change, Receive, ReceiveContent, Ship};
use crate::domain::Instant;
use crate::domain::event::{AdjustmentReason, ReceiptReason, ReceivedLine};
use crate::domain::ids::{AdjustmentId, InboundId, LocationId, OrderId, ReceiptId, Sku, check_id};
use crate::domain::order::{ORDER_LINES_MAX, Parcel, Shipment};
use crate::domain::quantity::{Quantity, Units};
use crate::proto::holdfast::v1 as pb;

/// The most lines of one receipt: as many as an order has, so that a round's size stays in the same bounds.
const RECEIPT_LINES_MAX: usize = ORDER_LINES_MAX;
/// The most parcels of one shipment.
const PARCELS_MAX: usize = 100;
/// The most units that one adjustment changes or counts.
const ADJUSTED_UNITS_MAX: i64 = 1_000_000_000_000;
/// How far a ship time may lie ahead of the server's clock: more is a mistake, not another clock.
const SHIP_TIME_AHEAD_MAX: TimeDelta = TimeDelta::hours(24);

/// Parses a receipt.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn receive(request: pb::ReceiveStockRequest) -> Result<Receive, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let receipt_id = v.take("receipt_id", ReceiptId::parse(&request.receipt_id));
    let inbound_id = match request.inbound_id.as_str() {
        "" => None,
        text => v.take("inbound_id", InboundId::parse(text)),
    };
    let reason = fields::specified(&mut v, "reason", request.reason, |reason| Some(receipt_reason(reason)));
    let lines = fields::list(&mut v, "lines", request.lines, RECEIPT_LINES_MAX, |v, at, line| {
        let sku = v.take(format_args!("lines[{at}].sku"), Sku::parse(&line.sku));
        let quantity = v.take(format_args!("lines[{at}].quantity"), Quantity::parse(line.quantity));
        Some(ReceivedLine {
            sku: sku?,
            quantity: quantity?,
        })
    });
    let build = || {
        let content = ReceiveContent {
            inbound_id,
            reason: reason?,
            lines,
        };
        Some(Receive {
            location_id: location_id?,
            receipt_id: receipt_id?,
            content,
        })
    };
    v.finish(build())
}

fn receipt_reason(reason: pb::ReceiptReason) -> ReceiptReason {
    match reason {
        pb::ReceiptReason::Unspecified => ReceiptReason::Unspecified,
        pb::ReceiptReason::Purchase => ReceiptReason::Purchase,
        pb::ReceiptReason::CustomerReturn => ReceiptReason::CustomerReturn,
        pb::ReceiptReason::Transfer => ReceiptReason::Transfer,
        pb::ReceiptReason::Production => ReceiptReason::Production,
        pb::ReceiptReason::Other => ReceiptReason::Other,
    }
}

/// Parses a correction of on hand.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn adjust(request: pb::AdjustStockRequest) -> Result<Adjust, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let adjustment_id = v.take("adjustment_id", AdjustmentId::parse(&request.adjustment_id));
    let sku = v.take("sku", Sku::parse(&request.sku));
    let change = change(&mut v, request.change);
    let reason = fields::specified(&mut v, "reason", request.reason, |reason| {
        Some(adjustment_reason(reason))
    });
    let note = fields::note(&mut v, "note", request.note, NOTE_BYTES_MAX);
    let build = || {
        let content = AdjustContent {
            sku: sku?,
            change: change?,
            reason: reason?,
            note,
        };
        Some(Adjust {
            location_id: location_id?,
            adjustment_id: adjustment_id?,
            content,
        })
    };
    v.finish(build())
}

fn change(v: &mut Violations, change: Option<pb::adjust_stock_request::Change>) -> Option<Change> {
    use pb::adjust_stock_request::Change as Sent;
    match change {
        None => {
            v.add("change", "is missing: send delta or counted_quantity");
            None
        }
        Some(Sent::Delta(0)) => {
            v.add(
                "delta",
                "is 0: send the units more or fewer, or counted_quantity for a count",
            );
            None
        }
        Some(Sent::Delta(delta)) => {
            fields::number(v, "delta", delta, -ADJUSTED_UNITS_MAX..=ADJUSTED_UNITS_MAX).map(Change::Delta)
        }
        Some(Sent::CountedQuantity(counted)) => {
            let counted: Option<i64> = fields::number(v, "counted_quantity", counted, 0..=ADJUSTED_UNITS_MAX);
            counted.and_then(Units::new).map(Change::Counted)
        }
    }
}

fn adjustment_reason(reason: pb::AdjustmentReason) -> AdjustmentReason {
    match reason {
        pb::AdjustmentReason::Unspecified => AdjustmentReason::Unspecified,
        pb::AdjustmentReason::Count => AdjustmentReason::Count,
        pb::AdjustmentReason::Damage => AdjustmentReason::Damage,
        pb::AdjustmentReason::Loss => AdjustmentReason::Loss,
        pb::AdjustmentReason::Found => AdjustmentReason::Found,
        pb::AdjustmentReason::ShortPick => AdjustmentReason::ShortPick,
        pb::AdjustmentReason::Other => AdjustmentReason::Other,
    }
}

/// Parses which release the warehouse took.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn acknowledge(request: &pb::AcknowledgeReleaseRequest) -> Result<AcknowledgeRelease, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(&request.order_id));
    v.finish(order_id.map(|order_id| AcknowledgeRelease { order_id }))
}

/// Parses what left with a released order.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn confirm_shipment(request: pb::ConfirmShipmentRequest, now: Instant) -> Result<Ship, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(&request.order_id));
    let parcels = parcels(&mut v, request.parcels);
    let ship_at = request
        .ship_time
        .and_then(|sent| fields::instant(&mut v, "ship_time", sent));
    let too_late = ship_at.is_some_and(|at| at.signed_duration_since(now) > SHIP_TIME_AHEAD_MAX);
    v.check(
        !too_late,
        "ship_time",
        format_args!(
            "lies more than {} hours ahead of the server's clock ({now:?}): send when the carrier took the parcels, \
             or leave it out",
            SHIP_TIME_AHEAD_MAX.num_hours()
        ),
    );
    let shipment = Shipment {
        parcels,
        reported_ship_at: ship_at,
    };
    v.finish(order_id.map(|order_id| Ship { order_id, shipment }))
}

/// Parses what left with a cancelled order.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn report_shipped(request: pb::ReportShippedAfterCancelRequest) -> Result<Ship, Violations> {
    let mut v = Violations::default();
    let order_id = v.take("order_id", OrderId::parse(&request.order_id));
    let shipment = Shipment {
        parcels: parcels(&mut v, request.parcels),
        reported_ship_at: None,
    };
    v.finish(order_id.map(|order_id| Ship { order_id, shipment }))
}

fn parcels(v: &mut Violations, parcels: Vec<pb::Parcel>) -> Vec<Parcel> {
    fields::list(v, "parcels", parcels, PARCELS_MAX, |v, at, parcel| {
        let pb::Parcel {
            carrier,
            tracking_number,
        } = parcel;
        let carrier_fits = v.take(format_args!("parcels[{at}].carrier"), check_id(&carrier));
        if !tracking_number.is_empty() {
            v.take(
                format_args!("parcels[{at}].tracking_number"),
                check_id(&tracking_number),
            )?;
        }
        carrier_fits.map(|()| Parcel {
            carrier,
            tracking_number,
        })
    })
}
