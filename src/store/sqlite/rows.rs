//! Rows and cells, from and to SQLite.

use foldhash::HashMap;
use rusqlite::Statement;
use rusqlite::types::Value;

use super::super::codec;
use super::super::tables::Row;
use super::super::tables::rows::{Column, Rows};
use crate::domain::Date;

/// A row that was read.
#[derive(Debug)]
pub(super) struct SqliteRow(Vec<Value>);

impl SqliteRow {
    /// Copies the row that a statement stands on.
    pub(super) fn of(row: &rusqlite::Row<'_>, columns: usize) -> Result<Self, rusqlite::Error> {
        (0..columns).map(|at| row.get(at)).collect::<Result<_, _>>().map(Self)
    }

    /// The text of a cell that has one.
    pub(super) fn key(&self, at: usize) -> String {
        self.text(at).ok().flatten().unwrap_or_default().to_owned()
    }
}

impl Row for SqliteRow {
    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        match self.0.get(at) {
            Some(Value::Integer(number)) => Ok(Some(*number)),
            Some(Value::Null) => Ok(None),
            other => Err(format!("{other:?} is no number")),
        }
    }

    fn text(&self, at: usize) -> Result<Option<&str>, String> {
        match self.0.get(at) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            other => Err(format!("{other:?} is no text")),
        }
    }

    fn date(&self, at: usize) -> Result<Option<Date>, String> {
        self.text(at)?.map(codec::date).transpose()
    }
}

/// Texts of dates: a round has few of them, many times.
pub(super) type DateTexts = HashMap<Date, String>;

/// Binds a row to a statement's parameters, those of its row at a position. What the parameters hold already, of the row
/// before, is left.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    rows: &Rows,
    (row, before): (usize, Option<usize>),
    position: usize,
    dates: &mut DateTexts,
) -> Result<(), rusqlite::Error> {
    let first = position.saturating_mul(rows.columns().len()).saturating_add(1);
    for (parameter, column) in (first..).zip(rows.columns()) {
        if before.is_some_and(|before| column.is_same(before, row)) {
            continue;
        }
        match column {
            Column::Ints(cells) => statement.raw_bind_parameter(parameter, cells.get(row).copied().flatten())?,
            Column::Texts(cells) => statement.raw_bind_parameter(parameter, cells.get(row))?,
            Column::Dates(cells) => {
                let date = cells.get(row).copied().flatten();
                let text = date.map(|date| dates.entry(date).or_insert_with(|| date.to_string()).as_str());
                statement.raw_bind_parameter(parameter, text)?;
            }
        }
    }
    Ok(())
}
