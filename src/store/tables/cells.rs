//! Rows ⇄ domain. No row is trusted: one that does not fit is named with its table, column and key.

use std::borrow::Cow;

use super::super::{StoreError, codec};
use super::{Found, Row};
use crate::domain::catalog::Item;
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, InboundId, LineNumber, OrderId, Sequence, Sku, SkuKey};
use crate::domain::inbound::Inbound;
use crate::domain::money::{Amount, Currency};
use crate::domain::order::{Order, OrderLine};
use crate::domain::quantity::{Quantity, Units};
use crate::domain::stock::Stock;
use crate::domain::{Date, Instant};

/// The cells of a row, read by position. The first `keys` of them name the row when one is corrupt.
#[derive(Debug)]
pub(in crate::store) struct Cells<'r, R> {
    found: &'r Found<R>,
    table: &'static str,
    keys: usize,
}

impl<R> Clone for Cells<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Cells<'_, R> {}

type Cell<T> = Result<T, StoreError>;

impl<'r, R: Row> Cells<'r, R> {
    /// The cells of a row of a table.
    pub(in crate::store) fn new(found: &'r Found<R>, table: &'static str, keys: usize) -> Self {
        Self { found, table, keys }
    }

    /// The position of the given row that found this one.
    pub(super) fn at(&self) -> usize {
        self.found.at
    }

    /// Says that a cell does not fit.
    pub(in crate::store) fn corrupt(&self, column: &'static str, detail: &impl ToString) -> StoreError {
        let row = (0..self.keys).map(|at| self.key(at)).collect::<Vec<_>>().join("/");
        StoreError::Corrupt {
            table: self.table,
            column,
            row,
            detail: detail.to_string(),
        }
    }

    fn key(&self, at: usize) -> String {
        let row = &self.found.row;
        let number = row.int(at).ok().flatten().map(|number| number.to_string());
        number
            .or_else(|| row.text(at).ok().flatten().map(str::to_owned))
            .unwrap_or_else(|| "?".to_owned())
    }

    fn present<T>(&self, cell: Option<T>, column: &'static str) -> Cell<T> {
        cell.ok_or_else(|| self.corrupt(column, &"the cell is empty"))
    }

    /// A number.
    pub(in crate::store) fn int(&self, at: usize, column: &'static str) -> Cell<i64> {
        self.present(self.maybe_int(at, column)?, column)
    }

    /// A number that may be absent.
    pub(super) fn maybe_int(&self, at: usize, column: &'static str) -> Cell<Option<i64>> {
        self.found.row.int(at).map_err(|error| self.corrupt(column, &error))
    }

    /// A text.
    pub(in crate::store) fn text(&self, at: usize, column: &'static str) -> Cell<&'r str> {
        self.present(self.maybe_text(at, column)?, column)
    }

    /// A text that may be absent.
    pub(super) fn maybe_text(&self, at: usize, column: &'static str) -> Cell<Option<&'r str>> {
        self.found.row.text(at).map_err(|error| self.corrupt(column, &error))
    }

    /// A text that has to be parsed.
    pub(super) fn parsed<T, E: ToString>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Cell<T> {
        parse(self.text(at, column)?).map_err(|error| self.corrupt(column, &error))
    }

    /// A text that has to be parsed, unless it is absent.
    pub(super) fn maybe_parsed<T, E: ToString>(
        &self,
        at: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Cell<Option<T>> {
        self.maybe_text(at, column)?
            .map(parse)
            .transpose()
            .map_err(|error| self.corrupt(column, &error))
    }

    /// A count.
    pub(super) fn units(&self, at: usize, column: &'static str) -> Cell<Units> {
        let number = self.int(at, column)?;
        Units::new(number).ok_or_else(|| self.corrupt(column, &format!("{number} is no count of units")))
    }

    /// A count that may be absent.
    pub(super) fn maybe_units(&self, at: usize, column: &'static str) -> Cell<Option<Units>> {
        let number = self.maybe_int(at, column)?;
        let units = number.map(|number| {
            Units::new(number).ok_or_else(|| self.corrupt(column, &format!("{number} is no count of units")))
        });
        units.transpose()
    }

    /// An instant.
    pub(super) fn instant(&self, at: usize, column: &'static str) -> Cell<Instant> {
        codec::instant(self.int(at, column)?).map_err(|error| self.corrupt(column, &error))
    }

    /// An instant that may be absent.
    pub(super) fn maybe_instant(&self, at: usize, column: &'static str) -> Cell<Option<Instant>> {
        self.maybe_int(at, column)?
            .map(codec::instant)
            .transpose()
            .map_err(|error| self.corrupt(column, &error))
    }

    /// A civil date.
    pub(super) fn date(&self, at: usize, column: &'static str) -> Cell<Date> {
        self.present(self.maybe_date(at, column)?, column)
    }

    /// A civil date that may be absent.
    pub(super) fn maybe_date(&self, at: usize, column: &'static str) -> Cell<Option<Date>> {
        self.found.row.date(at).map_err(|error| self.corrupt(column, &error))
    }

    /// An amount in two cells that may both be absent.
    pub(super) fn maybe_amount(&self, at: usize, column: &'static str) -> Cell<Option<Amount>> {
        let Some(units) = self.maybe_int(at, column)? else {
            return Ok(None);
        };
        let nanos = self.int(at.saturating_add(1), column)?;
        let nanos = i32::try_from(nanos).map_err(|error| self.corrupt(column, &error))?;
        Amount::parse(units, nanos)
            .map(Some)
            .map_err(|error| self.corrupt(column, &error))
    }
}

/// An item's columns from a position: display name, whether backorderable, lead time, most backlog, safety stock.
pub(super) fn item(cells: Cells<'_, impl Row>, at: usize, sku: Sku) -> Cell<Item> {
    let days = cells.maybe_int(at + 2, "lead_time_days")?;
    let lead_time_days = days
        .map(u16::try_from)
        .transpose()
        .map_err(|error| cells.corrupt("lead_time_days", &error))?;
    Ok(Item {
        sku,
        display_name: cells.text(at, "display_name")?.to_owned(),
        backorderable: cells.int(at + 1, "backorderable")? != 0,
        lead_time_days,
        max_backlog: cells.maybe_units(at + 3, "max_backlog")?,
        safety_stock: cells.units(at + 4, "safety_stock")?,
    })
}

/// Counters from a position; zeros where there is no row.
pub(super) fn stock(cells: Cells<'_, impl Row>, at: usize) -> Cell<Stock> {
    if cells.maybe_int(at, "on_hand")?.is_none() {
        return Ok(Stock::default());
    }
    Ok(Stock {
        on_hand: cells.units(at, "on_hand")?,
        allocated: cells.units(at + 1, "allocated")?,
        backlog: cells.units(at + 2, "backlog")?,
        pending_refill: cells.maybe_parsed(at + 3, "pending_refill", codec::from_json)?,
        late_lines: cells.int(at + 4, "late_lines")?,
        pending_estimate: cells.maybe_parsed(at + 5, "pending_estimate", codec::from_json)?,
    })
}

/// An order without its lines, from all columns but the first, its location.
pub(super) fn order(cells: Cells<'_, impl Row>) -> Cell<Order> {
    let state = codec::order_state(cells.int(3, "state")?).map_err(|error| cells.corrupt("state", &error))?;
    let handling: Option<codec::Handling> = cells.maybe_parsed(14, "shipment", codec::from_json)?;
    let mut order = Order {
        sequence: Sequence(cells.int(1, "sequence")?),
        order_id: cells.parsed(2, "order_id", OrderId::parse)?,
        state,
        lacking: cells.units(4, "lacking")?,
        at_risk: cells.int(17, "at_risk")? != 0,
        currency: cells.maybe_parsed(5, "currency", Currency::parse)?,
        placed_at: cells.instant(6, "placed_at_us")?,
        promised_ship_date: cells.date(7, "promised_ship_date")?,
        calendar_version: cells.int(8, "calendar_version")?,
        zone_database: cells
            .maybe_parsed(18, "zone_database", |text| Ok::<_, String>(Cow::Owned(text.to_owned())))?
            .unwrap_or_default(),
        terms: cells.maybe_parsed(9, "terms", codec::from_json)?.unwrap_or_default(),
        released_at: cells.maybe_instant(10, "released_at_us")?,
        release_cause: None,
        acknowledged_at: None,
        ship_by_date: cells.maybe_date(11, "ship_by_date")?,
        shipped_at: cells.maybe_instant(12, "shipped_at_us")?,
        cancelled_at: cells.maybe_instant(13, "cancelled_at_us")?,
        shipment: None,
        event_sequence: EventSequence(cells.int(15, "event_sequence")?),
        confirmed_at: cells.maybe_instant(16, "confirmed_at_us")?,
        lines: Vec::new(),
    };
    handling.unwrap_or_default().put_on(&mut order);
    Ok(order)
}

/// A line, from all columns but the first two, its order's place.
pub(super) fn line(cells: Cells<'_, impl Row>, sku: Sku) -> Cell<OrderLine> {
    let quantity = Quantity::parse(cells.int(4, "quantity")?).map_err(|error| cells.corrupt("quantity", &error))?;
    let line = OrderLine {
        number: LineNumber(cells.int(2, "line_number")?),
        sku,
        sku_key: SkuKey(cells.int(3, "sku_key")?),
        quantity,
        cancelled: cells.units(5, "cancelled")?,
        lacking: cells.units(6, "lacking")?,
        is_late: cells.int(14, "is_late")? != 0,
        price: cells.maybe_amount(7, "price_units")?,
        refunded: cells.maybe_amount(9, "refunded_units")?.unwrap_or(Amount::ZERO),
        ready_date: cells.date(11, "ready_date")?,
        promised_ship_date: cells.date(12, "promised_ship_date")?,
        basis: cells
            .maybe_parsed(13, "basis", codec::from_json)?
            .unwrap_or_else(|| codec::all_on_hand(quantity.units())),
    };
    let known = line
        .cancelled
        .checked_add(line.lacking)
        .filter(|known| *known <= quantity.units());
    known
        .map(|_| line)
        .ok_or_else(|| cells.corrupt("lacking", &"more is cancelled and lacking than was ordered"))
}

/// An inbound without its lines, from all columns but the first two, its keys.
pub(super) fn inbound(cells: Cells<'_, impl Row>) -> Cell<Inbound> {
    Ok(Inbound {
        inbound_id: cells.parsed(2, "inbound_id", InboundId::parse)?,
        expected_date: cells.date(3, "expected_date")?,
        state: codec::inbound_state(cells.int(4, "state")?).map_err(|error| cells.corrupt("state", &error))?,
        lines: Vec::new(),
    })
}

/// An event, from its number, instant, order and payload.
pub(super) fn event(cells: Cells<'_, impl Row>) -> Cell<Event> {
    Ok(Event {
        event_sequence: EventSequence(cells.int(0, "event_sequence")?),
        at: cells.instant(1, "at_us")?,
        order_id: cells.maybe_parsed(2, "order_id", OrderId::parse)?,
        payload: cells.parsed(3, "payload", codec::from_json)?,
    })
}
