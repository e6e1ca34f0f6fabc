//! Reads whole tables, for a copy into another database.

use rusqlite::{OptionalExtension as _, Params, Row};

use super::super::StoreError;
use super::super::copy::{Batch, META, Table};
use super::{SqliteStore, connection};

const TABLES: &str = "-- tables
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' AND name <> ?1
ORDER BY name";

const COLUMNS: &str = "-- columns
SELECT name FROM pragma_table_info(?1) ORDER BY cid";

const KEY: &str = "-- key
SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";

/// Every round that writes grows the revision of a location; nothing else writes but the removal of old events.
const FINGERPRINT: &str = "-- fingerprint
SELECT json_array(
    (SELECT epoch FROM meta), (SELECT count(*) FROM items), (SELECT sum(revision) FROM location_numbers),
    (SELECT sum(oldest_event) FROM log_horizons), (SELECT count(*) FROM events)
)";

impl SqliteStore {
    /// The tables by name, but that of the epoch.
    pub(in crate::store) async fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let mut tables = Vec::new();
        for name in self.all(TABLES, [META], |row| row.get::<_, String>(0)).await? {
            tables.push(Table {
                columns: self.all(COLUMNS, [&name], |row| row.get(0)).await?,
                key: self.all(KEY, [&name], |row| row.get(0)).await?,
                name,
            });
        }
        Ok(tables)
    }

    /// What tells this file, as it stands, from every other and from itself after another write.
    pub(in crate::store) async fn fingerprint(&self) -> Result<String, StoreError> {
        let found = self.all(FINGERPRINT, [], |row| row.get(0)).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// How many rows a table has.
    pub(in crate::store) async fn count(&self, table: &Table) -> Result<u64, StoreError> {
        let text = format!("SELECT count(*) FROM \"{}\"", table.name);
        let found = self.all(&text, [], |row| row.get::<_, i64>(0)).await?;
        Ok(found.first().and_then(|count| u64::try_from(*count).ok()).unwrap_or(0))
    }

    /// Rows after a key; `None` when there are no more.
    pub(in crate::store) async fn batch(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Batch>, StoreError> {
        let name = &table.name;
        let quoted = |names: &[String], suffix: &str| {
            let quoted = names.iter().map(|name| format!("\"{name}\"{suffix}"));
            quoted.collect::<Vec<_>>().join(", ")
        };
        let cells = table.columns.iter().map(|column| format!("'{column}', \"{column}\""));
        let cells = cells.collect::<Vec<_>>().join(", ");
        let given = (0..table.key.len()).map(|at| format!("json_extract(?1, '$[{at}]')"));
        let given = given.collect::<Vec<_>>().join(", ");
        let (key, last) = (quoted(&table.key, ""), quoted(&table.key, " DESC"));
        let text = format!(
            "WITH page AS (
                SELECT * FROM \"{name}\" WHERE ?1 IS NULL OR ({key}) > ({given}) ORDER BY {key} LIMIT {limit}
            )
            SELECT json_group_array(json_object({cells})), count(*),
                (SELECT json_array({key}) FROM page ORDER BY {last} LIMIT 1)
            FROM page"
        );
        let found = self
            .all(&text, [after], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .await?;
        Ok(found.into_iter().next().and_then(|(rows, count, last_key)| {
            Some(Batch {
                rows,
                count: u64::try_from(count).ok()?,
                last_key: last_key?,
            })
        }))
    }

    async fn all<T>(
        &self,
        text: &str,
        given: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut();
        let writer = writer.ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))?;
        let said = |error: rusqlite::Error| connection::classify("export", &error);
        let file = writer.connection.inner();
        let mut statement = file.prepare_cached(text).map_err(said)?;
        let rows = statement.query_map(given, read).map_err(said)?;
        rows.collect::<Result<_, _>>()
            .optional()
            .map_err(said)
            .map(Option::unwrap_or_default)
    }
}
