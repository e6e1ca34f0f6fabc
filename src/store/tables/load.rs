//! Loads a round's footprint: a fixed number of statements, each skipped when it has nothing to find.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::super::StoreError;
use super::cells::{self, Cells};
use super::configs::Configs;
use super::kept::Kept;
use super::statements::Load;
use super::{Database, Found, FoundRows, Row};
use crate::allocator::footprint::Footprint;
use crate::allocator::working_set::{CatalogKeys, Index, ItemSlot, LocationSlot, OrderSlot, StockSlot, WorkingSet};
use crate::domain::Instant;
use crate::domain::ids::{LocationKey, OrderId, Sequence, Sku, SkuKey};
use crate::domain::order::Order;

/// An order's place in the database.
pub(super) type PlaceKey = (i64, i64);

/// A working set, with what finds its rows by their keys.
#[derive(Debug)]
pub(in crate::store) struct Loaded {
    pub(in crate::store) ws: WorkingSet,
    pub(super) locations: HashMap<i64, Index<LocationSlot>>,
    pub(super) items: HashMap<i64, Index<ItemSlot>>,
    /// How often each location was written, by its key.
    pub(super) revisions: HashMap<i64, i64>,
    /// Keys of locations that were looked at without their lock.
    pub(super) unlocked: HashSet<i64>,
    /// Counters that were read from the database, or what is coming of them.
    pub(super) read: BTreeSet<Index<StockSlot>>,
    /// Instants not later than when the first payment of a tentative order is due, at locations where one is known, in
    /// microseconds, by their keys; [`NEVER`](super::due::NEVER) where none is.
    pub(super) deadlines: HashMap<i64, i64>,
    /// Whether what is asked for is loaded at every location.
    pub(super) is_everywhere: bool,
}

impl Loaded {
    /// Nothing yet.
    pub(in crate::store) fn new(now: Instant) -> Self {
        Self {
            ws: WorkingSet::new(now),
            locations: HashMap::default(),
            items: HashMap::default(),
            revisions: HashMap::default(),
            unlocked: HashSet::default(),
            read: BTreeSet::new(),
            deadlines: HashMap::default(),
            is_everywhere: false,
        }
    }
}

/// A working set that is being filled from one transaction.
pub(in crate::store) struct Loader<'a, D: Database> {
    pub(super) database: &'a mut D,
    pub(super) configs: &'a Configs,
    pub(super) kept: Option<&'a mut Kept>,
    pub(in crate::store) loaded: Loaded,
}

impl<'a, D: Database> Loader<'a, D> {
    /// Goes on with what is loaded.
    pub(in crate::store) fn new(
        database: &'a mut D,
        configs: &'a Configs,
        kept: Option<&'a mut Kept>,
        loaded: Loaded,
    ) -> Self {
        Self {
            database,
            configs,
            kept,
            loaded,
        }
    }

    /// Loads a footprint.
    pub(in crate::store) async fn load(&mut self, footprint: &Footprint) -> Result<(), StoreError> {
        let places = self.lock(footprint).await?;
        self.load_locked(footprint, places).await
    }

    /// Loads the locations of a footprint, and locks them if the transaction writes; answers the places of its orders, which
    /// tell theirs by the directory, which never changes for an id.
    pub(super) async fn lock(&mut self, footprint: &Footprint) -> Result<BTreeSet<PlaceKey>, StoreError> {
        let places = self.find_places(&footprint.orders).await?;
        self.load_locations(footprint, &places).await?;
        Ok(places)
    }

    /// Loads what may change of a footprint, once its locations are locked.
    pub(super) async fn load_locked(
        &mut self,
        footprint: &Footprint,
        mut places: BTreeSet<PlaceKey>,
    ) -> Result<(), StoreError> {
        if footprint.catalog {
            self.load_catalog_keys().await?;
        }
        let claimed = self.find_places(&footprint.claims).await?;
        self.load_locations_of(&claimed).await?;
        places.extend(claimed);
        self.load_stock(&footprint.skus).await?;
        self.load_anywhere(&footprint.anywhere).await?;
        self.load_items_everywhere(&footprint.items).await?;
        let named = self.load_orders_at(&places).await?;
        self.load_stock_of_orders(&named).await?;
        self.load_due().await?;
        self.load_cancellations(&footprint.cancellations).await?;
        self.load_receipts(&footprint.receipts).await?;
        self.load_adjustments(&footprint.adjustments).await?;
        self.load_inbounds(&footprint.inbounds).await?;
        self.load_days(&footprint.days).await
    }

    /// Finds rows, unless there is nothing to find them by.
    pub(super) async fn find(&mut self, statement: Load, given: &super::rows::Rows) -> FoundRows<D> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        self.database.load(statement, given).await
    }

    async fn load_catalog_keys(&mut self) -> Result<(), StoreError> {
        for row in &self.find(Load::CatalogKeys, &Load::CatalogKeys.nothing()).await? {
            let cells = Cells::new(row, "catalog", 0);
            let (location, sku) = (
                LocationKey(cells.int(0, "location_key")?),
                SkuKey(cells.int(1, "sku_key")?),
            );
            self.loaded.ws.catalog = Some(CatalogKeys { location, sku });
        }
        Ok(())
    }

    /// The places of orders that are stored.
    async fn find_places(&mut self, ids: &[OrderId]) -> Result<BTreeSet<PlaceKey>, StoreError> {
        let given = Load::Places.texts(ids.iter().map(OrderId::as_str));
        let mut places = BTreeSet::new();
        for row in &self.find(Load::Places, &given).await? {
            let cells = Cells::new(row, "order_directory", 2);
            places.insert((cells.int(0, "location_key")?, cells.int(1, "sequence")?));
        }
        Ok(places)
    }

    /// The order at a place, if it is loaded.
    pub(super) fn order_at(&self, (location_key, sequence): PlaceKey) -> Option<Index<OrderSlot>> {
        let location = *self.loaded.locations.get(&location_key)?;
        self.loaded.ws.find_order_at(location, Sequence(sequence))
    }

    /// The place of a loaded order.
    pub(super) fn place_of(&self, order: Index<OrderSlot>) -> PlaceKey {
        let ws = &self.loaded.ws;
        let slot = ws.orders.get(order);
        (ws.location(slot.location).key.0, slot.order.sequence.0)
    }

    /// Loads orders by their places, whole, unless they are loaded. Answers those that were not.
    pub(super) async fn load_orders_at(
        &mut self,
        places: &BTreeSet<PlaceKey>,
    ) -> Result<Vec<Index<OrderSlot>>, StoreError> {
        let unknown = places.iter().copied().filter(|place| self.order_at(*place).is_none());
        let given = Load::Orders.pairs(unknown);
        let rows = self.find(Load::Orders, &given).await?;
        let mut orders: BTreeMap<PlaceKey, Order> = BTreeMap::new();
        for row in &rows {
            let cells = Cells::new(row, "orders", 3);
            orders.insert(
                (cells.int(0, "location_key")?, cells.int(1, "sequence")?),
                cells::order(cells)?,
            );
        }
        let lines = self
            .find(Load::Lines, &Load::Lines.pairs(orders.keys().copied()))
            .await?;
        self.load_items_of(&lines, "order_lines").await?;
        for row in &lines {
            let cells = Cells::new(row, "order_lines", 3);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let line = cells::line(cells, self.sku_of(cells)?)?;
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
            let location = self.loaded.locations.get(&location_key).copied();
            let corrupt = || StoreError::Corrupt {
                table: "orders",
                column: "location_key",
                row: format!("{location_key}/{sequence}"),
                detail: "its location or its lines are missing".to_owned(),
            };
            let location = location.filter(|_| !order.lines.is_empty()).ok_or_else(corrupt)?;
            indexes.push(self.loaded.ws.load_order(location, order));
        }
        Ok(indexes)
    }

    /// Loads orders that no command may have named.
    pub(super) async fn load_bystanders_at(&mut self, places: &BTreeSet<PlaceKey>) -> Result<(), StoreError> {
        for order in self.load_orders_at(places).await? {
            self.loaded.ws.orders.note(order).is_bystander = true;
        }
        Ok(())
    }

    /// Loads the items of lines whose key stands in the fourth column, unless they are loaded.
    pub(super) async fn load_items_of(
        &mut self,
        lines: &[Found<D::Row>],
        table: &'static str,
    ) -> Result<(), StoreError> {
        let mut unknown = BTreeSet::new();
        for row in lines {
            let key = Cells::new(row, table, 3).int(3, "sku_key")?;
            if !self.loaded.items.contains_key(&key) {
                unknown.insert(key);
            }
        }
        for row in &self.find(Load::ItemsByKey, &Load::ItemsByKey.ints(unknown)).await? {
            let cells = Cells::new(row, "items", 2);
            let (key, sku) = (cells.int(0, "sku_key")?, cells.parsed(1, "sku", Sku::parse)?);
            let slot = ItemSlot {
                key: SkuKey(key),
                item: Arc::new(cells::item(cells, 2, sku.clone())?),
            };
            let index = self.loaded.ws.items.load(sku, slot);
            self.loaded.items.insert(key, index);
        }
        Ok(())
    }

    /// The SKU of a line whose key stands in the fourth column.
    pub(super) fn sku_of(&self, cells: Cells<'_, impl Row>) -> Result<Sku, StoreError> {
        let index = self.loaded.items.get(&cells.int(3, "sku_key")?);
        let index = index.ok_or_else(|| cells.corrupt("sku_key", &"there is no such item"))?;
        Ok(self.loaded.ws.item(*index).item.sku.clone())
    }
}
