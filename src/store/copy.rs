//! Moves a shop from a SQLite file to PostgreSQL: every row of every table as it stands, and the epoch with them.
//!
//! # Ordering
//! Rows go in batches, by key, each committed with the place that it ends at, so that a copy that was cut goes on there. While
//! that place is written down the database is not served; it is taken away once everything was counted and checked.

use super::StoreError;
use super::postgres::{Import, PostgresOptions, PostgresStore};
use super::sqlite::SqliteStore;
use super::{InvariantReport, Store as _};

/// Rows of a batch.
const BATCH_ROWS: u32 = 1_000;

/// The table that holds the epoch: it goes last, when everything else is there.
pub(super) const META: &str = "meta";

/// A table to copy.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Its columns.
    pub(super) columns: Vec<String>,
    /// Those of its primary key, in order.
    pub(super) key: Vec<String>,
}

/// Rows of a table, in the order of its key.
#[derive(Debug)]
pub(super) struct Batch {
    /// An array of objects, as JSON.
    pub(super) rows: String,
    /// How many they are.
    pub(super) count: u64,
    /// The key of the last one, as a JSON array.
    pub(super) last_key: String,
}

/// Where a copy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// Tells the source, and what was written there until the copy began.
    pub(super) source: String,
    /// The table that was copied last.
    pub(super) table: String,
    /// The key of its last row.
    pub(super) last_key: Option<String>,
}

/// Copies a file that nobody serves into a database whose tables are made here, or goes on with a copy that was cut. Answers
/// how many rows each table has.
///
/// # Errors
/// The target has rows that are not of this copy, the source changed since the copy began, a database fails, or what was
/// copied breaks an invariant.
pub async fn copy(from: &SqliteStore, to: &PostgresOptions) -> Result<Vec<(String, u64)>, StoreError> {
    PostgresStore::migrate(to).await?;
    let mut target = Import::connect(to).await?;
    let tables = from.tables().await?;
    let source = from.fingerprint().await?;
    let mut progress = begin(&mut target, &tables, source).await?;
    let begun = progress.table.clone();
    for table in tables.iter().filter(|table| table.name >= begun) {
        if table.name > progress.table {
            progress.table.clone_from(&table.name);
            progress.last_key = None;
        }
        while let Some(batch) = from.batch(table, progress.last_key.as_deref(), BATCH_ROWS).await? {
            progress.last_key = Some(batch.last_key);
            target.add(table, &batch.rows, batch.count, &progress).await?;
        }
    }
    let mut copied = Vec::with_capacity(tables.len());
    for table in tables {
        let (there, here) = (from.count(&table).await?, target.count(&table).await?);
        if there != here {
            return Err(StoreError::Storage(format!(
                "{} has {there} rows, and {here} in the copy",
                table.name
            )));
        }
        copied.push((table.name, here));
    }
    check(&PostgresStore::of_epoch(to, from.epoch())).await?;
    target.finish(from.epoch()).await?;
    Ok(copied)
}

/// Where to go on: at the beginning of an empty target, or where an earlier copy of the same source was cut.
async fn begin(target: &mut Import, tables: &[Table], source: String) -> Result<Progress, StoreError> {
    if let Some(progress) = target.progress().await? {
        if progress.source == source {
            return Ok(progress);
        }
        return Err(StoreError::Storage(
            "the target holds a part of a copy of another file, or of this one before it was written again: begin with an \
             empty database"
                .to_owned(),
        ));
    }
    for table in tables {
        let count = target.count(table).await?;
        if count > 0 {
            return Err(StoreError::Storage(format!(
                "the target is not empty: {} has {count} rows",
                table.name
            )));
        }
    }
    let progress = Progress {
        source,
        table: String::new(),
        last_key: None,
    };
    target.begin(&progress).await?;
    Ok(progress)
}

/// Checks every invariant of what was copied.
async fn check(store: &PostgresStore) -> Result<(), StoreError> {
    let mut broken = Ok(());
    for name in store.invariants() {
        let InvariantReport {
            violations, examples, ..
        } = store.check_invariant(name, None).await?;
        if violations > 0 {
            broken = Err(StoreError::Storage(format!(
                "the copy breaks {name} {violations} times: {}",
                examples.join("; ")
            )));
            break;
        }
    }
    store.close().await;
    broken
}
