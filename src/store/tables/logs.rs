//! Where logs begin and end, and what is released as of an event.

use super::super::{LogEnds, OrderFilter, Page, Released, StoreError};
use super::cells::Cells;
use super::configs::Configs;
use super::load::{Loaded, Loader};
use super::statements::Load;
use super::{Database, lists};
use crate::allocator::footprint::Footprint;
use crate::domain::Instant;
use crate::domain::ids::{EventSequence, LocationId, Sequence};
use crate::domain::order::OrderState;

/// Events of one log that one call looks at: rounds wait for it.
const PRUNED_MAX: i64 = 5_000;

/// Moves horizons up, and removes what is below them, in the open transaction. Answers how many events went.
pub(in crate::store) async fn prune_in_tx<D: Database>(
    database: &mut D,
    before: Instant,
    heard_since: Instant,
) -> Result<u64, StoreError> {
    let mut given = Load::Horizons.rows();
    let row = given.row().int(before.timestamp_micros()).int(PRUNED_MAX);
    row.int(heard_since.timestamp_micros()).end();
    let mut horizons = Vec::new();
    for row in &database.load(Load::Horizons, &given).await? {
        let cells = Cells::new(row, "events", 1);
        let horizon = cells.maybe_int(1, "event_sequence")?.filter(|horizon| *horizon > 1);
        horizons.extend(horizon.map(|horizon| cells.int(0, "location_key").map(|key| (key, horizon))));
    }
    let horizons = horizons.into_iter().collect::<Result<Vec<_>, _>>()?;
    if horizons.is_empty() {
        return Ok(0);
    }
    let put = Load::PutHorizon.pairs(horizons.iter().copied());
    database.load(Load::PutHorizon, &put).await.map(drop)?;
    let gone = database
        .load(Load::DeleteEvents, &Load::DeleteEvents.pairs(horizons))
        .await?;
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// Where each log begins and ends, in the order in which the locations were created.
pub(in crate::store) async fn ends<D: Database>(database: &mut D) -> Result<Vec<LogEnds>, StoreError> {
    let rows = database.load(Load::Logs, &Load::Logs.nothing()).await?;
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
pub(in crate::store) async fn released<D: Database>(
    database: &mut D,
    configs: &Configs,
    location: &LocationId,
    page: &Page<Sequence>,
) -> Result<Option<Released>, StoreError> {
    let Some((_, as_of)) = lists::last_event(database, location).await? else {
        return Ok(None);
    };
    let filter = OrderFilter {
        location_id: location.clone(),
        states: vec![OrderState::Released],
        sku: None,
        at_risk: None,
    };
    let listed = lists::orders(database, &filter, page).await?;
    let footprint = Footprint {
        orders: listed.into_iter().map(|(_, order_id)| order_id).collect(),
        ..Footprint::default()
    };
    let mut loader = Loader::new(database, configs, None, Loaded::new(Instant::default()));
    loader.load(&footprint).await?;
    let ws = &loader.loaded.ws;
    let mut orders: Vec<_> = ws.orders.iter().map(|(_, slot)| slot.order.clone()).collect();
    orders.sort_unstable_by_key(|order| order.sequence);
    Ok(Some(Released { as_of, orders }))
}
