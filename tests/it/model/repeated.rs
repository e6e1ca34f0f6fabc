//! Commands that repeat an id with other content.

use holdfast::allocator::command::{Change, Command};
use holdfast::domain::event::{AdjustmentReason, ReceiptReason};
use holdfast::domain::quantity::Quantity;

use super::calendar::tomorrow;
use super::commands::Draft;

fn more(quantity: Quantity) -> Quantity {
    Quantity::parse(quantity.get() + 1).unwrap_or(quantity)
}

/// A command that differs from another in one way of several.
pub(super) fn altered(draft: &Draft, command: &Command, how: u16) -> Command {
    let mut command = command.clone();
    match &mut command {
        Command::Reserve(c) => match how {
            0 => c.lines[0].quantity = more(c.lines[0].quantity),
            1 => c.location_id = Some(draft.location_id(1)),
            2 => c.lines[0].sku = draft.sku(1),
            3 => c.location_id = None,
            4 => c.terms.in_stock_only = !c.terms.in_stock_only,
            5 => c.terms.customer.get_or_insert_default().name.push('!'),
            6 => c.terms.latest_acceptable_ship_date = Some(draft.now.date_naive()),
            _ => c.lines.push(c.lines[0].clone()),
        },
        Command::Cancel(c) => match (how, c.content.lines.first_mut()) {
            (0..3, Some(line)) => line.quantity = more(line.quantity),
            (3, Some(_)) => c.content.lines.truncate(1),
            _ => c.content.reason.push('!'),
        },
        Command::Receive(c) => match how {
            0..3 => c.content.lines[0].quantity = more(c.content.lines[0].quantity),
            3 => c.content.reason = ReceiptReason::CustomerReturn,
            4 => c.content.inbound_id = Some(draft.inbound_id(draft.inbounds)),
            5 => c.content.lines.push(c.content.lines[0].clone()),
            _ => c.location_id = draft.location_id(2),
        },
        Command::Adjust(c) => match how {
            0..3 => c.content.change = Change::Delta(1),
            3 => c.content.reason = AdjustmentReason::ShortPick,
            4 => c.content.sku = draft.sku(2),
            5 => c.location_id = draft.location_id(2),
            _ => c.content.note.push('!'),
        },
        Command::ConfirmShipment(c) | Command::ReportShippedAfterCancel(c) => match how {
            0..3 => c.shipment.parcels[0].tracking_number.push('9'),
            3 => c.shipment.parcels.push(c.shipment.parcels[0].clone()),
            _ => c.shipment.reported_ship_at = Some(draft.now),
        },
        Command::PutInbound(c) => match how {
            0..3 => c.expected_date = tomorrow(c.expected_date),
            3 | 4 => c.lines[0].1 = more(c.lines[0].1),
            5 => c.lines.reverse(),
            _ => c.lines.truncate(1),
        },
        Command::CloseInbound(c) => c.location_id = draft.location_id(0),
        Command::PutLocation(location) => match how {
            0..4 => location.calendar.handling_days += 1,
            _ => location.rank += 1,
        },
        Command::PutItem(item) => match how {
            0..4 => item.safety_stock = item.safety_stock.checked_shift(1).unwrap_or_default(),
            4 => item.safety_stock = holdfast::domain::quantity::Units::ZERO,
            _ => item.display_name.push('!'),
        },
        Command::Confirm(order_id) => *order_id = draft.order_id(how),
        Command::AcknowledgeRelease(_) | Command::ContinueRefill(_) | Command::Lapse(_) | Command::Reestimate(_) => {}
    }
    command
}
