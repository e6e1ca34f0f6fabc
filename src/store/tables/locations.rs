//! Loads locations: their numbers, and their configurations where no copy is kept of them.

use std::collections::{BTreeSet, HashMap};

use super::super::{StoreError, codec};
use super::cells::Cells;
use super::changes::touched;
use super::load::{Loaded, Loader, PlaceKey};
use super::rows::{Kind, Rows};
use super::statements::Load;
use super::traces::Trace;
use super::{Database, Found, Row, Which};
use crate::allocator::footprint::Footprint;
use crate::allocator::working_set::{Index, LocationSlot};
use crate::domain::catalog::Location;
use crate::domain::ids::{EventSequence, InboundKey, LocationId, LocationKey, Sequence};

impl<D: Database> Loader<'_, D> {
    /// Loads, and locks if the transaction writes, the locations of a footprint and of the places of orders. An item that is
    /// put belongs to every location.
    pub(super) async fn load_locations(
        &mut self,
        footprint: &Footprint,
        places: &BTreeSet<PlaceKey>,
    ) -> Result<(), StoreError> {
        let keys: BTreeSet<i64> = places.iter().map(|(location_key, _)| *location_key).collect();
        let which = if footprint.catalog || !footprint.items.is_empty() || !footprint.anywhere.is_empty() {
            Which::All
        } else {
            let ids = ids_of_locations(footprint);
            if ids.is_empty() && keys.is_empty() {
                return Ok(());
            }
            Which::Named {
                ids: ids_rows(ids),
                keys: keys_of(keys),
            }
        };
        self.loaded.is_everywhere = !footprint.anywhere.is_empty();
        let mut rows = self.database.load_locations(&which).await?;
        if !self.loaded.revisions.is_empty() {
            self.keep_unchanged(&mut rows)?;
        }
        self.add_locations(&rows).await
    }

    /// Of what an earlier round left, keeps what nobody wrote since, and leaves the rows of the locations that are to be added
    /// anew. An item belongs to every location: where all of them are, that may have been an item.
    fn keep_unchanged(&mut self, rows: &mut Vec<Found<D::Row>>) -> Result<(), StoreError> {
        let mut anew = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let cells = Cells::new(row, "locations", 2);
            let (key, revision) = (cells.int(0, "location_key")?, cells.int(6, "revision")?);
            if !self.catch_up(LocationKey(key), revision) {
                anew.push(at);
            }
        }
        if anew.len() < rows.len() {
            let mut at = 0..;
            rows.retain(|_| at.next().is_some_and(|at| anew.binary_search(&at).is_ok()));
        } else {
            let now = self.loaded.ws.now;
            self.loaded = Loaded {
                is_everywhere: self.loaded.is_everywhere,
                ..Loaded::new(now)
            };
        }
        Ok(())
    }

    /// Brings a location that an earlier round left to a revision, if nothing but counters was written since: answers whether
    /// it is there. The location's own numbers stay behind, at which no reader of every location looks.
    fn catch_up(&mut self, key: LocationKey, revision: i64) -> bool {
        let (Some(kept), Some(left)) = (&mut self.kept, self.loaded.revisions.get_mut(&key.0)) else {
            return false;
        };
        let taken = kept.bring_to(key, revision);
        if *left == revision {
            return true;
        }
        let since = match taken {
            Some((from, since)) if from == *left => Some(since),
            _ => kept.traces_since(key, *left, revision),
        };
        let location = self.loaded.locations.get(&key.0).copied();
        let Some((since, location)) = since.zip(location) else {
            return false;
        };
        *left = revision;
        let (ws, written) = (&mut self.loaded.ws, since.iter().flat_map(Trace::counters));
        for (sku, stock) in written {
            ws.renew_stock(location, sku, stock);
        }
        true
    }

    /// Loads the locations of orders whose ids are claimed anew, unless they are loaded.
    pub(super) async fn load_locations_of(&mut self, places: &BTreeSet<PlaceKey>) -> Result<(), StoreError> {
        let unknown: BTreeSet<i64> = places
            .iter()
            .map(|(location_key, _)| *location_key)
            .filter(|key| !self.loaded.locations.contains_key(key))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        self.loaded.unlocked.extend(&unknown);
        let keys = keys_of(unknown);
        let rows = self.database.load_locations(&Which::Unlocked { keys }).await?;
        self.add_locations(&rows).await
    }

    async fn add_locations(&mut self, rows: &[Found<D::Row>]) -> Result<(), StoreError> {
        let mut configs = self.configs_of(rows).await?;
        for row in rows {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            let location = configs
                .remove(&key)
                .ok_or_else(|| cells.corrupt("config", &"it went away"))?;
            let next_order = Sequence(cells.int(3, "next_order")?);
            let next_event = EventSequence(cells.int(4, "next_event")?);
            let next = (next_order, next_event, InboundKey(cells.int(5, "next_inbound")?));
            let revision = cells.int(6, "revision")?;
            if let Some(kept) = &mut self.kept {
                kept.bring_to(key, revision);
            }
            let index = self.loaded.ws.load_location(key, location, next);
            self.loaded.locations.insert(key.0, index);
            self.loaded.revisions.insert(key.0, revision);
        }
        Ok(())
    }

    /// The configurations of locations: copies that were kept, and the others from their rows.
    ///
    /// A row that was waited for is current, but not what stands beside it: where somebody else wrote, the configuration's
    /// version is read anew, under the lock.
    async fn configs_of(&mut self, locations: &[Found<D::Row>]) -> Result<HashMap<LocationKey, Location>, StoreError> {
        let (mut configs, mut unknown) = (HashMap::new(), Vec::new());
        for row in locations {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            let (version, revision) = (cells.int(2, "config_version")?, cells.int(6, "revision")?);
            let is_certain = match &self.kept {
                Some(kept) if D::LOCKS_ARE_WAITED_FOR => kept.is_certain(key, revision),
                _ => true,
            };
            match self.configs.find(key, version).filter(|_| is_certain) {
                Some(location) => drop(configs.insert(key, location)),
                None => unknown.push(key.0),
            }
        }
        for row in &self.find(Load::Configs, &Load::Configs.ints(unknown)).await? {
            let cells = Cells::new(row, "locations", 2);
            let key = LocationKey(cells.int(0, "location_key")?);
            let version = cells.int(2, "config_version")?;
            let location = if let Some(location) = self.configs.find(key, version) {
                location
            } else {
                let location: Location = cells.parsed(3, "config", codec::from_json)?;
                self.configs.keep(key, version, location.clone());
                location
            };
            configs.insert(key, location);
        }
        Ok(configs)
    }

    pub(super) fn location_at(&self, cells: Cells<'_, impl Row>, key: i64) -> Result<Index<LocationSlot>, StoreError> {
        self.loaded
            .locations
            .get(&key)
            .copied()
            .ok_or_else(|| cells.corrupt("location_key", &"there is no such location"))
    }
}

impl Loaded {
    /// Whether something changed at a location that was only looked at.
    pub(super) fn changed_unlocked(&self) -> bool {
        !self.unlocked.is_empty() && self.revised().any(|key| self.unlocked.contains(&key.0))
    }

    /// The locations whose revision grows with what changed.
    pub(super) fn revised(&self) -> impl Iterator<Item = LocationKey> {
        touched(&self.ws).into_iter().map(|index| self.ws.location(index).key)
    }
}

fn ids_rows(ids: BTreeSet<&LocationId>) -> Rows {
    let mut rows = Rows::new(&[Kind::Text]);
    for id in ids {
        rows.row().text(id.as_str()).end();
    }
    rows
}

fn keys_of(keys: BTreeSet<i64>) -> Rows {
    let mut rows = Rows::new(&[Kind::Int]);
    for key in keys {
        rows.row().int(key).end();
    }
    rows
}

/// Every location that a footprint names: those to lock, and those of counters that an earlier attempt missed.
fn ids_of_locations(footprint: &Footprint) -> BTreeSet<&LocationId> {
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
