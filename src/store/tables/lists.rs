//! Lists, by pages, each on one snapshot. A page never sorts: it walks an index from the last key of the page before.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{DueWork, InboundFilter, OrderAt, OrderFilter, Page, QueuedLine, StoreError, codec};
use super::Database;
use super::cells::{self, Cells};
use super::statements::Load;
use crate::allocator::command::ContinueRefill;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, InboundId, LineNumber, LocationId, OrderId, Sequence, Sku};
use crate::domain::inbound::{Inbound, InboundLine};
use crate::domain::order::OrderState;
use crate::domain::quantity::Units;

type Listed<T> = Result<T, StoreError>;

/// A page of orders, by place.
pub(in crate::store) async fn orders<D: Database>(
    database: &mut D,
    filter: &OrderFilter,
    page: &Page<Sequence>,
) -> Listed<Vec<OrderAt>> {
    let numbers: BTreeSet<_> = filter
        .states
        .iter()
        .map(|state| codec::order_state_number(*state))
        .collect();
    if filter.at_risk == Some(true) {
        let bits = state_bits(&numbers);
        return orders_in(database, Load::ListOrdersAtRisk, filter, page, bits).await;
    }
    if numbers.is_empty() || !filter.states.iter().all(|state| state.is_open()) {
        let bits = state_bits(&numbers);
        return orders_in(database, Load::ListOrders, filter, page, bits).await;
    }
    let mut listed = Vec::new();
    for state in numbers {
        listed.extend(orders_in(database, Load::ListOpenOrders, filter, page, state).await?);
    }
    listed.sort_unstable_by_key(|(sequence, _)| *sequence);
    listed.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    Ok(listed)
}

/// A bit for each of some states; for every one when there are none.
fn state_bits(numbers: &BTreeSet<i64>) -> i64 {
    let all = OrderState::ALL.map(codec::order_state_number);
    let chosen = all
        .into_iter()
        .filter(|number| numbers.is_empty() || numbers.contains(number));
    chosen.fold(0, |bits, number| bits | (1_i64 << number))
}

async fn orders_in<D: Database>(
    database: &mut D,
    statement: Load,
    filter: &OrderFilter,
    page: &Page<Sequence>,
    states: i64,
) -> Listed<Vec<OrderAt>> {
    let mut given = statement.rows();
    let row = given.row().text(filter.location_id.as_str());
    let row = row.int(page.after.map_or(0, |sequence| sequence.0)).int(limit(page));
    let row = row.int(states).maybe_text(filter.sku.as_ref().map(Sku::as_str));
    row.maybe_int(filter.at_risk.map(i64::from)).end();
    let rows = database.load(statement, &given).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "orders", 2);
        Ok((
            Sequence(cells.int(0, "sequence")?),
            cells.parsed(1, "order_id", OrderId::parse)?,
        ))
    });
    listed.collect()
}

fn limit<K>(page: &Page<K>) -> i64 {
    i64::from(page.limit)
}

/// A page of a queue, oldest line first.
pub(in crate::store) async fn backlog<D: Database>(
    database: &mut D,
    location: &LocationId,
    sku: &Sku,
    page: &Page<(Sequence, LineNumber)>,
) -> Listed<Vec<QueuedLine>> {
    let (sequence, line) = page.after.map_or((0, 0), |(sequence, line)| (sequence.0, line.0));
    let mut given = Load::ListBacklog.rows();
    let row = given.row().text(location.as_str()).text(sku.as_str());
    row.int(sequence).int(line).int(limit(page)).end();
    let rows = database.load(Load::ListBacklog, &given).await?;
    let mut ahead: Option<Units> = None;
    let mut listed = Vec::with_capacity(rows.len());
    for row in &rows {
        let cells = Cells::new(row, "order_lines", 3);
        let units_ahead = ahead.map_or_else(|| cells.units(4, "lacking"), Ok)?;
        ahead = Some(units_ahead + cells.units(3, "lacking")?);
        let (sequence, line_number) = (
            Sequence(cells.int(0, "sequence")?),
            LineNumber(cells.int(1, "line_number")?),
        );
        listed.push(QueuedLine {
            sequence,
            line_number,
            order_id: cells.parsed(2, "order_id", OrderId::parse)?,
            units_ahead,
        });
    }
    Ok(listed)
}

/// A page of the SKUs that a location has counters of.
pub(in crate::store) async fn stock<D: Database>(
    database: &mut D,
    location: &LocationId,
    only_backlogged: bool,
    page: &Page<Sku>,
) -> Listed<Vec<Sku>> {
    let mut given = Load::ListStock.rows();
    let row = given.row().text(location.as_str());
    let row = row.text(page.after.as_ref().map_or("", Sku::as_str)).int(limit(page));
    row.int(i64::from(only_backlogged)).end();
    let rows = database.load(Load::ListStock, &given).await?;
    rows.iter()
        .map(|row| Cells::new(row, "items", 1).parsed(0, "sku", Sku::parse))
        .collect()
}

/// A page of inbounds with their lines.
pub(in crate::store) async fn inbounds<D: Database>(
    database: &mut D,
    filter: &InboundFilter,
    page: &Page<InboundId>,
) -> Listed<Vec<Inbound>> {
    let mut given = Load::ListInbounds.rows();
    let row = given.row().text(filter.location_id.as_str());
    let row = row
        .text(page.after.as_ref().map_or("", InboundId::as_str))
        .int(limit(page));
    row.maybe_int(filter.state.map(codec::inbound_state_number))
        .maybe_text(filter.sku.as_ref().map(Sku::as_str))
        .end();
    let rows = database.load(Load::ListInbounds, &given).await?;
    let mut keys = Vec::with_capacity(rows.len());
    let mut inbounds = BTreeMap::new();
    for row in &rows {
        let cells = Cells::new(row, "inbounds", 3);
        let key = (cells.int(0, "location_key")?, cells.int(1, "inbound_key")?);
        keys.push(key);
        inbounds.insert(key, cells::inbound(cells)?);
    }
    let given = Load::ListInboundLines.pairs(inbounds.keys().copied());
    for row in &database.load(Load::ListInboundLines, &given).await? {
        let cells = Cells::new(row, "inbound_lines", 3);
        let sku = cells.parsed(3, "sku", Sku::parse)?;
        let line = InboundLine {
            sku,
            quantity: cells.units(4, "quantity")?,
            received: cells.units(5, "received")?,
        };
        let inbound = inbounds.get_mut(&(cells.int(0, "location_key")?, cells.int(1, "inbound_key")?));
        inbound
            .ok_or_else(|| cells.corrupt("inbound_key", &"it was not asked for"))?
            .lines
            .push(line);
    }
    Ok(keys.iter().filter_map(|key| inbounds.remove(key)).collect())
}

/// A page of locations.
pub(in crate::store) async fn locations<D: Database>(
    database: &mut D,
    page: &Page<LocationId>,
) -> Listed<Vec<Location>> {
    let mut given = Load::ListLocations.rows();
    let row = given.row().text(page.after.as_ref().map_or("", LocationId::as_str));
    row.int(limit(page)).end();
    let rows = database.load(Load::ListLocations, &given).await?;
    rows.iter()
        .map(|row| Cells::new(row, "locations", 2).parsed(2, "config", codec::from_json))
        .collect()
}

/// A page of items.
pub(in crate::store) async fn items<D: Database>(database: &mut D, page: &Page<Sku>) -> Listed<Vec<Item>> {
    let mut given = Load::ListItems.rows();
    let row = given.row().text(page.after.as_ref().map_or("", Sku::as_str));
    row.int(limit(page)).end();
    let rows = database.load(Load::ListItems, &given).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "items", 2);
        cells::item(cells, 2, cells.parsed(1, "sku", Sku::parse)?)
    });
    listed.collect()
}

/// A page of a location's log; `None` when there is no such location.
pub(in crate::store) async fn events<D: Database>(
    database: &mut D,
    location: &LocationId,
    page: &Page<EventSequence>,
) -> Listed<Option<Vec<Event>>> {
    let Some((location_key, _)) = last_event(database, location).await? else {
        return Ok(None);
    };
    let mut given = Load::ListEvents.rows();
    let row = given.row().int(location_key);
    row.int(page.after.map_or(0, |number| number.0)).int(limit(page)).end();
    let rows = database.load(Load::ListEvents, &given).await?;
    let listed: Listed<Vec<_>> = rows
        .iter()
        .map(|row| cells::event(Cells::new(row, "events", 1)))
        .collect();
    listed.map(Some)
}

/// The key of a location and the number of its last event; `None` when there is no such location.
pub(in crate::store) async fn last_event<D: Database>(
    database: &mut D,
    location: &LocationId,
) -> Listed<Option<(i64, EventSequence)>> {
    let given = Load::LastEvent.texts([location.as_str()]);
    let rows = database.load(Load::LastEvent, &given).await?;
    let found = rows.first().map(|row| {
        let cells = Cells::new(row, "location_numbers", 1);
        let last = cells.int(1, "next_event")?.saturating_sub(1);
        Ok((cells.int(0, "location_key")?, EventSequence(last)))
    });
    found.transpose()
}

/// Refills that were cut.
pub(in crate::store) async fn pending_refills<D: Database>(database: &mut D) -> Listed<Vec<ContinueRefill>> {
    let given = Load::PendingRefills.nothing();
    let rows = database.load(Load::PendingRefills, &given).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "stock", 2);
        let location_id = cells.parsed(0, "location_id", LocationId::parse)?;
        Ok(ContinueRefill {
            location_id,
            sku: cells.parsed(1, "sku", Sku::parse)?,
        })
    });
    listed.collect()
}

/// What is due by an instant.
pub(in crate::store) async fn due<D: Database>(database: &mut D, now: Instant) -> Listed<DueWork> {
    let lapsed = lapsed_locations(database, now).await?;
    let estimates = super::estimates::pending(database, now).await?;
    Ok(DueWork { lapsed, estimates })
}

/// Locations where a tentative order has lapsed by an instant, by id.
async fn lapsed_locations<D: Database>(database: &mut D, now: Instant) -> Listed<Vec<LocationId>> {
    let given = Load::LapsedLocations.ints([now.timestamp_micros()]);
    let rows = database.load(Load::LapsedLocations, &given).await?;
    rows.iter()
        .map(|row| Cells::new(row, "locations", 1).parsed(0, "location_id", LocationId::parse))
        .collect()
}
