//! Finds rows: one statement for all rows that it is given.

use super::super::StoreError;
use super::super::tables::rows::{Kind, Rows};
use super::super::tables::{Changes, Database, FoundRows, Load, Which};
use super::connection::Connection;
use super::rows::PostgresRow;
use super::sql;

impl Database for Connection {
    type Row = PostgresRow;

    const LOCKS_ARE_WAITED_FOR: bool = true;

    async fn load(&mut self, statement: Load, given: &Rows) -> FoundRows<Self> {
        self.find(sql::text(statement), &[given]).await
    }

    async fn load_locations(&mut self, which: &Which) -> FoundRows<Self> {
        let no_ids = Rows::new(&[Kind::Text]);
        let is_writing = self.is_writing();
        match which {
            Which::All if is_writing => {
                self.fetch(sql::LOCK_CATALOG, &[]).await?;
                self.find(sql::LOCK_ALL_LOCATIONS, &[]).await
            }
            Which::All => self.find(sql::LOAD_ALL_LOCATIONS, &[]).await,
            Which::Named { ids, keys } if is_writing => {
                let statement = if self.begin_locking() {
                    sql::LOCK_MORE_LOCATIONS
                } else {
                    sql::LOCK_LOCATIONS
                };
                self.find(statement, &[ids, keys]).await
            }
            Which::Named { ids, keys } => self.find(sql::LOAD_LOCATIONS, &[ids, keys]).await,
            Which::Unlocked { keys } => self.find(sql::LOAD_LOCATIONS, &[&no_ids, keys]).await,
        }
    }

    async fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write_changes(changes).await
    }
}
