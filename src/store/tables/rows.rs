//! Rows that a statement is given, as one array for each column.

use std::ops::Range;
use std::slice::IterMut;

use serde::Serialize;

use crate::domain::money::Amount;
use crate::domain::{Date, Instant};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// Numbers.
    Int,
    /// Texts, of which some are JSON.
    Text,
    /// Civil dates.
    Date,
}

/// The cells of a column.
#[derive(Debug)]
pub(in crate::store) enum Column {
    /// Numbers.
    Ints(Vec<Option<i64>>),
    /// Texts.
    Texts(Texts),
    /// Civil dates.
    Dates(Vec<Option<Date>>),
}

impl Column {
    /// Whether two rows are known to have the same cell. Of texts only absent ones are.
    pub(in crate::store) fn is_same(&self, one: usize, other: usize) -> bool {
        match self {
            Self::Ints(cells) => cells.get(one) == cells.get(other),
            Self::Dates(cells) => cells.get(one) == cells.get(other),
            Self::Texts(cells) => cells.get(one).is_none() && cells.get(other).is_none(),
        }
    }
}

/// Texts end to end.
#[derive(Debug, Default)]
pub(in crate::store) struct Texts {
    text: String,
    spans: Vec<Option<Range<usize>>>,
    /// The JSON that is being written.
    json: Vec<u8>,
}

impl Texts {
    /// The text of a row.
    pub(in crate::store) fn get(&self, row: usize) -> Option<&str> {
        let span = self.spans.get(row)?.clone()?;
        self.text.get(span)
    }

    /// Every text, in order.
    pub(in crate::store) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.spans.len()).map(|row| self.get(row))
    }

    fn push(&mut self, text: Option<&str>) {
        let span = text.map(|text| {
            let start = self.text.len();
            self.text.push_str(text);
            start..self.text.len()
        });
        self.spans.push(span);
    }

    fn push_json(&mut self, value: &impl Serialize) {
        let mut json = std::mem::take(&mut self.json);
        serde_json::to_writer(&mut json, value).expect("values of the domain have texts for keys and no failing parts");
        self.push(Some(std::str::from_utf8(&json).expect("JSON is text")));
        json.clear();
        self.json = json;
    }
}

/// Rows of some columns.
#[derive(Debug)]
pub(in crate::store) struct Rows {
    columns: Vec<Column>,
    count: usize,
}

impl Rows {
    /// No rows of such columns.
    pub(in crate::store) fn new(kinds: &[Kind]) -> Self {
        let columns = kinds.iter().map(|kind| match kind {
            Kind::Int => Column::Ints(Vec::new()),
            Kind::Text => Column::Texts(Texts::default()),
            Kind::Date => Column::Dates(Vec::new()),
        });
        Self {
            columns: columns.collect(),
            count: 0,
        }
    }

    /// Begins a row, which must get a cell for each column.
    pub(in crate::store) fn row(&mut self) -> RowCells<'_> {
        self.count = self.count.saturating_add(1);
        RowCells {
            columns: self.columns.iter_mut(),
        }
    }

    /// Drops all rows and keeps their room, so that a round of the same size needs none anew.
    pub(in crate::store) fn clear(&mut self) {
        for column in &mut self.columns {
            match column {
                Column::Ints(cells) => cells.clear(),
                Column::Dates(cells) => cells.clear(),
                Column::Texts(Texts { text, spans, .. }) => {
                    text.clear();
                    spans.clear();
                }
            }
        }
        self.count = 0;
    }

    /// How many rows there are.
    pub(in crate::store) fn count(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns.
    pub(in crate::store) fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// A row that is being given its cells.
#[derive(Debug)]
pub(in crate::store) struct RowCells<'a> {
    columns: IterMut<'a, Column>,
}

impl RowCells<'_> {
    fn next(&mut self) -> &mut Column {
        self.columns.next().expect("a row has no more cells than columns")
    }

    /// A number.
    pub(in crate::store) fn int(self, number: i64) -> Self {
        self.maybe_int(Some(number))
    }

    /// A number that may be absent.
    pub(in crate::store) fn maybe_int(mut self, number: Option<i64>) -> Self {
        match self.next() {
            Column::Ints(cells) => cells.push(number),
            other @ (Column::Texts(_) | Column::Dates(_)) => misplaced("number", other),
        }
        self
    }

    /// A text.
    pub(in crate::store) fn text(self, text: &str) -> Self {
        self.maybe_text(Some(text))
    }

    /// A text that may be absent.
    pub(in crate::store) fn maybe_text(mut self, text: Option<&str>) -> Self {
        match self.next() {
            Column::Texts(cells) => cells.push(text),
            other @ (Column::Ints(_) | Column::Dates(_)) => misplaced("text", other),
        }
        self
    }

    /// A value that the row keeps as JSON.
    pub(in crate::store) fn json(self, value: &impl Serialize) -> Self {
        self.maybe_json(Some(value))
    }

    /// A value that the row keeps as JSON, unless it is absent.
    pub(in crate::store) fn maybe_json(mut self, value: Option<&impl Serialize>) -> Self {
        match (self.next(), value) {
            (Column::Texts(cells), Some(value)) => cells.push_json(value),
            (Column::Texts(cells), None) => cells.push(None),
            (other @ (Column::Ints(_) | Column::Dates(_)), _) => misplaced("JSON", other),
        }
        self
    }

    /// A civil date.
    pub(in crate::store) fn date(self, date: Date) -> Self {
        self.maybe_date(Some(date))
    }

    /// A civil date that may be absent.
    pub(in crate::store) fn maybe_date(mut self, date: Option<Date>) -> Self {
        match self.next() {
            Column::Dates(cells) => cells.push(date),
            other @ (Column::Ints(_) | Column::Texts(_)) => misplaced("date", other),
        }
        self
    }

    /// An instant that may be absent.
    pub(in crate::store) fn maybe_instant(self, instant: Option<Instant>) -> Self {
        self.maybe_int(instant.map(|instant| instant.timestamp_micros()))
    }

    /// An amount in two cells, both empty when it is absent.
    pub(in crate::store) fn maybe_amount(self, amount: Option<Amount>) -> Self {
        let parts = amount.map(<(i64, i32)>::from);
        self.maybe_int(parts.map(|(units, _)| units))
            .maybe_int(parts.map(|(_, nanos)| i64::from(nanos)))
    }

    /// Ends the row.
    pub(in crate::store) fn end(mut self) {
        assert!(self.columns.next().is_none(), "a row has a cell for each column");
    }
}

fn misplaced(what: &str, column: &Column) -> ! {
    panic!("a {what} was put into {column:?}")
}
