//! Loads what estimates look at: lines of queues, parts of locations, and what is still to be estimated.

use std::collections::BTreeSet;

use super::super::{StoreError, codec};
use super::Database;
use super::cells::Cells;
use super::load::{Loader, PlaceKey};
use super::statements::Load;
use crate::allocator::command::Reestimate;
use crate::allocator::day::{LOCATION_PAGE_MAX, SKEW};
use crate::allocator::estimate::{self, ESTIMATE_CHANGES_MAX};
use crate::allocator::footprint::Wants;
use crate::allocator::working_set::{DaySlot, Index, LocationPage, LocationSlot, StockSlot, WaitingLine, WaitingPage};
use crate::domain::Instant;
use crate::domain::ids::{LineNumber, LocationId, Sequence, Sku};
use crate::domain::order::OrderState;
use crate::domain::risk::Stage;

/// The most queues and locations that are told to be estimated at once: the others come when these are done.
const PENDING_MAX: i64 = 500;

impl<D: Database> Loader<'_, D> {
    /// Loads as of when locations were estimated.
    pub(super) async fn load_days(&mut self, ids: &[LocationId]) -> Result<(), StoreError> {
        let ws = &self.loaded.ws;
        let found = ids.iter().filter_map(|id| ws.locations.find(id));
        let given = Load::Days.ints(found.map(|location| ws.location(location).key.0));
        for row in &self.find(Load::Days, &given).await? {
            let cells = Cells::new(row, "estimated_days", 1);
            let location = self.location_at(cells, cells.int(0, "location_key")?)?;
            let day = DaySlot {
                location,
                begun_at: cells.instant(1, "begun_at_us")?,
                next_at: cells.instant(2, "next_at_us")?,
                walk: cells.maybe_parsed(3, "pending_walk", codec::from_json)?,
            };
            self.loaded.ws.days.load(location, day);
        }
        Ok(())
    }

    /// Loads the lines that walks of estimates look at, and the orders that will change.
    pub(super) async fn load_estimates(&mut self, wants: &Wants) -> Result<(), StoreError> {
        let (mut given, mut asked) = (Load::WaitingLines.rows(), Vec::new());
        for ((location_id, sku), lines) in &wants.estimates {
            let Some(stock) = self.loaded.ws.find_stock_of(location_id, sku) else {
                continue;
            };
            let (location_key, sku_key) = self.stock_key(stock);
            let pending = self.loaded.ws.stock(stock).stock.pending_estimate.as_ref();
            let after = pending.and_then(|pending| pending.after);
            let (sequence, line) = after.unwrap_or((Sequence(0), LineNumber(0)));
            let row = given.row().int(location_key).int(sku_key).int(sequence.0);
            row.int(line.0).int(*lines).end();
            asked.push((stock, *lines, Vec::new()));
        }
        for row in &self.find(Load::WaitingLines, &given).await? {
            let cells = Cells::new(row, "order_lines", 2);
            let line = WaitingLine {
                place: (
                    Sequence(cells.int(0, "sequence")?),
                    LineNumber(cells.int(1, "line_number")?),
                ),
                lacking: cells.units(2, "lacking")?,
                is_late: cells.int(3, "is_late")? != 0,
                promised_ship_date: cells.date(4, "promised_ship_date")?,
            };
            let queue = asked.get_mut(cells.at());
            let (_, _, lines) = queue.ok_or_else(|| cells.corrupt("sequence", &"it was not asked for"))?;
            lines.push(line);
        }
        let (mut changes_left, mut places) = (ESTIMATE_CHANGES_MAX, BTreeSet::new());
        for (stock, wanted, lines) in asked {
            let is_last = i64::try_from(lines.len()).is_ok_and(|came| came < wanted);
            places.extend(self.cut(stock, WaitingPage { lines, is_last }, &mut changes_left));
        }
        self.load_bystanders_at(&places).await
    }

    /// Notes a page of a queue on its counters, as far as this round takes it; answers the orders that will change.
    fn cut(&mut self, stock: Index<StockSlot>, page: WaitingPage, changes_left: &mut usize) -> Vec<PlaceKey> {
        let (location_key, _) = self.stock_key(stock);
        let ws = &mut self.loaded.ws;
        ws.stocks.note(stock).waiting = Some(page);
        let sequences = estimate::cut(ws, stock, changes_left).into_iter();
        sequences.map(|sequence| (location_key, sequence.0)).collect()
    }

    /// Loads the next parts of locations that are gone through.
    pub(super) async fn load_location_walks(&mut self, ids: &[LocationId]) -> Result<(), StoreError> {
        for id in ids {
            let ws = &self.loaded.ws;
            let Some(location) = ws.locations.find(id) else {
                continue;
            };
            let day = ws.days.find(&location).map(|day| ws.days.get(day));
            let page = match day.and_then(|day| day.walk.as_ref()).map(|walk| walk.stage) {
                None => continue,
                Some(Stage::Queues(after)) => self.stock_page(location, after.0).await?,
                Some(Stage::Released(after)) => self.order_page(location, OrderState::Released, after).await?,
                Some(Stage::Tentative(after)) => self.order_page(location, OrderState::Tentative, after).await?,
            };
            self.loaded.ws.pages.insert(location, page);
        }
        Ok(())
    }

    /// The counters of a location after a SKU's key, of what orders wait for.
    async fn stock_page(&mut self, location: Index<LocationSlot>, after: i64) -> Result<LocationPage, StoreError> {
        let mut given = Load::StockPage.rows();
        let key = self.loaded.ws.location(location).key.0;
        given.row().int(key).int(after).int(LOCATION_PAGE_MAX).end();
        let rows = self.find(Load::StockPage, &given).await?;
        let mut page = LocationPage::default();
        for row in &rows {
            let cells = Cells::new(row, "stock", 2);
            page.last = Some(cells.int(1, "sku_key")?);
            if cells.int(9, "backlog")? > 0 {
                let item = self.add_item(cells, 1, &cells.parsed(13, "sku", Sku::parse)?)?;
                self.add_stock(cells, 7, location, item)?;
                page.stocks.extend(self.loaded.ws.stocks.find(&(location, item)));
            }
        }
        page.last = page.last.filter(|_| is_full(rows.len()));
        Ok(page)
    }

    /// The open orders of a location in a state, after a place.
    async fn order_page(
        &mut self,
        location: Index<LocationSlot>,
        state: OrderState,
        after: Sequence,
    ) -> Result<LocationPage, StoreError> {
        let place = self.loaded.ws.location(location);
        let (key, mut given) = (place.key.0, Load::ListOpenOrders.rows());
        let row = given.row().text(place.location.location_id.as_str()).int(after.0);
        let row = row.int(LOCATION_PAGE_MAX).int(codec::order_state_number(state));
        row.maybe_text(None).maybe_int(None).end();
        let mut places = BTreeSet::new();
        for row in &self.find(Load::ListOpenOrders, &given).await? {
            places.insert((key, Cells::new(row, "orders", 2).int(0, "sequence")?));
        }
        self.load_bystanders_at(&places).await?;
        Ok(LocationPage {
            stocks: Vec::new(),
            orders: places.iter().filter_map(|place| self.order_at(*place)).collect(),
            last: places.last().map(|(_, last)| *last).filter(|_| is_full(places.len())),
        })
    }
}

/// Whether a page has as many rows as it may have, so that there may be more.
fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|rows| rows >= LOCATION_PAGE_MAX)
}

/// What waits to be estimated anew by an instant.
pub(super) async fn pending<D: Database>(database: &mut D, now: Instant) -> Result<Vec<Reestimate>, StoreError> {
    let mut given = Load::PendingEstimates.rows();
    let row = given.row().int(now.timestamp_micros()).int(PENDING_MAX);
    row.int((now + SKEW).timestamp_micros()).end();
    let rows = database.load(Load::PendingEstimates, &given).await?;
    let listed = rows.iter().map(|row| {
        let cells = Cells::new(row, "locations", 2);
        Ok(Reestimate {
            location_id: cells.parsed(0, "location_id", LocationId::parse)?,
            sku: cells.maybe_parsed(1, "sku", Sku::parse)?,
        })
    });
    listed.collect()
}
