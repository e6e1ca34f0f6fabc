//! Loads what a round wants beside its footprint: heads of queues, open inbounds, holders, units ahead.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{StoreError, codec};
use super::Database;
use super::cells::Cells;
use super::load::{Loader, PlaceKey};
use super::statements::Load;
use crate::allocator::footprint::Wants;
use crate::allocator::working_set::{Index, Known, OpenInbound, OrderSlot, Place, StockSlot};
use crate::domain::ids::{InboundId, LineNumber, LocationId, OrderId, Sequence, Sku};
use crate::domain::quantity::Units;

/// A SKU at a location, by keys.
type StockKey = (i64, i64);

/// A line that lacks units: its place in its queue, its order, its position there.
type Asked = (Place, Index<OrderSlot>, usize);

impl<D: Database> Loader<'_, D> {
    /// Loads what is wanted.
    pub(in crate::store) async fn load_wants(&mut self, wants: &Wants) -> Result<(), StoreError> {
        if wants.is_empty() {
            return Ok(());
        }
        // What only such rounds note on rows is not for others.
        let is_plain = wants.queues.is_empty() && wants.holders.is_empty() && wants.estimates.is_empty();
        self.loaded.is_everywhere &= is_plain && wants.ahead.is_empty() && wants.location_walks.is_empty();
        let heads = self.find_queue_heads(wants).await?;
        let holders = self.find_holders(&wants.holders).await?;
        let places: BTreeSet<PlaceKey> = heads
            .values()
            .flatten()
            .map(|(place, _)| *place)
            .chain(holders)
            .collect();
        self.load_bystanders_at(&places).await?;
        for (stock, lines) in heads {
            self.set_queue(wants, stock, &lines)?;
        }
        for stock in self.stocks_of(&wants.holders).into_values() {
            self.loaded.ws.stocks.note(stock).holders_known = true;
        }
        self.load_open_inbounds(&wants.inbounds).await?;
        self.load_estimates(wants).await?;
        self.load_location_walks(&wants.location_walks).await?;
        self.load_calendars(&wants.explained).await?;
        self.load_units_ahead(wants).await
    }

    /// Notes on orders the calendars that their promises were made with.
    async fn load_calendars(&mut self, orders: &[OrderId]) -> Result<(), StoreError> {
        let found = orders.iter().filter_map(|id| self.loaded.ws.orders.find(id));
        let orders: Vec<_> = found
            .map(|index| {
                (
                    index,
                    (self.place_of(index).0, self.loaded.ws.order(index).calendar_version),
                )
            })
            .collect();
        let given = Load::Calendars.pairs(orders.iter().map(|(_, version)| *version));
        for row in &self.find(Load::Calendars, &given).await? {
            let cells = Cells::new(row, "location_calendars", 2);
            let calendar = cells.parsed(2, "calendar", codec::from_json)?;
            let order = orders.get(cells.at());
            let (order, _) = order.ok_or_else(|| cells.corrupt("calendar_version", &"it was not asked for"))?;
            self.loaded.ws.orders.note(*order).calendar = Some(calendar);
        }
        Ok(())
    }

    /// Loaded counters among those that are wanted, by keys.
    fn stocks_of<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k (LocationId, Sku)>,
    ) -> BTreeMap<StockKey, Index<StockSlot>> {
        let found = keys
            .into_iter()
            .filter_map(|(location_id, sku)| self.loaded.ws.find_stock_of(location_id, sku));
        found.map(|index| (self.stock_key(index), index)).collect()
    }

    pub(super) fn stock_key(&self, stock: Index<StockSlot>) -> StockKey {
        let slot = self.loaded.ws.stock(stock);
        (
            self.loaded.ws.location(slot.location).key.0,
            self.loaded.ws.item(slot.item).key.0,
        )
    }

    /// The first lines of each queue that is wanted.
    async fn find_queue_heads(
        &mut self,
        wants: &Wants,
    ) -> Result<BTreeMap<Index<StockSlot>, Vec<(PlaceKey, LineNumber)>>, StoreError> {
        let (mut given, mut heads, mut stocks) = (Load::QueueHeads.rows(), BTreeMap::new(), Vec::new());
        for ((location_id, sku), lines) in &wants.queues {
            if let Some(stock) = self.loaded.ws.find_stock_of(location_id, sku).filter(|_| *lines > 0) {
                let (location_key, sku_key) = self.stock_key(stock);
                given.row().int(location_key).int(sku_key).int(*lines).end();
                heads.insert(stock, Vec::new());
                stocks.push(stock);
            }
        }
        for row in &self.find(Load::QueueHeads, &given).await? {
            let cells = Cells::new(row, "order_lines", 3);
            let stock = stocks
                .get(cells.at())
                .ok_or_else(|| cells.corrupt("sequence", &"it was not asked for"))?;
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let number = LineNumber(cells.int(2, "line_number")?);
            heads.entry(*stock).or_default().push((place, number));
        }
        Ok(heads)
    }

    /// Notes the head of a queue on its counters.
    fn set_queue(
        &mut self,
        wants: &Wants,
        stock: Index<StockSlot>,
        lines: &[(PlaceKey, LineNumber)],
    ) -> Result<(), StoreError> {
        let wanted = wants
            .queues
            .get(&self.loaded.ws.stock_ids(stock))
            .copied()
            .unwrap_or_default();
        let mut last = None;
        for (place, number) in lines {
            let order = self.order_at(*place).ok_or_else(|| StoreError::Corrupt {
                table: "order_lines",
                column: "sequence",
                row: format!("{}/{}/{number}", place.0, place.1),
                detail: "there is no such order".to_owned(),
            })?;
            let place = (Sequence(place.1), *number);
            last = Some(place);
            self.loaded.ws.stocks.note(stock).queue.insert(place, order);
        }
        let is_whole = i64::try_from(lines.len()).is_ok_and(|came| came < wanted);
        self.loaded.ws.stocks.note(stock).queue_known = match last {
            Some(last) if !is_whole => Known::Through(last),
            _ => Known::All,
        };
        Ok(())
    }

    /// The places of open orders that hold units of a SKU: one walk along the open orders of each location.
    async fn find_holders(&mut self, wanted: &[(LocationId, Sku)]) -> Result<Vec<PlaceKey>, StoreError> {
        let mut by_location: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (location_key, sku_key) in self.stocks_of(wanted).into_keys() {
            by_location.entry(location_key).or_default().push(sku_key);
        }
        let mut given = Load::Holders.rows();
        for (location_key, sku_keys) in &by_location {
            given.row().int(*location_key).text(&codec::to_json(sku_keys)).end();
        }
        let rows = self.find(Load::Holders, &given).await?;
        let places = rows.iter().map(|row| {
            let cells = Cells::new(row, "orders", 2);
            Ok((cells.int(0, "location_key")?, cells.int(1, "sequence")?))
        });
        places.collect()
    }

    async fn load_open_inbounds(&mut self, wanted: &[(LocationId, Sku)]) -> Result<(), StoreError> {
        let mut stocks = self.stocks_of(wanted);
        stocks.retain(|_, stock| self.loaded.ws.stock(*stock).inbounds.is_none());
        for stock in stocks.values() {
            self.loaded.ws.stocks.note(*stock).inbounds = Some(Vec::new());
            self.loaded.read.insert(*stock);
        }
        let given = Load::OpenInbounds.pairs(stocks.keys().copied());
        for row in &self.find(Load::OpenInbounds, &given).await? {
            let cells = Cells::new(row, "inbound_lines", 3);
            let inbound_id = cells.parsed(2, "inbound_id", InboundId::parse)?;
            let open = OpenInbound {
                inbound_id,
                expected_date: cells.date(3, "expected_date")?,
                open: cells.units(4, "open")?,
            };
            let stock = stocks.get(&(cells.int(0, "location_key")?, cells.int(1, "sku_key")?));
            let stock = stock.ok_or_else(|| cells.corrupt("sku_key", &"it was not asked for"))?;
            self.loaded
                .ws
                .stocks
                .note(*stock)
                .inbounds
                .get_or_insert_default()
                .push(open);
        }
        Ok(())
    }

    /// Tells the units ahead of each line of the orders that are asked for: one pass along each queue, from one asked
    /// place to the next.
    async fn load_units_ahead(&mut self, wants: &Wants) -> Result<(), StoreError> {
        let mut asked: BTreeMap<StockKey, Vec<Asked>> = BTreeMap::new();
        for id in &wants.ahead {
            let Some(index) = self.loaded.ws.orders.find(id) else {
                continue;
            };
            let (location_key, _) = self.place_of(index);
            let slot = self.loaded.ws.orders.note(index);
            slot.units_ahead = vec![Units::ZERO; slot.order.lines.len()];
            slot.lines_ahead = vec![0; slot.order.lines.len()];
            for (at, line) in slot
                .order
                .lines
                .iter()
                .enumerate()
                .filter(|(_, line)| !line.lacking.is_zero())
            {
                let place = (slot.order.sequence, line.number);
                asked
                    .entry((location_key, line.sku_key.0))
                    .or_default()
                    .push((place, index, at));
            }
        }
        let mut given = Load::UnitsAhead.rows();
        for ((location_key, sku_key), lines) in &mut asked {
            lines.sort_unstable_by_key(|(place, ..)| *place);
            let mut low = (Sequence(0), LineNumber(0));
            for (high, ..) in lines {
                let row = given.row().int(*location_key).int(*sku_key).int(low.0.0).int(low.1.0);
                row.int(high.0.0).int(high.1.0).end();
                low = *high;
            }
        }
        let sums = self.find(Load::UnitsAhead, &given).await?;
        let mut sums = sums.iter().map(|row| {
            let cells = Cells::new(row, "order_lines", 0);
            Ok((cells.units(0, "lacking")?, cells.int(1, "line_number")?))
        });
        for lines in asked.into_values() {
            let (mut units_ahead, mut lines_ahead) = (Units::ZERO, 0_i64);
            for (_, order, at) in lines {
                let (units, lines) = sums.next().unwrap_or(Ok((Units::ZERO, 0)))?;
                units_ahead += units;
                lines_ahead = lines_ahead.saturating_add(lines);
                let slot = self.loaded.ws.orders.note(order);
                slot.units_ahead
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|ahead| *ahead = units_ahead);
                slot.lines_ahead
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|ahead| *ahead = lines_ahead);
            }
        }
        Ok(())
    }
}
