//! Rows and cells, from and to PostgreSQL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, Row as _, TypeInfo as _, ValueRef as _};

use super::super::tables::rows::{Column, Rows};
use super::super::tables::{Found, Row};
use crate::domain::Date;

/// A row that was read. Its first column is the position of what found it.
#[derive(Debug)]
pub(super) struct PostgresRow(PgRow);

impl PostgresRow {
    /// Takes the position off a row.
    pub(super) fn found(row: PgRow) -> Result<Found<Self>, sqlx::Error> {
        let at: i64 = row.try_get(0)?;
        let at = usize::try_from(at).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Found { at, row: Self(row) })
    }
}

impl Row for PostgresRow {
    fn int(&self, at: usize) -> Result<Option<i64>, String> {
        let at = at.saturating_add(1);
        let said = |error: sqlx::Error| error.to_string();
        let cell = self.0.try_get_raw(at).map_err(said)?;
        let number = match cell.type_info().name() {
            "INT2" => self.0.try_get::<Option<i16>, _>(at).map(|number| number.map(i64::from)),
            "INT4" => self.0.try_get::<Option<i32>, _>(at).map(|number| number.map(i64::from)),
            _ => self.0.try_get(at),
        };
        number.map_err(said)
    }

    fn text(&self, at: usize) -> Result<Option<&str>, String> {
        self.0.try_get(at.saturating_add(1)).map_err(|error| error.to_string())
    }

    fn date(&self, at: usize) -> Result<Option<Date>, String> {
        self.0.try_get(at.saturating_add(1)).map_err(|error| error.to_string())
    }
}

/// Adds each column of some rows to a statement's parameters, as an array.
pub(super) fn bind(arguments: &mut PgArguments, rows: &Rows) -> Result<(), sqlx::Error> {
    for column in rows.columns() {
        let added = match column {
            Column::Ints(cells) => arguments.add(cells),
            Column::Texts(cells) => arguments.add(cells.iter().collect::<Vec<_>>()),
            Column::Dates(cells) => arguments.add(cells),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}
