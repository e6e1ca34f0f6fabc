//! Takes whole tables in, from a copy of another database.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::super::StoreError;
use super::super::copy::{Progress, Table};
use super::PostgresOptions;
use super::answers::connect;
use super::failures::classify;

/// A new database has an epoch of its own, which the copy takes away: without one it is not served.
const BEGIN: &str = "-- begin_copy
BEGIN;
CREATE TABLE copy_progress (source TEXT NOT NULL, table_name TEXT NOT NULL, last_key TEXT);
DELETE FROM meta;
COMMIT";

const IS_MARKED: &str = "-- is_marked
SELECT to_regclass('copy_progress') IS NOT NULL";

const LOAD_PROGRESS: &str = "-- load_progress
SELECT source, table_name, last_key FROM copy_progress";

const PUT_PROGRESS: &str = "-- put_progress
WITH former AS (DELETE FROM copy_progress)
INSERT INTO copy_progress (source, table_name, last_key) VALUES ($1, $2, $3)";

const PUT_EPOCH: &str = "-- put_copied_epoch
INSERT INTO meta (singleton, epoch) VALUES (1, $1) ON CONFLICT (singleton) DO UPDATE SET epoch = excluded.epoch";

/// A database that is filled.
#[derive(Debug)]
pub(in crate::store) struct Import(PgConnection);

impl Import {
    /// Connects as whoever may make tables.
    pub(in crate::store) async fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        connect(options).await.map(Self)
    }

    /// How far a copy is that was begun.
    pub(in crate::store) async fn progress(&mut self) -> Result<Option<Progress>, StoreError> {
        if !is_marked(&mut self.0).await? {
            return Ok(None);
        }
        let said = |error: sqlx::Error| classify(LOAD_PROGRESS, &error);
        let row = sqlx::query(LOAD_PROGRESS)
            .fetch_optional(&mut self.0)
            .await
            .map_err(said)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Progress {
            source: row.try_get(0).map_err(said)?,
            table: row.try_get(1).map_err(said)?,
            last_key: row.try_get(2).map_err(said)?,
        }))
    }

    /// Marks an empty database as one that is being filled.
    pub(in crate::store) async fn begin(&mut self, progress: &Progress) -> Result<(), StoreError> {
        if !is_marked(&mut self.0).await? {
            let begun = sqlx::raw_sql(BEGIN).execute(&mut self.0).await;
            begun.map_err(|error| classify(BEGIN, &error))?;
        }
        put_progress(&mut self.0, progress).await
    }

    /// How many rows a table has.
    pub(in crate::store) async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let text = format!("SELECT count(*) FROM \"{}\"", table.name);
        let counted = sqlx::query_scalar::<_, i64>(AssertSqlSafe(text))
            .fetch_one(&mut self.0)
            .await;
        let counted = counted.map_err(|error| classify("count", &error))?;
        Ok(u64::try_from(counted).unwrap_or(0))
    }

    /// Adds rows, an array of objects as JSON, and notes how far that is.
    pub(in crate::store) async fn add(
        &mut self,
        table: &Table,
        rows: &str,
        count: u64,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let name = &table.name;
        let columns = table.columns.iter().map(|column| format!("\"{column}\""));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let text = format!(
            "INSERT INTO \"{name}\" ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::\"{name}\", $1::json)"
        );
        let mut transaction = self.0.begin().await.map_err(|error| classify("begin", &error))?;
        let added = sqlx::query(AssertSqlSafe(text))
            .bind(rows)
            .execute(&mut *transaction)
            .await;
        let touched = added.map_err(|error| classify("add_rows", &error))?.rows_affected();
        if touched != count {
            return Err(StoreError::RowCount {
                statement: "add_rows",
                expected: count,
                touched,
            });
        }
        put_progress(&mut transaction, progress).await?;
        transaction.commit().await.map_err(|error| classify("commit", &error))
    }

    /// Gives the database its epoch and takes the mark away: from now on it can be served.
    pub(in crate::store) async fn finish(mut self, epoch: u64) -> Result<(), StoreError> {
        let epoch = i64::try_from(epoch).map_err(|error| StoreError::Storage(format!("the epoch {epoch}: {error}")))?;
        let mut transaction = self.0.begin().await.map_err(|error| classify("begin", &error))?;
        let put = sqlx::query(PUT_EPOCH).bind(epoch).execute(&mut *transaction).await;
        put.map_err(|error| classify(PUT_EPOCH, &error))?;
        let dropped = sqlx::raw_sql("DROP TABLE copy_progress")
            .execute(&mut *transaction)
            .await;
        dropped.map_err(|error| classify("unmark", &error))?;
        transaction.commit().await.map_err(|error| classify("commit", &error))?;
        drop(self.0.close().await);
        Ok(())
    }
}

/// Whether a copy into the database is not finished.
pub(super) async fn is_marked(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let marked = sqlx::query_scalar(IS_MARKED)
        .persistent(false)
        .fetch_one(connection)
        .await;
    marked.map_err(|error| classify(IS_MARKED, &error))
}

async fn put_progress(connection: &mut PgConnection, progress: &Progress) -> Result<(), StoreError> {
    let query = sqlx::query(PUT_PROGRESS)
        .bind(&progress.source)
        .bind(&progress.table)
        .bind(&progress.last_key);
    let put = query.execute(connection).await;
    put.map(|_| ()).map_err(|error| classify(PUT_PROGRESS, &error))
}
