//! Those who follow logs under a name, and how far each is.

use super::super::{Consumer, StoreError};
use super::Database;
use super::cells::Cells;
use super::statements::Load;
use crate::domain::Instant;
use crate::domain::ids::{ConsumerId, EventSequence, LocationId};

/// Says in the open transaction how far a consumer has dealt with logs.
pub(in crate::store) async fn acknowledge_in_tx<D: Database>(
    database: &mut D,
    consumer_id: &ConsumerId,
    places: &[(LocationId, EventSequence)],
    now: Instant,
) -> Result<(), StoreError> {
    let mut given = Load::PutConsumers.rows();
    for (location_id, event) in places {
        let row = given.row().text(location_id.as_str()).text(consumer_id.as_str());
        row.int(event.0).int(now.timestamp_micros()).end();
    }
    database.load(Load::PutConsumers, &given).await.map(drop)
}

/// Every consumer at every location that it follows, in the order in which the locations were created.
pub(in crate::store) async fn list<D: Database>(database: &mut D) -> Result<Vec<Consumer>, StoreError> {
    let rows = database
        .load(Load::ListConsumers, &Load::ListConsumers.nothing())
        .await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "consumers", 2);
        let at = |micros: i64| {
            let instant = Instant::from_timestamp_micros(micros);
            instant.ok_or_else(|| cells.corrupt("acknowledged_at_us", &"it is no instant"))
        };
        Ok(Consumer {
            consumer_id: cells.parsed(0, "consumer_id", ConsumerId::parse)?,
            location_id: cells.parsed(1, "location_id", LocationId::parse)?,
            acknowledged: EventSequence(cells.int(2, "acknowledged_event")?),
            acknowledged_at: at(cells.int(3, "acknowledged_at_us")?)?,
            last: EventSequence(cells.int(4, "next_event")?.saturating_sub(1)),
            waiting_since: cells.maybe_int(5, "at_us")?.map(at).transpose()?,
        })
    });
    listed.collect()
}
