//! What both databases share: which rows a round loads, which it writes, and how they stand in tables. A database
//! brings the texts of the statements, and binds and fetches rows.
//!
//! # Shape
//! A statement is named by [`Load`] or [`Table`] and is given [`Rows`]: one array for each column, whatever the number of
//! rows. Each row that a [`Load`] finds says which of the given rows found it.

use std::future::Future;

use super::{LOADS_MAX, Round, StoreError, Verdict};
use crate::allocator::working_set::WorkingSet;
use crate::domain::Date;

mod cells;
mod changes;
pub(super) mod columns;
mod configs;
pub(super) mod consumers;
mod counters;
mod due;
mod estimates;
mod kept;
pub(super) mod lists;
mod load;
mod locations;
pub(super) mod logs;
mod records;
pub(super) mod rows;
mod statements;
mod traces;
mod wants;

pub(super) use cells::Cells;
pub(super) use changes::Changes;
pub(super) use configs::Configs;
pub(super) use kept::{Kept, KeptByReaders};
pub(super) use load::{Loaded, Loader};
pub(super) use statements::{Load, Table};

use rows::Rows;

/// A row as a database gave it.
pub(super) trait Row: Send + Sync {
    /// The number in a column; `None` for an empty cell.
    fn int(&self, at: usize) -> Result<Option<i64>, String>;
    /// The text in a column; `None` for an empty cell.
    fn text(&self, at: usize) -> Result<Option<&str>, String>;
    /// The civil date in a column; `None` for an empty cell.
    fn date(&self, at: usize) -> Result<Option<Date>, String>;
}

/// A row, with the position of the given row that found it.
#[derive(Debug)]
pub(super) struct Found<R> {
    /// The position.
    pub(super) at: usize,
    /// The row.
    pub(super) row: R,
}

/// Rows that were found, by the positions of what found them, each group in the order of its statement.
pub(super) type FoundRows<D> = Result<Vec<Found<<D as Database>::Row>>, StoreError>;

/// Which locations to load.
#[derive(Debug)]
pub(super) enum Which {
    /// Those with the ids and keys, locked when the transaction writes.
    Named {
        /// By id.
        ids: Rows,
        /// By key.
        keys: Rows,
    },
    /// Every one, locked when the transaction writes.
    All,
    /// Those with the keys, to be looked at alone: a lock taken so late could wait in a circle.
    Unlocked {
        /// By key.
        keys: Rows,
    },
}

/// One connection to a database, with a transaction open on it.
pub(super) trait Database: Send {
    /// A row.
    type Row: Row;

    /// Whether another transaction may commit while a lock of this one is waited for.
    const LOCKS_ARE_WAITED_FOR: bool;

    /// Finds rows for each of the given ones.
    fn load(&mut self, statement: Load, given: &Rows) -> impl Future<Output = FoundRows<Self>> + Send;

    /// Finds locations, ordered by id, and locks them in that order. Their columns: key, id, configuration's version, next
    /// order, next event, next inbound, revision.
    fn load_locations(&mut self, which: &Which) -> impl Future<Output = FoundRows<Self>> + Send;

    /// Writes what a round changed, and checks how many rows each table says were touched.
    fn write(&mut self, changes: &Changes) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Loads and decides until nothing is missing, in the open transaction.
pub(super) async fn decide<D: Database>(
    database: &mut D,
    configs: &Configs,
    kept: &mut Kept,
    round: &mut dyn Round,
) -> Result<(Loaded, Verdict), StoreError> {
    for _ in 0..LOADS_MAX {
        let mut footprint = round.footprint();
        let begun = kept.begin(round.now(), &footprint);
        let mut loader = Loader::new(database, configs, Some(&mut *kept), begun);
        let places = loader.lock(&footprint).await?;
        if D::LOCKS_ARE_WAITED_FOR && joined(round, &loader.loaded.ws) {
            loader.loaded.ws.serve_again(round.now());
            footprint = round.footprint();
        }
        loader.load_locked(&footprint, places).await?;
        let wants = round.plan(&loader.loaded.ws);
        loader.load_wants(&wants).await?;
        let mut filled = loader.loaded;
        kept.keep_read(&filled);
        match round.decide(&mut filled.ws) {
            Verdict::Again => kept.end(filled),
            verdict @ (Verdict::Commit | Verdict::Abandon) => return Ok((filled, verdict)),
        }
    }
    Err(StoreError::NeverLoaded(LOADS_MAX))
}

/// Whether something joined a round whose locked locations are loaded, and nothing else.
fn joined(round: &mut dyn Round, ws: &WorkingSet) -> bool {
    let locked = ws.locations.iter().map(|(_, slot)| &slot.location.location_id);
    round.join(&locked.collect())
}

/// Runs a round in the open transaction; answers what it left if that is to be committed.
pub(super) async fn run_in_tx<D: Database>(
    database: &mut D,
    configs: &Configs,
    kept: &mut Kept,
    round: &mut dyn Round,
) -> Result<Option<Loaded>, StoreError> {
    let (loaded, verdict) = decide(database, configs, kept, round).await?;
    if verdict == Verdict::Abandon {
        return Ok(None);
    }
    kept.changes.fill(&loaded.ws);
    if kept.changes.is_empty() {
        return Ok(None);
    }
    if loaded.changed_unlocked() {
        // It was placed elsewhere while the round waited for its locks: the next attempt finds and locks its location.
        return Err(StoreError::Unavailable(
            "an order was placed at another location meanwhile".to_owned(),
        ));
    }
    database.write(&kept.changes).await?;
    Ok(Some(loaded))
}
