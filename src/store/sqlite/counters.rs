//! Loads items and their counters: those that are named, those of orders, those of every location.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;

use super::super::StoreError;
use super::arrays::{groups, list};
use super::load::Loader;
use super::rows::{self, Cells};
use super::sql;
use crate::allocator::working_set::{Index, ItemSlot, LocationSlot, OrderSlot};
use crate::domain::ids::{LocationId, Sku, SkuKey};
use crate::domain::stock::Stock;

impl Loader<'_> {
    /// Loads items and counters that are named and not kept; counters that have no row are zeros.
    ///
    /// Of a location that is not stored, the items alone are loaded: the round may put the location itself.
    pub(super) async fn load_stock(&mut self, skus: &[(LocationId, Sku)]) -> Result<(), StoreError> {
        let mut named: Vec<(Option<Index<LocationSlot>>, Vec<&Sku>)> = Vec::new();
        for of_location in skus.chunk_by(|(one, _), (other, _)| one == other) {
            let location = of_location.first().and_then(|(id, _)| self.ws.locations.find(id));
            let skus = of_location.iter().map(|(_, sku)| sku);
            let unknown: Vec<_> = skus.filter(|sku| !self.add_kept(location, sku)).collect();
            if !unknown.is_empty() {
                named.push((location, unknown));
            }
        }
        if named.is_empty() {
            return Ok(());
        }
        // No location has the key 0, so that no counters are found of one that is not stored.
        let keys = named
            .iter()
            .map(|(location, skus)| (location.map_or(0, |location| self.ws.location(location).key.0), skus));
        let rows = self.connection.fetch(sql::LOAD_STOCK, [list(keys)]).await?;
        for row in &rows {
            let cells = Cells::new(row, "stock", 3);
            let group = named.get(cells.position(0, "location_key")?);
            let (location, skus) = group.ok_or_else(|| cells.corrupt("location_key", &"it was not asked for"))?;
            let sku = skus
                .get(cells.position(1, "sku")?)
                .ok_or_else(|| cells.corrupt("sku", &"it was not asked for"))?;
            let item = self.add_item(cells, 2, sku)?;
            if let Some(location) = location {
                self.add_stock(cells, 8, *location, item)?;
            }
        }
        Ok(())
    }

    /// Loads items and their counters at every location; the items alone where there is none.
    pub(super) async fn load_anywhere(&mut self, skus: &[Sku]) -> Result<(), StoreError> {
        if self.ws.locations.is_empty() && !skus.is_empty() {
            let rows = self.connection.fetch(sql::LOAD_ITEMS_EVERYWHERE, [list(skus)]).await?;
            return self.add_items_everywhere(skus, &rows);
        }
        let ids = self
            .ws
            .locations
            .iter()
            .map(|(_, slot)| slot.location.location_id.clone());
        let pairs: Vec<_> = ids
            .flat_map(|id| skus.iter().map(move |sku| (id.clone(), sku.clone())))
            .collect();
        self.load_stock(&pairs).await
    }

    /// Adds an item and its counters from what is kept; answers whether it was.
    fn add_kept(&mut self, location: Option<Index<LocationSlot>>, sku: &Sku) -> bool {
        let Some(location) = location else { return false };
        let location_key = self.ws.location(location).key;
        let Some((item, stock)) = self.kept.and_then(|kept| kept.find(location_key, sku)) else {
            return false;
        };
        let index = if let Some(index) = self.items.get(&item.key.0) {
            *index
        } else {
            let index = self.ws.items.load(sku.clone(), item.clone());
            self.items.insert(item.key.0, index);
            index
        };
        if self.ws.stocks.find(&(location, index)).is_none() {
            self.ws.load_stock(location, index, stock.clone());
        }
        true
    }

    pub(super) fn add_items_everywhere(&mut self, skus: &[Sku], rows: &[SqliteRow]) -> Result<(), StoreError> {
        for row in rows {
            let cells = Cells::new(row, "stock", 3);
            let sku = skus
                .get(cells.position(1, "sku")?)
                .ok_or_else(|| cells.corrupt("sku", &"it was not asked for"))?;
            let item = self.add_item(cells, 2, sku)?;
            if let Some(key) = cells.maybe_int(0, "location_key")? {
                let location = self.location_at(cells, key)?;
                self.add_stock(cells, 8, location, item)?;
            }
        }
        Ok(())
    }

    /// Adds an item from the column of its key, unless it is there.
    fn add_item(&mut self, cells: Cells<'_>, at: usize, sku: &Sku) -> Result<Index<ItemSlot>, StoreError> {
        let key = cells.int(at, "sku_key")?;
        if let Some(index) = self.items.get(&key) {
            return Ok(*index);
        }
        let slot = ItemSlot {
            key: SkuKey(key),
            item: rows::item(cells, at.saturating_add(1), sku.clone())?,
        };
        let index = self.ws.items.load(sku.clone(), slot);
        self.items.insert(key, index);
        Ok(index)
    }

    fn add_stock(
        &mut self,
        cells: Cells<'_>,
        at: usize,
        location: Index<LocationSlot>,
        item: Index<ItemSlot>,
    ) -> Result<(), StoreError> {
        if self.ws.stocks.find(&(location, item)).is_none() {
            self.ws.load_stock(location, item, rows::stock(cells, at)?);
        }
        Ok(())
    }

    /// Loads the counters of the lines of named orders.
    pub(super) async fn load_stock_of_orders(&mut self, orders: &[Index<OrderSlot>]) -> Result<(), StoreError> {
        let mut wanted = BTreeMap::new();
        for index in orders {
            let OrderSlot { location, order, .. } = self.ws.orders.get(*index);
            let location_key = self.ws.location(*location).key.0;
            let items = order
                .lines
                .iter()
                .filter_map(|line| Some((line.sku_key.0, *self.items.get(&line.sku_key.0)?)));
            let unknown = items.filter(|(_, item)| self.ws.stocks.find(&(*location, *item)).is_none());
            wanted.extend(unknown.map(|(sku_key, item)| ((location_key, sku_key), (*location, item))));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let rows = self
            .connection
            .fetch(sql::LOAD_STOCK_BY_KEY, [groups(wanted.keys().copied())])
            .await?;
        for row in &rows {
            let cells = Cells::new(row, "stock", 2);
            let key = (cells.int(0, "location_key")?, cells.int(1, "sku_key")?);
            if let Some((location, item)) = wanted.remove(&key) {
                self.add_stock(cells, 2, location, item)?;
            }
        }
        for (location, item) in wanted.into_values() {
            self.ws.load_stock(location, item, Stock::default());
        }
        Ok(())
    }
}
