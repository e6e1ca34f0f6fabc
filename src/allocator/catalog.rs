//! Setting up locations and items.

use std::sync::Arc;

use super::decision::Answer;
use super::promise::Today;
use super::working_set::{Index, ItemSlot, LocationSlot, StockSlot, WorkingSet};
use super::{Outcome, Refusal, day, estimate, queue};
use crate::domain::catalog::{Item, Location};
use crate::domain::event::{Payload, ReleaseCause, RevocationCause, SafetyStockChanged};
use crate::domain::ids::{EventSequence, InboundKey, Sequence};
use crate::domain::risk::{Cause, CauseKind};

/// Creates a location or replaces it whole; the same content is a repeat. Its calendar's version is the server's
/// and grows with each change of the calendar.
#[expect(clippy::unnecessary_wraps, reason = "each command's function has one shape")]
pub(super) fn put_location(ws: &mut WorkingSet, asked: &Location) -> Outcome {
    let found = ws.locations.find(&asked.location_id);
    let version = match found.map(|index| &ws.location(index).location.calendar) {
        None => 1,
        Some(stored) => {
            let mut same = asked.calendar.clone();
            same.version = stored.version;
            if same == *stored {
                stored.version
            } else {
                stored.version.saturating_add(1)
            }
        }
    };
    let mut location = asked.clone();
    location.calendar.version = version;
    if found.is_some_and(|index| ws.location(index).location == location) {
        return Ok(Answer::Location {
            location,
            replayed: true,
        });
    }

    // ---- nothing can fail from here on ----
    let today = Today::of(&location.calendar, ws.now);
    let index = match found {
        Some(index) => index,
        None => create_location(ws, &location, today),
    };
    let former = &ws.location(index).location;
    let is_estimated = former.calendar.version == location.calendar.version
        && former.inbound_buffer_percent == location.inbound_buffer_percent;
    let slot = ws.locations.change(index);
    slot.location = location.clone();
    slot.config_changed = true;
    slot.today = today;
    ws.append(index, None, Payload::LocationChanged(location.clone()));
    if found.is_none() {
        day::begin(ws, index, None);
    } else if !is_estimated {
        day::begin(ws, index, Some(Cause::of(CauseKind::CalendarChanged)));
    }
    Ok(Answer::Location {
        location,
        replayed: false,
    })
}

fn create_location(ws: &mut WorkingSet, location: &Location, today: Today) -> Index<LocationSlot> {
    let keys = ws.catalog.as_mut().expect("the footprint of a put asks for keys");
    let key = keys.location.take();
    let slot = LocationSlot {
        key,
        location: location.clone(),
        next_order: Sequence::FIRST,
        next_event: EventSequence::FIRST,
        next_inbound: InboundKey::FIRST,
        config_changed: true,
        today,
    };
    ws.locations.create(location.location_id.clone(), slot)
}

/// Creates an item or replaces it whole; the same content is a repeat. Where its safety stock changes, every location
/// that has units of it or waits for some allocates anew; where that or its lead time changes, they estimate anew.
pub(super) fn put_item(ws: &mut WorkingSet, asked: &Item) -> Outcome {
    let item = asked.clone();
    let Some(index) = ws.find_item(&asked.sku) else {
        let keys = ws.catalog.as_mut().expect("the footprint of a put asks for keys");
        let key = keys.sku.take();
        ws.items.create(
            asked.sku.clone(),
            ItemSlot {
                key,
                item: Arc::new(item.clone()),
            },
        );
        return Ok(Answer::Item { item, replayed: false });
    };
    let stored = &ws.item(index).item;
    if **stored == item {
        return Ok(Answer::Item { item, replayed: true });
    }
    let moved = stored.safety_stock != item.safety_stock;
    let dated = stored.lead_time_days != item.lead_time_days;
    let stocks = if moved || dated {
        stocks_with(ws, index)?
    } else {
        Vec::new()
    };

    // ---- nothing can fail from here on ----
    ws.items.change(index).item = Arc::new(item.clone());
    for stock in stocks {
        if moved {
            let location = ws.stock(stock).location;
            let changed = SafetyStockChanged {
                sku: item.sku.clone(),
                safety_stock: item.safety_stock,
            };
            ws.append(location, None, Payload::SafetyStockChanged(changed));
            queue::settle(ws, &[stock], ReleaseCause::SafetyStock, RevocationCause::SafetyStock);
        }
        estimate::mark(ws, stock, &Cause::of(CauseKind::ItemChanged));
    }
    Ok(Answer::Item { item, replayed: false })
}

/// The counters of an item at every location that has it, in the order of location ids, each settled.
fn stocks_with(ws: &WorkingSet, item: Index<ItemSlot>) -> Result<Vec<Index<StockSlot>>, Refusal> {
    let sku = &ws.item(item).item.sku;
    let ids = ws.locations_with(item);
    let stocks: Vec<_> = ids
        .iter()
        .filter_map(|location_id| ws.find_stock_of(location_id, sku))
        .collect();
    let settled = stocks
        .iter()
        .all(|stock| ws.stock(*stock).stock.pending_refill.is_none());
    if settled { Ok(stocks) } else { Err(Refusal::Deferred) }
}
