//! Rows and cells, from and to PostgreSQL.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgBindIterExt as _, PgRow, PgTypeInfo, Postgres};
use sqlx::{Arguments as _, Row as _, Type, TypeInfo as _, ValueRef as _};

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

/// Rows that are bound as one array of a composite type, which has their columns.
#[derive(Debug)]
pub(super) struct NamedRows<'a> {
    /// The rows, if there are any.
    pub(super) rows: Option<&'a Rows>,
    /// The type.
    pub(super) type_name: &'static str,
}

impl NamedRows<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rows.map_or(0, Rows::count)
    }
}

impl Type<Postgres> for NamedRows<'_> {
    /// Not known without the rows: they say it themselves.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("record[]")
    }
}

impl Encode<'_, Postgres> for NamedRows<'_> {
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::array_of(self.type_name))
    }

    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(rows) = self.rows else {
            return Ok(IsNull::Yes);
        };
        let each = (0..rows.count()).map(|at| NamedRow {
            rows,
            at,
            type_name: self.type_name,
        });
        each.bind_iter().encode(buffer)
    }
}

/// One of them.
#[derive(Debug)]
struct NamedRow<'a> {
    rows: &'a Rows,
    at: usize,
    type_name: &'static str,
}

impl Type<Postgres> for NamedRow<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("record")
    }
}

impl Encode<'_, Postgres> for NamedRow<'_> {
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_name(self.type_name))
    }

    /// The number of columns; for each its type, its length and its value, where -1 stands for the length of nothing
    /// (`record_recv` in the source of PostgreSQL).
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let columns = self.rows.columns();
        buffer.extend(i32::try_from(columns.len())?.to_be_bytes());
        for column in columns {
            match column {
                Column::Ints(cells) => encode_cell(buffer, INT8, cells.get(self.at).copied().flatten())?,
                Column::Texts(cells) => encode_cell(buffer, TEXT, cells.get(self.at))?,
                Column::Dates(cells) => encode_cell(buffer, DATE, cells.get(self.at).copied().flatten())?,
            }
        }
        Ok(IsNull::No)
    }
}

/// The types of cells, by their numbers in every database (`pg_type.dat` in the source of PostgreSQL).
const INT8: Oid = Oid(20);
const TEXT: Oid = Oid(25);
const DATE: Oid = Oid(1082);

fn encode_cell<'q, T>(buffer: &mut PgArgumentBuffer, of: Oid, cell: Option<T>) -> Result<(), BoxDynError>
where
    T: Encode<'q, Postgres>,
{
    buffer.extend(of.0.to_be_bytes());
    let start = buffer.len();
    buffer.extend((-1_i32).to_be_bytes());
    let Some(cell) = cell else { return Ok(()) };
    let value = buffer.len();
    let _is_null = cell.encode(buffer)?;
    let bytes = i32::try_from(buffer.len().saturating_sub(value))?;
    if let Some(length) = buffer.get_mut(start..value) {
        length.copy_from_slice(&bytes.to_be_bytes());
    }
    Ok(())
}
