//! Where logs begin and end, and what is released as of an event.

use super::super::{LogEnds, OrderFilter, Page, Released, StoreError};
use super::configs::Configs;
use super::connection::Connection;
use super::lists;
use super::load::Loader;
use super::rows::Cells;
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
pub(super) const ALL: [&str; 1] = [LIST_LOGS];
