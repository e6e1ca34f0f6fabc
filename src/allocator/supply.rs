//! Expected receipts: put, moved, shrunk, closed. Estimates follow them, promises do not.

use std::collections::BTreeSet;

use super::command::{CloseInbound, PutInbound};
use super::decision::{Answer, InboundAnswer};
use super::working_set::{InboundSlot, Index, LocationSlot, OpenInbound, StockSlot, WorkingSet};
use super::{Outcome, Refusal, estimate, location_of, stocks_of};
use crate::domain::event::Payload;
use crate::domain::ids::{EventSequence, Sku};
use crate::domain::inbound::{Inbound, InboundLine, InboundState};
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;
use crate::domain::risk::{Cause, CauseKind};

/// Creates an inbound or replaces it whole; what came for it stays counted. The same content is a repeat.
/// Refused for the first of: no such location, no such SKUs.
pub(super) fn put_inbound(ws: &mut WorkingSet, command: &PutInbound) -> Outcome {
    let location = location_of(ws, &command.location_id)?;
    stocks_of(ws, location, command.lines.iter().map(|(sku, _)| sku))?;
    let found = ws.inbounds.find(&(location, command.inbound_id.clone()));
    if let Some(inbound) = found.filter(|inbound| same(command, &ws.inbounds.get(*inbound).inbound)) {
        return Ok(answer(ws, inbound, EventSequence(0), true));
    }

    let former = found.map(|inbound| ws.inbounds.get(inbound).inbound.clone());
    let inbound = replaced(command, former.as_ref());
    let delayed = changes(ws, location, former.as_ref(), &inbound)?;

    // ---- nothing can fail from here on ----
    let index = match found {
        Some(index) => {
            ws.inbounds.change(index).inbound = inbound;
            index
        }
        None => create(ws, location, inbound),
    };
    note_open(ws, index);
    if let Some(former) = former {
        note_gone(ws, index, &former);
    }
    let answer = changed(ws, index);
    mark_all(ws, &delayed);
    Ok(answer)
}

/// Drops what is left of an inbound; closing it twice is a repeat. Refused for the first of: no such location,
/// no such inbound.
pub(super) fn close_inbound(ws: &mut WorkingSet, command: &CloseInbound) -> Outcome {
    let location = location_of(ws, &command.location_id)?;
    let inbound = ws.inbounds.find(&(location, command.inbound_id.clone()));
    let inbound = inbound.ok_or_else(|| Rejection::UnknownInbound(command.inbound_id.clone()))?;
    if ws.inbounds.get(inbound).inbound.state == InboundState::Closed {
        return Ok(answer(ws, inbound, EventSequence(0), true));
    }

    let former = ws.inbounds.get(inbound).inbound.clone();
    let closed = Inbound {
        state: InboundState::Closed,
        ..former.clone()
    };
    let delayed = changes(ws, location, Some(&former), &closed)?;

    // ---- nothing can fail from here on ----
    ws.inbounds.change(inbound).inbound = closed;
    note_open(ws, inbound);
    let answer = changed(ws, inbound);
    mark_all(ws, &delayed);
    Ok(answer)
}

/// The counters of which an inbound comes to bring other units, or on another day, and what that is to be called.
fn changes(
    ws: &mut WorkingSet,
    location: Index<LocationSlot>,
    former: Option<&Inbound>,
    inbound: &Inbound,
) -> Result<Vec<(Index<StockSlot>, Cause)>, Refusal> {
    let lines = former
        .into_iter()
        .flat_map(|inbound| &inbound.lines)
        .chain(&inbound.lines);
    let skus: BTreeSet<_> = lines.map(|line| line.sku.clone()).collect();
    let (mut changes, mut is_missing) = (Vec::new(), false);
    for sku in &skus {
        let before = former.map_or(Units::ZERO, |inbound| inbound.open_quantity(sku));
        let after = inbound.open_quantity(sku);
        let moved = former.is_some_and(|former| former.expected_date != inbound.expected_date);
        let kind = if inbound.state == InboundState::Closed {
            CauseKind::InboundClosed
        } else if moved && !before.is_zero() && !after.is_zero() {
            CauseKind::InboundMoved
        } else if after < before {
            CauseKind::InboundShrunk
        } else {
            CauseKind::InboundAdded
        };
        if before == after && kind != CauseKind::InboundMoved {
            continue;
        }
        match super::stock_at(ws, location, sku) {
            Some(stock) => changes.push((stock, Cause::of_inbound(kind, &inbound.inbound_id))),
            None => is_missing = true,
        }
    }
    if is_missing {
        Err(Refusal::Deferred)
    } else {
        Ok(changes)
    }
}

fn mark_all(ws: &mut WorkingSet, delayed: &[(Index<StockSlot>, Cause)]) {
    for (stock, cause) in delayed {
        estimate::mark(ws, *stock, cause);
    }
}

fn same(command: &PutInbound, inbound: &Inbound) -> bool {
    let expected = inbound
        .lines
        .iter()
        .filter(|line| !line.quantity.is_zero())
        .map(|line| (&line.sku, line.quantity));
    command.expected_date == inbound.expected_date
        && expected.eq(command.lines.iter().map(|(sku, quantity)| (sku, quantity.units())))
}

/// The inbound as put, with what came for it before. A line that was taken off after units had come for it stays,
/// expecting nothing, so that what came is not expected again if it is put back.
fn replaced(command: &PutInbound, former: Option<&Inbound>) -> Inbound {
    let came = |sku: &Sku| {
        let lines = former.into_iter().flat_map(|inbound| &inbound.lines);
        lines
            .filter(|line| line.sku == *sku)
            .map(|line| line.received)
            .sum::<Units>()
    };
    let mut lines: Vec<_> = command
        .lines
        .iter()
        .map(|(sku, quantity)| InboundLine {
            sku: sku.clone(),
            quantity: quantity.units(),
            received: came(sku),
        })
        .collect();
    for line in former.into_iter().flat_map(|inbound| &inbound.lines) {
        if !line.received.is_zero() && !lines.iter().any(|kept| kept.sku == line.sku) {
            lines.push(InboundLine {
                quantity: Units::ZERO,
                ..line.clone()
            });
        }
    }
    let (inbound_id, expected_date) = (command.inbound_id.clone(), command.expected_date);
    let mut inbound = Inbound {
        inbound_id,
        expected_date,
        state: InboundState::Open,
        lines,
    };
    inbound.settle();
    inbound
}

fn create(ws: &mut WorkingSet, location: Index<LocationSlot>, inbound: Inbound) -> Index<InboundSlot> {
    let key = ws.locations.change(location).next_inbound.take();
    let id = inbound.inbound_id.clone();
    ws.inbounds
        .create((location, id), InboundSlot { location, key, inbound })
}

fn changed(ws: &mut WorkingSet, inbound: Index<InboundSlot>) -> Answer {
    let slot = ws.inbounds.get(inbound);
    let (location, payload) = (slot.location, Payload::InboundChanged(slot.inbound.clone()));
    let event_sequence = ws.append(location, None, payload);
    answer(ws, inbound, event_sequence, false)
}

fn answer(ws: &WorkingSet, inbound: Index<InboundSlot>, event_sequence: EventSequence, replayed: bool) -> Answer {
    let slot = ws.inbounds.get(inbound);
    let location_id = ws.location(slot.location).location.location_id.clone();
    Answer::Inbound(InboundAnswer {
        location_id,
        inbound: slot.inbound.clone(),
        event_sequence,
        replayed,
    })
}

/// Brings what is loaded of open inbounds in step with an inbound that changed.
pub(super) fn note_open(ws: &mut WorkingSet, inbound: Index<InboundSlot>) {
    let InboundSlot { location, inbound, .. } = ws.inbounds.get(inbound).clone();
    for line in &inbound.lines {
        let (expected_date, inbound_id) = (inbound.expected_date, inbound.inbound_id.clone());
        let open = OpenInbound {
            expected_date,
            inbound_id,
            open: inbound.open_quantity(&line.sku),
        };
        note(ws, location, &line.sku, open);
    }
}

/// Takes lines that the inbound no longer has from what is loaded of open inbounds.
fn note_gone(ws: &mut WorkingSet, inbound: Index<InboundSlot>, former: &Inbound) {
    let slot = ws.inbounds.get(inbound);
    let (location, kept) = (slot.location, slot.inbound.lines.clone());
    for line in former
        .lines
        .iter()
        .filter(|line| !kept.iter().any(|k| k.sku == line.sku))
    {
        let (expected_date, inbound_id) = (former.expected_date, former.inbound_id.clone());
        note(
            ws,
            location,
            &line.sku,
            OpenInbound {
                expected_date,
                inbound_id,
                open: Units::ZERO,
            },
        );
    }
}

fn note(ws: &mut WorkingSet, location: Index<LocationSlot>, sku: &Sku, inbound: OpenInbound) {
    let Some(stock) = ws.find_item(sku).and_then(|item| ws.stocks.find(&(location, item))) else {
        return;
    };
    let Some(inbounds) = &mut ws.stocks.note(stock).inbounds else {
        return;
    };
    inbounds.retain(|other| other.inbound_id != inbound.inbound_id);
    if !inbound.open.is_zero() {
        inbounds.push(inbound);
    }
}

/// The path of a field of the line at a position.
pub(super) fn line_field(index: Option<usize>, field: &str) -> String {
    format!("lines[{}].{field}", index.unwrap_or_default())
}
