//! Checks one invariant.

use super::super::tables::Cells;
use super::super::tables::rows::{Kind, Rows};
use super::super::{InvariantReport, StoreError};
use super::connection::Connection;
use super::invariants::{ALL, FIND_LOCATION_KEY, Invariant};
use super::rows::SqliteRow;
use crate::domain::ids::LocationId;

/// The most rows that a report shows.
const EXAMPLES_MAX: i64 = 10;

pub(super) fn check(
    connection: &mut Connection,
    name: &str,
    location: Option<&LocationId>,
) -> Result<InvariantReport, StoreError> {
    let unknown = || StoreError::Refused {
        statement: "check_invariant",
        detail: format!("there is no invariant `{name}`"),
    };
    let invariant = ALL
        .iter()
        .find(|invariant| invariant.name == name)
        .ok_or_else(unknown)?;
    let Invariant {
        name,
        description,
        broken,
        checked,
    } = *invariant;
    let mut report = InvariantReport {
        name,
        description,
        violations: 0,
        examples: Vec::new(),
        checked_rows: 0,
    };
    let mut key = None;
    if let Some(id) = location {
        let mut named = Rows::new(&[Kind::Text]);
        named.row().text(id.as_str()).end();
        let rows = connection.find_each(FIND_LOCATION_KEY, &named)?;
        let Some(row) = rows.first() else { return Ok(report) };
        key = Some(Cells::new(row, "locations", 1).int(0, "location_key")?);
    }
    let mut limited = Rows::new(&[Kind::Int, Kind::Int]);
    limited.row().maybe_int(key).int(EXAMPLES_MAX).end();
    for row in &connection.find_each(broken, &limited)? {
        let cells = Cells::new(row, name, 0);
        report.examples.push(cells.text(0, "what")?.to_owned());
        report.violations = count(cells, 1)?;
    }
    let mut counted = Rows::new(&[Kind::Int]);
    counted.row().maybe_int(key).end();
    for row in &connection.find_each(checked, &counted)? {
        report.checked_rows = count(Cells::new(row, name, 0), 0)?;
    }
    Ok(report)
}

fn count(cells: Cells<'_, SqliteRow>, at: usize) -> Result<u64, StoreError> {
    u64::try_from(cells.int(at, "count")?).map_err(|error| cells.corrupt("count", &error))
}
