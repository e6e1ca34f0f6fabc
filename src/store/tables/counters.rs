//! Loads items and their counters: those that are named, those of orders, those of every location.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::StoreError;
use super::cells::{self, Cells};
use super::load::Loader;
use super::statements::Load;
use super::{Database, Row};
use crate::allocator::working_set::{Index, ItemSlot, LocationSlot, OrderSlot};
use crate::domain::ids::{LocationId, Sku, SkuKey};
use crate::domain::stock::Stock;

impl<D: Database> Loader<'_, D> {
    /// Loads items and counters that are named and not kept; counters that have no row are zeros.
    ///
    /// Of a location that is not stored, the items alone are loaded: the round may put the location itself.
    pub(super) async fn load_stock(&mut self, skus: &[(LocationId, Sku)]) -> Result<(), StoreError> {
        let (mut given, mut asked) = (Load::Stock.rows(), Vec::new());
        for of_location in skus.chunk_by(|(one, _), (other, _)| one == other) {
            let location = of_location
                .first()
                .and_then(|(id, _)| self.loaded.ws.locations.find(id));
            // No location has the key 0, so that no counters are found of one that is not stored.
            let key = location.map_or(0, |location| self.loaded.ws.location(location).key.0);
            let unknown = of_location.iter().filter(|(_, sku)| !self.add_kept(location, sku));
            for (_, sku) in unknown {
                given.row().int(key).text(sku.as_str()).end();
                asked.push((location, sku));
            }
        }
        for row in &self.find(Load::Stock, &given).await? {
            let cells = Cells::new(row, "stock", 2);
            let (location, sku) = asked
                .get(cells.at())
                .ok_or_else(|| cells.corrupt("sku_key", &"it was not asked for"))?;
            let item = self.add_item(cells, 0, sku)?;
            if let Some(location) = location {
                self.add_stock(cells, 6, *location, item)?;
            }
        }
        Ok(())
    }

    /// Loads items and their counters at every location, unless they are loaded; the items alone where there is no location.
    /// All locations are loaded.
    pub(super) async fn load_anywhere(&mut self, skus: &[Sku]) -> Result<(), StoreError> {
        let ws = &self.loaded.ws;
        if ws.locations.is_empty() {
            return self.load_items_everywhere(skus).await;
        }
        let items: Vec<_> = skus.iter().map(|sku| (sku, ws.find_item(sku))).collect();
        let mut unknown = Vec::new();
        for (location, slot) in ws.locations.iter() {
            let is_loaded = |item: &Option<_>| item.is_some_and(|item| ws.stocks.find(&(location, item)).is_some());
            let of_location = items.iter().filter(|(_, item)| !is_loaded(item));
            unknown.extend(of_location.map(|(sku, _)| (slot.location.location_id.clone(), Sku::clone(sku))));
        }
        self.load_stock(&unknown).await
    }

    /// Adds an item and its counters from what is kept; answers whether it was.
    fn add_kept(&mut self, location: Option<Index<LocationSlot>>, sku: &Sku) -> bool {
        let Some(location) = location else { return false };
        let loaded = &mut self.loaded;
        let location_key = loaded.ws.location(location).key;
        let Some(kept) = self.kept.as_ref().and_then(|kept| kept.find(location_key, sku)) else {
            return false;
        };
        let index = if let Some(index) = loaded.items.get(&kept.item.key.0) {
            *index
        } else {
            let index = loaded.ws.items.load(sku.clone(), kept.item.clone());
            loaded.items.insert(kept.item.key.0, index);
            index
        };
        if loaded.ws.stocks.find(&(location, index)).is_none() {
            let stock = loaded.ws.load_stock(location, index, kept.stock.clone());
            loaded.ws.stocks.note(stock).inbounds = kept.coming.map(<[_]>::to_vec);
        }
        true
    }

    /// Loads items with their counters at every location that has some. All locations are loaded.
    pub(super) async fn load_items_everywhere(&mut self, skus: &[Sku]) -> Result<(), StoreError> {
        let given = Load::ItemsEverywhere.texts(skus.iter().map(Sku::as_str));
        for row in &self.find(Load::ItemsEverywhere, &given).await? {
            let cells = Cells::new(row, "stock", 2);
            let sku = skus
                .get(cells.at())
                .ok_or_else(|| cells.corrupt("sku", &"it was not asked for"))?;
            let item = self.add_item(cells, 1, sku)?;
            if let Some(key) = cells.maybe_int(0, "location_key")? {
                let location = self.location_at(cells, key)?;
                self.add_stock(cells, 7, location, item)?;
            }
        }
        Ok(())
    }

    /// Adds an item from the column of its key, unless it is there.
    pub(super) fn add_item(
        &mut self,
        cells: Cells<'_, impl Row>,
        at: usize,
        sku: &Sku,
    ) -> Result<Index<ItemSlot>, StoreError> {
        let key = cells.int(at, "sku_key")?;
        if let Some(index) = self.loaded.items.get(&key) {
            return Ok(*index);
        }
        let slot = ItemSlot {
            key: SkuKey(key),
            item: Arc::new(cells::item(cells, at.saturating_add(1), sku.clone())?),
        };
        let index = self.loaded.ws.items.load(sku.clone(), slot);
        self.loaded.items.insert(key, index);
        Ok(index)
    }

    pub(super) fn add_stock(
        &mut self,
        cells: Cells<'_, impl Row>,
        at: usize,
        location: Index<LocationSlot>,
        item: Index<ItemSlot>,
    ) -> Result<(), StoreError> {
        if self.loaded.ws.stocks.find(&(location, item)).is_none() {
            let index = self.loaded.ws.load_stock(location, item, cells::stock(cells, at)?);
            self.loaded.read.insert(index);
        }
        Ok(())
    }

    /// Loads the counters of the lines of named orders; those that have no row are zeros.
    pub(super) async fn load_stock_of_orders(&mut self, orders: &[Index<OrderSlot>]) -> Result<(), StoreError> {
        let (loaded, mut wanted) = (&self.loaded, BTreeMap::new());
        for index in orders {
            let OrderSlot { location, order, .. } = loaded.ws.orders.get(*index);
            let location_key = loaded.ws.location(*location).key.0;
            let items = order
                .lines
                .iter()
                .filter_map(|line| Some((line.sku_key.0, *loaded.items.get(&line.sku_key.0)?)));
            let unknown = items.filter(|(_, item)| loaded.ws.stocks.find(&(*location, *item)).is_none());
            wanted.extend(unknown.map(|(sku_key, item)| ((location_key, sku_key), (*location, item))));
        }
        let given = Load::StockByKey.pairs(wanted.keys().copied());
        for row in &self.find(Load::StockByKey, &given).await? {
            let cells = Cells::new(row, "stock", 2);
            let key = (cells.int(0, "location_key")?, cells.int(1, "sku_key")?);
            if let Some((location, item)) = wanted.remove(&key) {
                self.add_stock(cells, 2, location, item)?;
            }
        }
        for (location, item) in wanted.into_values() {
            self.loaded.ws.load_stock(location, item, Stock::default());
        }
        Ok(())
    }
}
