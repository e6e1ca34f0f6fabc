//! Lists, by pages, each on one snapshot. A page never sorts: it walks an index from the last key of the page before.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteRow;

use super::super::{InboundFilter, OrderAt, OrderFilter, Page, QueuedLine, StoreError, codec};
use super::arrays::groups;
use super::connection::{Connection, Parameter};
use super::rows::{self, Cells};
use crate::allocator::command::ContinueRefill;
use crate::domain::Instant;
use crate::domain::catalog::{Item, Location};
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, InboundId, LineNumber, LocationId, OrderId, Sequence, Sku};
use crate::domain::inbound::{Inbound, InboundLine};
use crate::domain::quantity::Units;

type Listed<T> = Result<T, StoreError>;

/// Orders of a location ?1 after ?2, at most ?3, in states ?4 or all, with a line of SKU ?5 if given.
pub(super) const LIST_ORDERS: &str = "-- list_orders
SELECT o.sequence, o.order_id
FROM orders AS o
WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND o.sequence > ?2
    AND (?4 IS NULL OR o.state IN (SELECT value FROM json_each(?4)))
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY o.sequence
LIMIT ?3";

/// As `list_orders`, for one open state ?4: a walk of its index, so that what shipped costs nothing.
pub(super) const LIST_OPEN_ORDERS: &str = "-- list_open_orders
SELECT o.sequence, o.order_id
FROM orders AS o INDEXED BY orders_open
WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND o.sequence > ?2
    AND o.state = ?4 AND o.state IN (1, 2, 3)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY o.sequence
LIMIT ?3";

/// Lines that wait at ?1 for SKU ?2, after place (?3, ?4), at most ?5; each with what it lacks, and what those up to that place
/// lack.
pub(super) const LIST_BACKLOG: &str = "-- list_backlog
WITH queue (location_key, sku_key) AS MATERIALIZED (
    SELECT l.location_key, i.sku_key FROM locations AS l JOIN items AS i WHERE l.location_id = ?1 AND i.sku = ?2
)
SELECT q.sequence, q.line_number, o.order_id, q.lacking, (
    SELECT coalesce(sum(b.lacking), 0)
    FROM order_lines AS b INDEXED BY order_lines_queue
    WHERE b.location_key = (SELECT location_key FROM queue) AND b.sku_key = (SELECT sku_key FROM queue) AND b.lacking > 0
        AND (b.sequence, b.line_number) <= (?3, ?4)
)
FROM order_lines AS q INDEXED BY order_lines_queue
CROSS JOIN orders AS o
WHERE q.location_key = (SELECT location_key FROM queue) AND q.sku_key = (SELECT sku_key FROM queue) AND q.lacking > 0
    AND (q.sequence, q.line_number) > (?3, ?4)
    AND o.location_key = q.location_key AND o.sequence = q.sequence
ORDER BY q.sequence, q.line_number
LIMIT ?5";

/// SKUs after ?2 with counters at ?1, at most ?3, only those with a backlog if ?4.
pub(super) const LIST_STOCK: &str = "-- list_stock
SELECT i.sku
FROM items AS i
CROSS JOIN stock AS s ON s.sku_key = i.sku_key
WHERE i.sku > ?2 AND s.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND (NOT ?4 OR s.backlog > 0)
ORDER BY i.sku
LIMIT ?3";

/// Inbounds of ?1 after ?2, at most ?3, in state ?4 if given, with a line of SKU ?5 if given.
pub(super) const LIST_INBOUNDS: &str = "-- list_inbounds
SELECT b.location_key, b.inbound_key, b.inbound_id, b.expected_date, b.state
FROM inbounds AS b
WHERE b.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND b.inbound_id > ?2
    AND (?4 IS NULL OR b.state = ?4)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM inbound_lines AS l
        WHERE l.location_key = b.location_key AND l.inbound_key = b.inbound_key
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY b.inbound_id
LIMIT ?3";

/// Lines of the inbounds at `[location_key, [inbound_key, …]]` ?1, in their order, with their SKUs.
pub(super) const LIST_INBOUND_LINES: &str = "-- list_inbound_lines
SELECT l.location_key, l.inbound_key, l.position, i.sku, l.quantity, l.received
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN inbound_lines AS l ON l.location_key = at.value ->> 0 AND l.inbound_key = named.value
CROSS JOIN items AS i ON i.sku_key = l.sku_key
ORDER BY l.location_key, l.inbound_key, l.position";

/// Locations after ?1, at most ?2.
pub(super) const LIST_LOCATIONS: &str = "-- list_locations
SELECT location_key, location_id, config FROM locations WHERE location_id > ?1 ORDER BY location_id LIMIT ?2";

/// Items after ?1, at most ?2.
pub(super) const LIST_ITEMS: &str = "-- list_items
SELECT sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock
FROM items WHERE sku > ?1 ORDER BY sku LIMIT ?2";

/// Events of location ?1 after ?2, at most ?3.
pub(super) const LIST_EVENTS: &str = "-- list_events
SELECT event_sequence, at_us, order_id, payload
FROM events WHERE location_key = ?1 AND event_sequence > ?2 ORDER BY event_sequence LIMIT ?3";

/// The key of location ?1, and the number of its next event.
pub(super) const FIND_LAST_EVENT: &str = "-- find_last_event
SELECT l.location_key, n.next_event
FROM locations AS l JOIN location_numbers AS n ON n.location_key = l.location_key
WHERE l.location_id = ?1";

/// Refills that were cut.
pub(super) const LIST_PENDING_REFILLS: &str = "-- list_pending_refills
SELECT l.location_id, i.sku
FROM stock AS s INDEXED BY stock_pending
CROSS JOIN locations AS l ON l.location_key = s.location_key
CROSS JOIN items AS i ON i.sku_key = s.sku_key
WHERE s.pending_refill IS NOT NULL
ORDER BY l.location_id, i.sku";

/// Locations with tentative orders whose deadline has come by ?1.
pub(super) const LIST_LAPSED_LOCATIONS: &str = "-- list_lapsed_locations
SELECT l.location_id
FROM locations AS l
WHERE EXISTS (
    SELECT 1 FROM orders AS o INDEXED BY orders_tentative
    WHERE o.location_key = l.location_key AND o.state = 1 AND o.payment_deadline_us <= ?1
)
ORDER BY l.location_id";

pub(super) async fn orders(
    connection: &mut Connection,
    filter: &OrderFilter,
    page: &Page<Sequence>,
) -> Listed<Vec<OrderAt>> {
    let numbers: BTreeSet<_> = filter
        .states
        .iter()
        .map(|state| codec::order_state_number(*state))
        .collect();
    if numbers.is_empty() || !filter.states.iter().all(|state| state.is_open()) {
        let states = (!numbers.is_empty()).then(|| codec::to_json(&numbers));
        return orders_in(connection, LIST_ORDERS, filter, page, states.into()).await;
    }
    let mut listed = Vec::new();
    for state in numbers {
        listed.extend(orders_in(connection, LIST_OPEN_ORDERS, filter, page, state.into()).await?);
    }
    listed.sort_unstable_by_key(|(sequence, _)| *sequence);
    listed.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    Ok(listed)
}

async fn orders_in(
    connection: &mut Connection,
    statement: &'static str,
    filter: &OrderFilter,
    page: &Page<Sequence>,
    states: Parameter,
) -> Listed<Vec<OrderAt>> {
    let after = page.after.map_or(0, |sequence| sequence.0);
    let location = Parameter::from(filter.location_id.as_str());
    let parameters = [
        location,
        after.into(),
        page.limit.into(),
        states,
        filter.sku.as_ref().map(Sku::as_str).into(),
    ];
    let rows = connection.fetch(statement, parameters).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "orders", 2);
        Ok((
            Sequence(cells.int(0, "sequence")?),
            cells.parsed(1, "order_id", OrderId::parse)?,
        ))
    });
    listed.collect()
}

pub(super) async fn backlog(
    connection: &mut Connection,
    location: &LocationId,
    sku: &Sku,
    page: &Page<(Sequence, LineNumber)>,
) -> Listed<Vec<QueuedLine>> {
    let (sequence, line) = page.after.map_or((0, 0), |(sequence, line)| (sequence.0, line.0));
    let parameters = [
        location.as_str().into(),
        sku.as_str().into(),
        sequence.into(),
        line.into(),
        page.limit.into(),
    ];
    let rows = connection.fetch(LIST_BACKLOG, parameters).await?;
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

pub(super) async fn stock(
    connection: &mut Connection,
    location: &LocationId,
    only_backlogged: bool,
    page: &Page<Sku>,
) -> Listed<Vec<Sku>> {
    let after = page.after.as_ref().map_or("", Sku::as_str);
    let parameters = [
        location.as_str().into(),
        after.into(),
        page.limit.into(),
        only_backlogged.into(),
    ];
    let rows = connection.fetch(LIST_STOCK, parameters).await?;
    rows.iter()
        .map(|row| Cells::new(row, "items", 1).parsed(0, "sku", Sku::parse))
        .collect()
}

pub(super) async fn inbounds(
    connection: &mut Connection,
    filter: &InboundFilter,
    page: &Page<InboundId>,
) -> Listed<Vec<Inbound>> {
    let after = page.after.as_ref().map_or("", InboundId::as_str);
    let state = filter.state.map(codec::inbound_state_number);
    let location = Parameter::from(filter.location_id.as_str());
    let parameters = [
        location,
        after.into(),
        page.limit.into(),
        state.into(),
        filter.sku.as_ref().map(Sku::as_str).into(),
    ];
    let rows = connection.fetch(LIST_INBOUNDS, parameters).await?;
    let mut keys = Vec::with_capacity(rows.len());
    let mut inbounds = BTreeMap::new();
    for row in &rows {
        let cells = Cells::new(row, "inbounds", 3);
        let key = (cells.int(0, "location_key")?, cells.int(1, "inbound_key")?);
        keys.push(key);
        inbounds.insert(key, rows::inbound(cells)?);
    }
    for row in &connection
        .fetch(LIST_INBOUND_LINES, [groups(inbounds.keys().copied())])
        .await?
    {
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

pub(super) async fn locations(connection: &mut Connection, page: &Page<LocationId>) -> Listed<Vec<Location>> {
    let after = page.after.as_ref().map_or("", LocationId::as_str);
    let rows = connection
        .fetch(LIST_LOCATIONS, [after.into(), page.limit.into()])
        .await?;
    rows.iter()
        .map(|row| Cells::new(row, "locations", 2).parsed(2, "config", codec::from_json))
        .collect()
}

pub(super) async fn items(connection: &mut Connection, page: &Page<Sku>) -> Listed<Vec<Item>> {
    let after = page.after.as_ref().map_or("", Sku::as_str);
    let rows = connection.fetch(LIST_ITEMS, [after.into(), page.limit.into()]).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "items", 2);
        rows::item(cells, 2, cells.parsed(1, "sku", Sku::parse)?)
    });
    listed.collect()
}

pub(super) async fn events(
    connection: &mut Connection,
    location: &LocationId,
    page: &Page<EventSequence>,
) -> Listed<Option<Vec<Event>>> {
    let Some((location_key, _)) = last_event(connection, location).await? else {
        return Ok(None);
    };
    let after = page.after.map_or(0, |number| number.0);
    let rows = connection
        .fetch(LIST_EVENTS, [location_key.into(), after.into(), page.limit.into()])
        .await?;
    let listed: Listed<Vec<_>> = rows
        .iter()
        .map(|row| rows::event(Cells::new(row, "events", 1)))
        .collect();
    listed.map(Some)
}

/// The key of a location and the number of its last event; `None` when there is no such location.
pub(super) async fn last_event(
    connection: &mut Connection,
    location: &LocationId,
) -> Listed<Option<(i64, EventSequence)>> {
    let rows = connection.fetch(FIND_LAST_EVENT, [location.as_str().into()]).await?;
    let found = |row: &SqliteRow| {
        let cells = Cells::new(row, "location_numbers", 1);
        let last = cells.int(1, "next_event")?.saturating_sub(1);
        Ok((cells.int(0, "location_key")?, EventSequence(last)))
    };
    rows.first().map(found).transpose()
}

pub(super) async fn pending_refills(connection: &mut Connection) -> Listed<Vec<ContinueRefill>> {
    let rows = connection.fetch(LIST_PENDING_REFILLS, []).await?;
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

pub(super) async fn lapsed_locations(connection: &mut Connection, now: Instant) -> Listed<Vec<LocationId>> {
    let rows = connection
        .fetch(LIST_LAPSED_LOCATIONS, [now.timestamp_micros().into()])
        .await?;
    let listed = rows.iter();
    listed
        .map(|row| Cells::new(row, "locations", 1).parsed(0, "location_id", LocationId::parse))
        .collect()
}

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const ALL: [&str; 12] = [
    LIST_ORDERS,
    LIST_OPEN_ORDERS,
    LIST_BACKLOG,
    LIST_STOCK,
    LIST_INBOUNDS,
    LIST_INBOUND_LINES,
    LIST_LOCATIONS,
    LIST_ITEMS,
    LIST_EVENTS,
    FIND_LAST_EVENT,
    LIST_PENDING_REFILLS,
    LIST_LAPSED_LOCATIONS,
];
