//! Checks one invariant.

use sqlx::Row as _;

use super::super::{InvariantReport, StoreError};
use super::connection::Connection;
use super::failures::classify;
use super::invariants::{ALL, FIND_LOCATION_KEY, Invariant};
use crate::domain::ids::LocationId;

/// The most rows that a report shows.
const EXAMPLES_MAX: i64 = 10;

pub(super) async fn check(
    connection: &mut Connection,
    name: &str,
    location: Option<&LocationId>,
) -> Result<InvariantReport, StoreError> {
    let unknown = || StoreError::Refused {
        statement: "check_invariant",
        detail: format!("there is no invariant `{name}`"),
    };
    let invariant = ALL.iter().find(|invariant| invariant.name == name);
    let Invariant {
        name,
        description,
        broken,
        checked,
    } = *invariant.ok_or_else(unknown)?;
    let mut report = InvariantReport {
        name,
        description,
        violations: 0,
        examples: Vec::new(),
        checked_rows: 0,
    };
    let mut key = None;
    if let Some(id) = location {
        let found = connection.fetch_one_by_text(FIND_LOCATION_KEY, id.as_str()).await?;
        let Some(found) = found else { return Ok(report) };
        key = Some(found);
    }
    for row in &connection.fetch_scalars(broken, &[key, Some(EXAMPLES_MAX)]).await? {
        let said = |error: sqlx::Error| classify(broken, &error);
        report.examples.push(row.try_get(0).map_err(said)?);
        report.violations = count(row.try_get(1).map_err(said)?)?;
    }
    for row in &connection.fetch_scalars(checked, &[key]).await? {
        report.checked_rows = count(row.try_get(0).map_err(|error| classify(checked, &error))?)?;
    }
    Ok(report)
}

fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|error| StoreError::Refused {
        statement: "count",
        detail: error.to_string(),
    })
}
