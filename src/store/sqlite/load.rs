//! Finds rows: a prepared statement, run for each row that it is given.

use std::collections::BTreeMap;

use super::super::StoreError;
use super::super::tables::rows::Rows;
use super::super::tables::{Changes, Database, Found, FoundRows, Load, Which};
use super::connection::Connection;
use super::rows::SqliteRow;
use super::sql;

// Nothing here waits: the file is read and written on the caller's thread.
impl Database for Connection {
    type Row = SqliteRow;

    const LOCKS_ARE_WAITED_FOR: bool = false;

    async fn load(&mut self, statement: Load, given: &Rows) -> FoundRows<Self> {
        self.find_each(sql::text(statement), given)
    }

    async fn load_locations(&mut self, which: &Which) -> FoundRows<Self> {
        match which {
            Which::All => self.fetch(sql::LOAD_ALL_LOCATIONS),
            Which::Unlocked { keys } => self.find_each(sql::LOAD_LOCATION_BY_KEY, keys),
            Which::Named { ids, keys } => {
                let mut found = self.find_each(sql::LOAD_LOCATION, ids)?;
                if !keys.is_empty() {
                    found.extend(self.find_each(sql::LOAD_LOCATION_BY_KEY, keys)?);
                }
                Ok(in_order(found))
            }
        }
    }

    async fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write_changes(changes)
    }
}

/// Locations by id, each once.
fn in_order(found: Vec<Found<SqliteRow>>) -> Vec<Found<SqliteRow>> {
    if found.len() <= 1 {
        return found;
    }
    let by_id = found.into_iter().map(|found| (found.row.key(1), found));
    by_id.collect::<BTreeMap<_, _>>().into_values().collect()
}
