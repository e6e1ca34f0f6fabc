//! The requests of `SupplyService`.

use std::collections::BTreeSet;

use super::fields;
use super::violations::Violations;
use crate::allocator::command::{CloseInbound, Command, PutInbound};
use crate::domain::ids::{InboundId, LocationId, Sku};
use crate::domain::inbound::INBOUND_LINES_MAX;
use crate::domain::quantity::Quantity;
use crate::grpc::readers::WhatIf;
use crate::proto::holdfast::v1 as pb;

/// Parses an inbound to be put.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn put_inbound(request: pb::PutInboundRequest) -> Result<PutInbound, Violations> {
    let mut v = Violations::default();
    let Some(inbound) = fields::required(&mut v, "inbound", request.inbound) else {
        return Err(v);
    };
    inbound_to_put(v, inbound)
}

/// Parses a change of an inbound that is not to be made.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn preview_inbound(request: pb::PreviewInboundRequest) -> Result<WhatIf, Violations> {
    let mut v = Violations::default();
    match fields::required(&mut v, "inbound", request.change) {
        None => Err(v),
        Some(pb::preview_inbound_request::Change::Inbound(inbound)) => {
            let put = inbound_to_put(v, inbound)?;
            Ok(WhatIf {
                location_id: put.location_id.clone(),
                inbound_id: put.inbound_id.clone(),
                command: Command::PutInbound(put),
            })
        }
        Some(pb::preview_inbound_request::Change::Close(close)) => {
            let location_id = v.take("close.location_id", LocationId::parse(&close.location_id));
            let inbound_id = v.take("close.inbound_id", InboundId::parse(&close.inbound_id));
            v.finish(location_id.zip(inbound_id).map(|(location_id, inbound_id)| WhatIf {
                location_id: location_id.clone(),
                inbound_id: inbound_id.clone(),
                command: Command::CloseInbound(CloseInbound {
                    location_id,
                    inbound_id,
                }),
            }))
        }
    }
}

fn inbound_to_put(mut v: Violations, inbound: pb::Inbound) -> Result<PutInbound, Violations> {
    let location_id = v.take("inbound.location_id", LocationId::parse(&inbound.location_id));
    let inbound_id = v.take("inbound.inbound_id", InboundId::parse(&inbound.inbound_id));
    let sent = fields::required(&mut v, "inbound.expected_date", inbound.expected_date);
    let expected_date = sent.and_then(|date| fields::date(&mut v, "inbound.expected_date", date));
    let mut seen = BTreeSet::new();
    let lines = fields::list(
        &mut v,
        "inbound.lines",
        inbound.lines,
        INBOUND_LINES_MAX,
        |v, at, line| {
            let path = format_args!("inbound.lines[{at}].sku");
            let sku = v.take(path, Sku::parse(&line.sku));
            let quantity = v.take(
                format_args!("inbound.lines[{at}].quantity"),
                Quantity::parse(line.quantity),
            );
            if let Some(sku) = &sku {
                v.check(
                    seen.insert(sku.clone()),
                    path,
                    "stands on an earlier line: put each SKU on one line, summed",
                );
            }
            Some((sku?, quantity?))
        },
    );
    let build = || {
        Some(PutInbound {
            location_id: location_id?,
            inbound_id: inbound_id?,
            expected_date: expected_date?,
            lines,
        })
    };
    v.finish(build())
}

/// Parses an inbound to be closed.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn close_inbound(request: &pb::CloseInboundRequest) -> Result<CloseInbound, Violations> {
    let (location_id, inbound_id) = inbound_key(&request.location_id, &request.inbound_id)?;
    Ok(CloseInbound {
        location_id,
        inbound_id,
    })
}

/// Parses an inbound to be read.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn get_inbound(request: &pb::GetInboundRequest) -> Result<(LocationId, InboundId), Violations> {
    inbound_key(&request.location_id, &request.inbound_id)
}

fn inbound_key(location_id: &str, inbound_id: &str) -> Result<(LocationId, InboundId), Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(location_id));
    let inbound_id = v.take("inbound_id", InboundId::parse(inbound_id));
    v.finish(location_id.zip(inbound_id))
}
