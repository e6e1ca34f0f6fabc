//! Answers of commands, except those that are an order ([`view`](crate::grpc::view)).

use super::values;
use crate::allocator::decision::{Adjusted, Answer, InboundAnswer, OrderAnswer, Received};
use crate::domain::catalog::{Item, Location};
use crate::domain::ids::OrderId;
use crate::domain::quantity::Units;
use crate::proto::holdfast::v1 as pb;

/// The kind of answer that a kind of command gets.
pub(crate) trait Expected: Sized {
    /// The answer, if it is of this kind.
    fn of(answer: Answer) -> Option<Self>;
}

macro_rules! expected {
    ($($kind:ty: $pattern:pat => $value:expr;)*) => {$(
        impl Expected for $kind {
            fn of(answer: Answer) -> Option<Self> {
                if let $pattern = answer { Some($value) } else { None }
            }
        }
    )*};
}

expected! {
    Box<OrderAnswer>: Answer::Order(answer) => answer;
    Received: Answer::Received(answer) => answer;
    Adjusted: Answer::Adjusted(answer) => answer;
    InboundAnswer: Answer::Inbound(answer) => answer;
    (Location, bool): Answer::Location { location, replayed } => (location, replayed);
    (Item, bool): Answer::Item { item, replayed } => (item, replayed);
}

fn texts(ids: &[OrderId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// What became of a receipt.
pub(crate) fn received(answer: &Received) -> pb::ReceiveStockResponse {
    let lines = answer.lines.iter().map(|line| pb::ReceivedLine {
        sku: line.sku.to_string(),
        received_quantity: line.received.get(),
        allocated_to_backlog: line.allocated_to_backlog.get(),
        on_hand: line.on_hand.get(),
        available: line.available.get(),
        over_received_quantity: line.over_received.get(),
    });
    pb::ReceiveStockResponse {
        receipt_id: answer.receipt_id.to_string(),
        lines: lines.collect(),
        released_order_ids: texts(&answer.released_order_ids),
        over_received: answer.lines.iter().any(|line| line.over_received > Units::ZERO),
        event_sequence: answer.event_sequence.0,
        replayed: answer.replayed,
    }
}

/// What became of an adjustment.
pub(crate) fn adjusted(answer: &Adjusted) -> pb::AdjustStockResponse {
    pb::AdjustStockResponse {
        on_hand: answer.on_hand.get(),
        allocated: answer.allocated.get(),
        available: answer.available.get(),
        orders_returned_to_waiting: texts(&answer.orders_returned_to_waiting),
        event_sequence: answer.event_sequence.0,
        replayed: answer.replayed,
        released_order_ids: texts(&answer.released_order_ids),
    }
}

/// The inbound of an answer.
pub(crate) fn inbound(answer: &InboundAnswer) -> pb::Inbound {
    values::inbound(&answer.location_id, &answer.inbound)
}
