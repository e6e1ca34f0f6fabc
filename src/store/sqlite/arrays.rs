//! JSON arrays of rows, which statements unpack: one parameter, whatever the number of rows.

use serde::Serialize;

use super::connection::Parameter;
use crate::domain::money::Amount;
use crate::domain::{Date, Instant};

/// An array of rows, each an array of cells.
#[derive(Debug)]
pub(super) struct Rows {
    json: Vec<u8>,
    count: u64,
}

impl Rows {
    /// No rows.
    pub(super) fn new() -> Self {
        Self {
            json: vec![b'['],
            count: 0,
        }
    }

    /// Begins a row.
    pub(super) fn row(&mut self) -> Row<'_> {
        if self.count > 0 {
            self.json.push(b',');
        }
        self.count = self.count.saturating_add(1);
        self.json.push(b'[');
        Row {
            json: &mut self.json,
            first: true,
        }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none: the statement can be skipped.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl From<Rows> for Parameter {
    fn from(mut rows: Rows) -> Self {
        rows.json.push(b']');
        text(rows.json)
    }
}

/// A row that is being written.
#[derive(Debug)]
pub(super) struct Row<'a> {
    json: &'a mut Vec<u8>,
    first: bool,
}

impl Row<'_> {
    fn cell(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        if !self.first {
            self.json.push(b',');
        }
        self.first = false;
        write(self.json, value);
        self
    }

    /// A number.
    pub(super) fn int(self, number: i64) -> Self {
        self.cell(&number)
    }

    /// A number that may be absent.
    pub(super) fn maybe_int(self, number: Option<i64>) -> Self {
        self.cell(&number)
    }

    /// A text.
    pub(super) fn text(self, text: &str) -> Self {
        self.cell(text)
    }

    /// A text that may be absent.
    pub(super) fn maybe_text(self, text: Option<&str>) -> Self {
        self.cell(&text)
    }

    /// A value that the row keeps as JSON.
    pub(super) fn json(self, value: &impl Serialize) -> Self {
        self.cell(value)
    }

    /// A civil date.
    pub(super) fn date(self, date: Date) -> Self {
        self.cell(&date)
    }

    /// A civil date that may be absent.
    pub(super) fn maybe_date(self, date: Option<Date>) -> Self {
        self.cell(&date)
    }

    /// An instant that may be absent.
    pub(super) fn maybe_instant(self, instant: Option<Instant>) -> Self {
        self.maybe_int(instant.map(|instant| instant.timestamp_micros()))
    }

    /// An amount in two cells, both empty when it is absent.
    pub(super) fn maybe_amount(self, amount: Option<Amount>) -> Self {
        let parts = amount.map(<(i64, i32)>::from);
        self.maybe_int(parts.map(|(units, _)| units))
            .maybe_int(parts.map(|(_, nanos)| i64::from(nanos)))
    }

    /// Ends the row.
    pub(super) fn end(self) {
        self.json.push(b']');
    }
}

/// An array of values.
pub(super) fn list<T: Serialize>(values: impl IntoIterator<Item = T>) -> Parameter {
    let mut json = vec![b'['];
    for value in values {
        if json.len() > 1 {
            json.push(b',');
        }
        write(&mut json, &value);
    }
    json.push(b']');
    text(json)
}

/// An array of `[key, [value, …]]`, a run of equal keys each.
pub(super) fn groups<T: Serialize>(pairs: impl IntoIterator<Item = (i64, T)>) -> Parameter {
    let mut json = vec![b'['];
    let mut current = None;
    for (key, value) in pairs {
        if current == Some(key) {
            json.push(b',');
        } else {
            if current.is_some() {
                json.extend_from_slice(b"]],");
            }
            json.push(b'[');
            write(&mut json, &key);
            json.extend_from_slice(b",[");
            current = Some(key);
        }
        write(&mut json, &value);
    }
    if current.is_some() {
        json.extend_from_slice(b"]]");
    }
    json.push(b']');
    text(json)
}

/// Writes the JSON of a value.
pub(super) fn write(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(json, value).expect("values of the domain have texts for keys and no failing parts");
}

fn text(json: Vec<u8>) -> Parameter {
    Parameter::Text(String::from_utf8(json).expect("JSON is UTF-8"))
}
