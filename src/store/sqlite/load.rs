//! Loads a round's footprint: a fixed number of statements, each skipped when it has nothing to find.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::sqlite::SqliteRow;

use super::super::StoreError;
use super::arrays::{groups, list};
use super::configs::Configs;
use super::connection::Connection;
use super::kept::Kept;
use super::rows::{self, Cells};
use super::{locations, sql};
use crate::allocator::footprint::{Footprint, LAPSES_MAX};
use crate::allocator::working_set::{CatalogKeys, Index, ItemSlot, LocationSlot, OrderSlot, WorkingSet};
use crate::domain::Instant;
use crate::domain::ids::{LocationKey, OrderId, Sequence, Sku, SkuKey};
use crate::domain::order::Order;

/// An order's place in the database.
pub(super) type PlaceKey = (i64, i64);

/// A working set that is being filled from one transaction.
pub(super) struct Loader<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) configs: &'a Configs,
    pub(super) kept: Option<&'a Kept>,
    pub(super) ws: WorkingSet,
    pub(super) locations: HashMap<i64, Index<LocationSlot>>,
    pub(super) items: HashMap<i64, Index<ItemSlot>>,
}

impl<'a> Loader<'a> {
    /// Loads a footprint.
    pub(super) async fn load(
        connection: &'a mut Connection,
        configs: &'a Configs,
        kept: Option<&'a Kept>,
        footprint: &Footprint,
        now: Instant,
    ) -> Result<Self, StoreError> {
        let ws = WorkingSet::new(now);
        let mut loader = Self {
            connection,
            configs,
            kept,
            ws,
            locations: HashMap::new(),
            items: HashMap::new(),
        };
        if footprint.catalog {
            loader.load_catalog_keys().await?;
        }
        let orders = loader.fetch_orders(&footprint.orders).await?;
        let everywhere = loader.fetch_items_everywhere(&footprint.items).await?;
        let mut keys = locations::keys_of_locations(&orders, &everywhere)?;
        if !footprint.anywhere.is_empty() {
            keys.extend(loader.fetch_location_keys().await?);
        }
        loader
            .load_locations(&locations::ids_of_locations(footprint), &keys)
            .await?;
        loader.load_stock(&footprint.skus).await?;
        loader.load_anywhere(&footprint.anywhere).await?;
        loader.add_items_everywhere(&footprint.items, &everywhere)?;
        let named = loader.load_orders(&orders).await?;
        loader.load_stock_of_orders(&named).await?;
        loader.load_due().await?;
        loader.load_cancellations(&footprint.cancellations).await?;
        loader.load_receipts(&footprint.receipts).await?;
        loader.load_adjustments(&footprint.adjustments).await?;
        loader.load_inbounds(&footprint.inbounds).await?;
        Ok(loader)
    }

    async fn load_catalog_keys(&mut self) -> Result<(), StoreError> {
        let rows = self.connection.fetch(sql::LOAD_CATALOG_KEYS, []).await?;
        for row in &rows {
            let cells = Cells::new(row, "catalog", 0);
            let (location, sku) = (
                LocationKey(cells.int(0, "location_key")?),
                SkuKey(cells.int(1, "sku_key")?),
            );
            self.ws.catalog = Some(CatalogKeys { location, sku });
        }
        Ok(())
    }

    async fn fetch_orders(&mut self, orders: &[OrderId]) -> Result<Vec<SqliteRow>, StoreError> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        self.connection.fetch(sql::LOAD_ORDERS_BY_ID, [list(orders)]).await
    }

    async fn fetch_items_everywhere(&mut self, skus: &[Sku]) -> Result<Vec<SqliteRow>, StoreError> {
        if skus.is_empty() {
            return Ok(Vec::new());
        }
        self.connection.fetch(sql::LOAD_ITEMS_EVERYWHERE, [list(skus)]).await
    }

    /// The order at a place, if it is loaded.
    pub(super) fn order_at(&self, (location_key, sequence): PlaceKey) -> Option<Index<OrderSlot>> {
        self.ws
            .find_order_at(*self.locations.get(&location_key)?, Sequence(sequence))
    }

    /// The place of a loaded order.
    pub(super) fn place_of(&self, order: Index<OrderSlot>) -> PlaceKey {
        let slot = self.ws.orders.get(order);
        (self.ws.location(slot.location).key.0, slot.order.sequence.0)
    }

    /// Loads orders by their places, whole, unless they are loaded.
    pub(super) async fn load_orders_at(&mut self, places: &BTreeSet<PlaceKey>) -> Result<(), StoreError> {
        let unknown: Vec<_> = places
            .iter()
            .copied()
            .filter(|place| self.order_at(*place).is_none())
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let orders = self
            .connection
            .fetch(sql::LOAD_ORDERS_BY_PLACE, [groups(unknown)])
            .await?;
        self.load_orders(&orders).await.map(|_| ())
    }

    /// Loads tentative orders that have lapsed at loaded locations, and the counters of their lines.
    async fn load_due(&mut self) -> Result<(), StoreError> {
        if self.locations.is_empty() {
            return Ok(());
        }
        let keys: BTreeSet<i64> = self.ws.locations.iter().map(|(_, slot)| slot.key.0).collect();
        let limit = i64::try_from(LAPSES_MAX).unwrap_or(i64::MAX).saturating_add(1);
        let now = self.ws.now.timestamp_micros();
        let rows = self
            .connection
            .fetch(sql::LOAD_DUE, [list(&keys), now.into(), limit.into()])
            .await?;
        let due = self.load_orders(&rows).await?;
        self.load_stock_of_orders(&due).await?;
        self.ws.load_due(due);
        Ok(())
    }

    /// Loads the lines of orders, with their items, and adds the orders.
    async fn load_orders(&mut self, rows: &[SqliteRow]) -> Result<Vec<Index<OrderSlot>>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut orders: BTreeMap<PlaceKey, Order> = BTreeMap::new();
        for row in rows {
            let cells = Cells::new(row, "orders", 3);
            orders.insert(
                (cells.int(0, "location_key")?, cells.int(1, "sequence")?),
                rows::order(cells)?,
            );
        }
        let lines = self
            .connection
            .fetch(sql::LOAD_LINES, [groups(orders.keys().copied())])
            .await?;
        self.load_items_of(&lines, "order_lines").await?;
        for row in &lines {
            let cells = Cells::new(row, "order_lines", 3);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let line = rows::line(cells, self.sku_of(cells)?)?;
            let order = orders
                .get_mut(&place)
                .ok_or_else(|| cells.corrupt("sequence", &"there is no such order"))?;
            if usize::try_from(line.number.0) != Ok(order.lines.len().saturating_add(1)) {
                return Err(cells.corrupt("line_number", &"the lines are not numbered from 1 without gaps"));
            }
            order.lines.push(line);
        }
        let mut indexes = Vec::with_capacity(orders.len());
        for ((location_key, sequence), order) in orders {
            let location = self
                .locations
                .get(&location_key)
                .copied()
                .filter(|_| !order.lines.is_empty());
            let corrupt = || StoreError::Corrupt {
                table: "orders",
                column: "location_key",
                row: format!("{location_key}/{sequence}"),
                detail: "its location or its lines are missing".to_owned(),
            };
            indexes.push(self.ws.load_order(location.ok_or_else(corrupt)?, order));
        }
        Ok(indexes)
    }

    /// Loads the items of lines whose key stands in the fourth column, unless they are loaded.
    pub(super) async fn load_items_of(&mut self, lines: &[SqliteRow], table: &'static str) -> Result<(), StoreError> {
        let mut unknown = BTreeSet::new();
        for row in lines {
            let key = Cells::new(row, table, 3).int(3, "sku_key")?;
            if !self.items.contains_key(&key) {
                unknown.insert(key);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        for row in &self.connection.fetch(sql::LOAD_ITEMS_BY_KEY, [list(&unknown)]).await? {
            let cells = Cells::new(row, "items", 2);
            let (key, sku) = (cells.int(0, "sku_key")?, cells.parsed(1, "sku", Sku::parse)?);
            let slot = ItemSlot {
                key: SkuKey(key),
                item: rows::item(cells, 2, sku.clone())?,
            };
            let index = self.ws.items.load(sku, slot);
            self.items.insert(key, index);
        }
        Ok(())
    }

    /// The SKU of a line whose key stands in the fourth column.
    pub(super) fn sku_of(&self, cells: Cells<'_>) -> Result<Sku, StoreError> {
        let index = self.items.get(&cells.int(3, "sku_key")?);
        let index = index.ok_or_else(|| cells.corrupt("sku_key", &"there is no such item"))?;
        Ok(self.ws.item(*index).item.sku.clone())
    }
}
