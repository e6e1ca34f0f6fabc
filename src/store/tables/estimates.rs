//! Loads what estimates look at: lines of queues, parts of locations, and what is still to be estimated.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{StoreError, codec};
use super::Database;
use super::cells::Cells;
use super::load::{Loader, PlaceKey};
use super::statements::Load;
use crate::allocator::command::Reestimate;
use crate::allocator::day::{LOCATION_PAGE_MAX, SKEW};
use crate::allocator::estimate::{self, ChangesLeft};
use crate::allocator::footprint::Wants;
use crate::allocator::working_set::{
    DaySlot, Index, LackingLine, LocationPage, LocationSlot, StockSlot, WaitingLine, WaitingOrder, WaitingPage,
};
use crate::domain::Instant;
use crate::domain::ids::{LineNumber, LocationId, OrderId, Sequence, Sku, SkuKey};
use crate::domain::order::OrderState;
use crate::domain::quantity::Units;
use crate::domain::risk::Stage;

/// The most queues and locations that are told to be estimated at once: the others come when these are done.
const PENDING_MAX: i64 = 500;

/// How many lines of a queue show how many more are to be loaded: where many change, fewer.
const FIRST_LINES: i64 = 64;

/// A walk along a queue, with the lines that are loaded for its next step.
#[derive(Debug)]
struct Walk {
    stock: Index<StockSlot>,
    /// The most lines that are to be loaded.
    wanted: i64,
    /// How many are asked for now.
    asked: i64,
    lines: Vec<WaitingLine>,
    is_last: bool,
}

/// What an order lacks in the queues of a round, with its lines there, or all that lack units.
#[derive(Debug, Default)]
struct Lacking {
    units: Units,
    lines: Vec<LackingLine>,
}

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
        let mut walks = Vec::new();
        for ((location_id, sku), wanted) in &wants.estimates {
            walks.extend(self.loaded.ws.find_stock_of(location_id, sku).map(|stock| Walk {
                stock,
                wanted: *wanted,
                asked: (*wanted).min(FIRST_LINES),
                lines: Vec::new(),
                is_last: false,
            }));
        }
        self.load_waiting_lines(&mut walks).await?;
        for walk in &mut walks {
            let more = estimate::lines_more(&self.loaded.ws, walk.stock, &walk.lines, wants.share);
            let rest = if walk.is_last {
                0
            } else {
                walk.wanted.saturating_sub(walk.asked)
            };
            walk.asked = rest.min(more);
        }
        self.load_waiting_lines(&mut walks).await?;
        let (mut changes, mut changing) = (ChangesLeft::of(wants.share), BTreeMap::new());
        for walk in walks {
            self.cut(walk, &mut changes, &mut changing);
        }
        self.load_waiting_orders(changing).await
    }

    /// Loads as many more lines of walks as each asks for.
    async fn load_waiting_lines(&mut self, walks: &mut [Walk]) -> Result<(), StoreError> {
        let (mut given, mut asking) = (Load::WaitingLines.rows(), Vec::new());
        for walk in walks.iter_mut().filter(|walk| walk.asked > 0) {
            let (location_key, sku_key) = self.stock_key(walk.stock);
            let pending = self.loaded.ws.stock(walk.stock).stock.pending_estimate.as_ref();
            let after = walk.lines.last().map(|line| line.place);
            let after = after.or(pending.and_then(|pending| pending.after));
            let (sequence, line) = after.unwrap_or((Sequence(0), LineNumber(0)));
            let row = given.row().int(location_key).int(sku_key).int(sequence.0);
            row.int(line.0).int(walk.asked).end();
            asking.push((walk, 0_i64));
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
            let asked = asking.get_mut(cells.at());
            let (walk, came) = asked.ok_or_else(|| cells.corrupt("sequence", &"it was not asked for"))?;
            walk.lines.push(line);
            *came = came.saturating_add(1);
        }
        for (walk, came) in asking {
            walk.is_last = came < walk.asked;
        }
        Ok(())
    }

    /// Notes a page of a queue on its counters, as far as this round takes it; adds the orders that will change, with their
    /// lines there.
    fn cut(&mut self, walk: Walk, changes: &mut ChangesLeft, changing: &mut BTreeMap<PlaceKey, Lacking>) {
        let (location_key, sku_key) = self.stock_key(walk.stock);
        let ws = &mut self.loaded.ws;
        let (lines, is_last) = (walk.lines, walk.is_last);
        ws.stocks.note(walk.stock).waiting = Some(WaitingPage { lines, is_last });
        let mut sequences = estimate::cut(ws, walk.stock, changes).into_iter().peekable();
        let lines = ws.stock(walk.stock).waiting.iter().flat_map(|page| &page.lines);
        for line in lines {
            let (sequence, number) = line.place;
            while sequences.next_if(|changes| *changes < sequence).is_some() {}
            if sequences.peek() == Some(&sequence) {
                let lacking = changing.entry((location_key, sequence.0)).or_default();
                lacking.units += line.lacking;
                lacking.lines.push(LackingLine {
                    number,
                    sku_key: SkuKey(sku_key),
                    is_late: line.is_late,
                    is_changed: false,
                });
            }
        }
    }

    /// Loads what estimates need of orders. Lines are loaded of those alone that lack units in queues beside those of the
    /// round.
    async fn load_waiting_orders(&mut self, mut changing: BTreeMap<PlaceKey, Lacking>) -> Result<(), StoreError> {
        let given = Load::WaitingOrders.pairs(changing.keys().copied());
        let (rows, mut elsewhere) = (self.find(Load::WaitingOrders, &given).await?, Vec::new());
        for row in &rows {
            let cells = Cells::new(row, "orders", 2);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let lacking = changing.get_mut(&place);
            let lacking = lacking.ok_or_else(|| cells.corrupt("sequence", &"it was not asked for"))?;
            if lacking.units < cells.units(4, "lacking")? {
                lacking.lines.clear();
                elsewhere.push(place);
            }
        }
        for row in &self
            .find(Load::LackingLines, &Load::LackingLines.pairs(elsewhere))
            .await?
        {
            let cells = Cells::new(row, "order_lines", 3);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let lacking = changing.get_mut(&place);
            let lacking = lacking.ok_or_else(|| cells.corrupt("sequence", &"it was not asked for"))?;
            lacking.lines.push(LackingLine {
                number: LineNumber(cells.int(2, "line_number")?),
                sku_key: SkuKey(cells.int(3, "sku_key")?),
                is_late: cells.int(4, "is_late")? != 0,
                is_changed: false,
            });
        }
        for row in &rows {
            let cells = Cells::new(row, "orders", 2);
            let place = (cells.int(0, "location_key")?, cells.int(1, "sequence")?);
            let mut lines = changing.remove(&place).unwrap_or_default().lines;
            lines.sort_unstable_by_key(|line| line.number);
            let (location, sequence) = (self.location_at(cells, place.0)?, Sequence(place.1));
            let order = WaitingOrder {
                location,
                sequence,
                order_id: cells.parsed(2, "order_id", OrderId::parse)?,
                promised_ship_date: cells.date(3, "promised_ship_date")?,
                at_risk: cells.int(5, "at_risk")? != 0,
                lines,
                event_sequence: None,
            };
            self.loaded.ws.waiting_orders.load((location, sequence), order);
        }
        Ok(())
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
