//! Where logs begin and end, and what is released as of an event.

use super::super::{LogEnds, OrderFilter, Page, Released, StoreError};
use super::configs::Configs;
use super::connection::Connection;
use super::load::Loader;
use super::rows::Cells;
use super::{lists, sql};
use crate::allocator::footprint::Footprint;
use crate::domain::Instant;
use crate::domain::ids::{EventSequence, LocationId, Sequence};
use crate::domain::order::OrderState;

/// The oldest event that each location keeps, and its next one.
pub(super) const LIST_LOGS: &str = "-- list_logs
SELECT l.location_id, n.next_event,
    (SELECT min(e.event_sequence) FROM events AS e WHERE e.location_key = n.location_key)
FROM location_numbers AS n JOIN locations AS l ON l.location_key = n.location_key
ORDER BY n.location_key";

/// The first event that is kept of each log when those before ?1 go, looking at the oldest ?2 of each log. The last one that
/// is looked at stays, so that no log is emptied.
pub(super) const FIND_HORIZONS: &str = "-- find_horizons
SELECT n.location_key, (
    SELECT coalesce(min(iif(o.at_us >= ?1, o.event_sequence, NULL)), max(o.event_sequence))
    FROM (
        SELECT e.event_sequence, e.at_us FROM events AS e
        WHERE e.location_key = n.location_key ORDER BY e.event_sequence LIMIT ?2
    ) AS o
)
FROM location_numbers AS n";

/// Says that log ?1 begins with event ?2.
pub(super) const PUT_HORIZON: &str = "-- put_horizon
INSERT INTO log_horizons (location_key, oldest_event) VALUES (?1, ?2)
ON CONFLICT (location_key) DO UPDATE SET oldest_event = excluded.oldest_event WHERE excluded.oldest_event > oldest_event";

/// Removes the events of log ?1 below ?2, and tells each.
pub(super) const DELETE_EVENTS: &str = "-- delete_events
DELETE FROM events WHERE location_key = ?1 AND event_sequence < ?2 RETURNING event_sequence";

/// Gives the database epoch ?1.
pub(super) const PUT_EPOCH: &str = "-- put_epoch
UPDATE meta SET epoch = ?1";

/// Gives the database another epoch.
pub(super) async fn renew_epoch(connection: &mut Connection, drawn: i64) -> Result<(), StoreError> {
    connection.begin(sql::BEGIN_IMMEDIATE).await?;
    connection.write(PUT_EPOCH, 1, [drawn.into()]).await?;
    connection.commit().await
}

/// Events of one log that one call looks at: rounds wait for it.
const PRUNED_MAX: i64 = 5_000;

/// Moves horizons up, and removes what is below them.
pub(super) async fn prune(connection: &mut Connection, before: Instant) -> Result<u64, StoreError> {
    connection.begin(sql::BEGIN_IMMEDIATE).await?;
    let parameters = [before.timestamp_micros().into(), PRUNED_MAX.into()];
    let rows = connection.fetch(FIND_HORIZONS, parameters).await?;
    let mut removed = 0_u64;
    for row in &rows {
        let cells = Cells::new(row, "events", 1);
        let (key, horizon) = (cells.int(0, "location_key")?, cells.maybe_int(1, "event_sequence")?);
        let Some(horizon) = horizon.filter(|horizon| *horizon > 1) else {
            continue;
        };
        connection.execute(PUT_HORIZON, [key.into(), horizon.into()]).await?;
        let gone = connection.fetch(DELETE_EVENTS, [key.into(), horizon.into()]).await?;
        removed = removed.saturating_add(u64::try_from(gone.len()).unwrap_or(u64::MAX));
    }
    connection.commit().await?;
    Ok(removed)
}

pub(super) async fn ends(connection: &mut Connection) -> Result<Vec<LogEnds>, StoreError> {
    let rows = connection.fetch(LIST_LOGS, []).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "location_numbers", 1);
        let next = cells.int(1, "next_event")?;
        Ok(LogEnds {
            location_id: cells.parsed(0, "location_id", LocationId::parse)?,
            oldest: EventSequence(cells.maybe_int(2, "event_sequence")?.unwrap_or(next)),
            last: EventSequence(next.saturating_sub(1)),
        })
    });
    listed.collect()
}

/// Released orders, in the snapshot that the connection is in.
pub(super) async fn released(
    connection: &mut Connection,
    configs: &Configs,
    location: &LocationId,
    page: &Page<Sequence>,
) -> Result<Option<Released>, StoreError> {
    let Some((_, as_of)) = lists::last_event(connection, location).await? else {
        return Ok(None);
    };
    let filter = OrderFilter {
        location_id: location.clone(),
        states: vec![OrderState::Released],
        sku: None,
    };
    let listed = lists::orders(connection, &filter, page).await?;
    let footprint = Footprint {
        orders: listed.into_iter().map(|(_, order_id)| order_id).collect(),
        ..Footprint::default()
    };
    let loader = Loader::load(connection, configs, None, &footprint, Instant::default()).await?;
    let mut orders: Vec<_> = loader.ws.orders.iter().map(|(_, slot)| slot.order.clone()).collect();
    orders.sort_unstable_by_key(|order| order.sequence);
    Ok(Some(Released { as_of, orders }))
}

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const ALL: [&str; 5] = [LIST_LOGS, FIND_HORIZONS, PUT_HORIZON, DELETE_EVENTS, PUT_EPOCH];
