//! Loads locations: their numbers, and their configurations where no copy is kept of them.

use std::collections::{BTreeSet, HashMap};

use sqlx::sqlite::SqliteRow;

use super::super::{StoreError, codec};
use super::arrays::list;
use super::load::Loader;
use super::rows::Cells;
use super::sql;
use crate::allocator::footprint::Footprint;
use crate::allocator::working_set::{Index, LocationSlot};
use crate::domain::catalog::Location;
use crate::domain::ids::{EventSequence, InboundKey, LocationId, LocationKey, Sequence};

impl Loader<'_> {
    /// Loads locations that are named by ids or keys, with their configurations where no copy is kept of them.
    pub(super) async fn load_locations(
        &mut self,
        ids: &BTreeSet<&LocationId>,
        keys: &BTreeSet<i64>,
    ) -> Result<(), StoreError> {
        if ids.is_empty() && keys.is_empty() {
            return Ok(());
        }
        let rows = self
            .connection
            .fetch(sql::LOAD_LOCATIONS, [list(ids), list(keys)])
            .await?;
        let mut configs = self.configs_of(&rows).await?;
        for row in &rows {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            let location = configs
                .remove(&key)
                .ok_or_else(|| cells.corrupt("config", &"it went away"))?;
            let next_order = Sequence(cells.int(3, "next_order")?);
            let next_event = EventSequence(cells.int(4, "next_event")?);
            let next = (next_order, next_event, InboundKey(cells.int(5, "next_inbound")?));
            let index = self.ws.load_location(key, location, next);
            self.locations.insert(key.0, index);
        }
        Ok(())
    }

    /// The keys of all locations.
    pub(super) async fn fetch_location_keys(&mut self) -> Result<Vec<i64>, StoreError> {
        let rows = self.connection.fetch(sql::LOAD_LOCATION_KEYS, []).await?;
        rows.iter()
            .map(|row| Cells::new(row, "locations", 1).int(0, "location_key"))
            .collect()
    }

    /// The configurations of locations: copies that were kept, and the others from their rows.
    async fn configs_of(&mut self, locations: &[SqliteRow]) -> Result<HashMap<LocationKey, Location>, StoreError> {
        let (mut configs, mut unknown) = (HashMap::new(), Vec::new());
        for row in locations {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            match self.configs.find(key, cells.int(2, "config_version")?) {
                Some(location) => drop(configs.insert(key, location)),
                None => unknown.push(key.0),
            }
        }
        if unknown.is_empty() {
            return Ok(configs);
        }
        for row in &self.connection.fetch(sql::LOAD_CONFIGS, [list(&unknown)]).await? {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            let location: Location = cells.parsed(3, "config", codec::from_json)?;
            self.configs
                .keep(key, cells.int(2, "config_version")?, location.clone());
            configs.insert(key, location);
        }
        Ok(configs)
    }

    pub(super) fn location_at(&self, cells: Cells<'_>, key: i64) -> Result<Index<LocationSlot>, StoreError> {
        self.locations
            .get(&key)
            .copied()
            .ok_or_else(|| cells.corrupt("location_key", &"there is no such location"))
    }
}

/// Every location that a footprint names: those to lock, and those of counters that an earlier attempt missed.
pub(super) fn ids_of_locations(footprint: &Footprint) -> BTreeSet<&LocationId> {
    let mut ids: BTreeSet<&LocationId> = footprint.locations.iter().collect();
    let mut last = None;
    for (id, _) in &footprint.skus {
        if last != Some(id) {
            ids.insert(id);
            last = Some(id);
        }
    }
    ids
}

/// The locations that rows of orders or counters name in their first column.
pub(super) fn keys_of_locations(orders: &[SqliteRow], everywhere: &[SqliteRow]) -> Result<BTreeSet<i64>, StoreError> {
    let mut keys = BTreeSet::new();
    for row in orders {
        keys.insert(Cells::new(row, "orders", 3).int(0, "location_key")?);
    }
    for row in everywhere {
        keys.extend(Cells::new(row, "stock", 3).maybe_int(0, "location_key")?);
    }
    Ok(keys)
}
