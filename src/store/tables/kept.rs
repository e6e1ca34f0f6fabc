//! Rows that need not be read again: items, counters and what is coming of them, as a writer's last committed round left
//! them or as a reader found them.
//!
//! # Shape
//! A location's revision grows with each round that writes there. A writer reads it under the location's lock, a reader in
//! its snapshot: while it is the one that is kept, nobody wrote there since. An item belongs to every location, so putting
//! one grows all revisions.
//!
//! Where somebody did, readers take what rounds of this process wrote from their [traces], and read all anew where others
//! wrote too.
//!
//! A reader that asks at every location keeps its working set too, with what was worked out of it to choose among them: the
//! next one costs what was written since, and not rows of every SKU at every location.
//!
//! [traces]: super::traces::Traces

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

use super::changes::{Changes, touched};
use super::load::Loaded;
use super::traces::{Trace, Traces, written_deadlines};
use crate::allocator::footprint::Footprint;
use crate::allocator::working_set::{Index, ItemSlot, OpenInbound, StockSlot};
use crate::domain::Instant;
use crate::domain::ids::{LocationKey, Sku};
use crate::domain::stock::Stock;

/// The most rows that are kept: some twenty MiB, and as much again where readers ask at every location. Beyond it all are read
/// anew.
const ROWS_MAX: usize = 65_536;
/// The most inbounds of a SKU that are kept: of more, what is coming is read anew.
const COMING_MAX: usize = 32;
/// The most rows of locations that are kept of rounds that asked at every one, those that were written since included.
const LOCATIONS_MAX: usize = 4_096;

/// Rows that need not be read again.
#[derive(Debug, Default)]
pub(in crate::store) struct Kept {
    locations: HashMap<LocationKey, AtLocation>,
    rows: usize,
    is_of_reader: bool,
    /// How often readers had forgotten everything when it was begun.
    begun_after: u64,
    traces: Arc<Traces>,
    /// What a reader found that asked at every location.
    everywhere: Option<Loaded>,
    /// What the last round wrote: its room serves the next one.
    pub(super) changes: Changes,
}

/// What is kept of a location.
#[derive(Debug, Default)]
struct AtLocation {
    revision: i64,
    /// How often a round changed inbounds there: what is coming was kept before or after.
    inbounds_version: u64,
    /// An instant not later than when the first payment of a tentative order is due there, in microseconds; `None` where that
    /// was not read, or has come.
    first_deadline: Option<i64>,
    rows: HashMap<Sku, KeptRow>,
}

/// An item, its counters at a location, and what is coming of it, with the version of that.
#[derive(Debug)]
struct KeptRow {
    item: ItemSlot,
    stock: Stock,
    coming: Option<(u64, Vec<OpenInbound>)>,
}

/// Kept rows of a SKU at a location.
#[derive(Debug)]
pub(super) struct Remembered<'a> {
    pub(super) item: &'a ItemSlot,
    pub(super) stock: &'a Stock,
    pub(super) coming: Option<&'a [OpenInbound]>,
}

impl Kept {
    /// What a round at an instant begins with. A reader that asks at every location goes on with what the one before it found:
    /// of that, [loading](super::Loader::load) drops what was written since.
    pub(in crate::store) fn begin(&mut self, now: Instant, footprint: &Footprint) -> Loaded {
        if footprint.anywhere.is_empty() {
            return Loaded::new(now);
        }
        let Some(mut loaded) = self.everywhere.take() else {
            return Loaded::new(now);
        };
        loaded.ws.serve_again(now);
        loaded.read.clear();
        loaded.deadlines.clear();
        loaded
    }

    /// Takes what a reader found, for the next one.
    pub(in crate::store) fn end(&mut self, mut loaded: Loaded) {
        let ws = &mut loaded.ws;
        // Without locations there is no revision that would say that an item was put.
        let fits = ws.stocks.len() <= ROWS_MAX && (1..=LOCATIONS_MAX).contains(&ws.locations.len());
        if !(self.is_of_reader && loaded.is_everywhere && fits && ws.is_as_loaded()) {
            return;
        }
        for index in &loaded.read {
            let inbounds = &ws.stock(*index).inbounds;
            if inbounds.as_ref().is_some_and(|coming| coming.len() > COMING_MAX) {
                ws.stocks.note(*index).inbounds = None;
            }
        }
        self.everywhere = Some(loaded);
    }

    /// An instant not later than when the first payment of a tentative order is due at a location, in microseconds, if one is
    /// kept.
    pub(super) fn first_deadline(&self, location: i64) -> Option<i64> {
        self.locations.get(&LocationKey(location))?.first_deadline
    }

    /// Brings what is kept of a location to a revision: a reader takes what rounds of this process wrote since, and all is
    /// forgotten where others may have written. To be called with what is read under its lock, or in a snapshot. Answers what it
    /// took, and since which revision that was written.
    pub(super) fn bring_to(&mut self, location: LocationKey, revision: i64) -> Option<(i64, Vec<Trace>)> {
        let at = self.locations.get_mut(&location);
        let at = at.filter(|at| at.revision != revision)?;
        let from = at.revision;
        // A writer that finds another revision was overtaken, and trusts nothing but its rows.
        let since = self.is_of_reader.then(|| self.traces.since(location, from, revision));
        let Some(since) = since.flatten() else {
            let rows = self.locations.remove(&location).map_or(0, |at| at.rows.len());
            self.rows = self.rows.saturating_sub(rows);
            return None;
        };
        at.revision = revision;
        for trace in &since {
            at.take(trace);
        }
        Some((from, since))
    }

    /// What rounds of this process wrote of a location after one revision, up to and with another; `None` when others than
    /// they may have written, or they wrote more than counters.
    pub(super) fn traces_since(&self, location: LocationKey, from: i64, to: i64) -> Option<Vec<Trace>> {
        self.traces.since(location, from, to)
    }

    /// Whether what stands beside a location's numbers is as current as they are: in a snapshot it is, and under a lock that
    /// was waited for if nobody else wrote meanwhile.
    pub(super) fn is_certain(&self, location: LocationKey, revision: i64) -> bool {
        self.is_of_reader || self.locations.get(&location).is_some_and(|at| at.revision == revision)
    }

    /// An item and its counters at a location, if they are kept.
    pub(super) fn find(&self, location: LocationKey, sku: &Sku) -> Option<Remembered<'_>> {
        let at = self.locations.get(&location)?;
        let row = at.rows.get(sku)?;
        let coming = row.coming.as_ref();
        let coming = coming.filter(|(version, _)| *version == at.inbounds_version);
        Some(Remembered {
            item: &row.item,
            stock: &row.stock,
            coming: coming.map(|(_, coming)| coming.as_slice()),
        })
    }

    /// Keeps what a snapshot showed. Of a writer only what is committed is kept.
    pub(in crate::store) fn keep_read(&mut self, loaded: &Loaded) {
        if self.is_of_reader {
            self.keep_rows(loaded, (&BTreeSet::new(), &BTreeMap::new()), &loaded.read);
        }
    }

    /// Keeps what a committed round left.
    pub(in crate::store) fn keep(&mut self, loaded: &Loaded) {
        let ws = &loaded.ws;
        let put: Vec<_> = ws.inbounds.written().map(|(slot, _)| slot.location).collect();
        for location in &put {
            let at = self.locations.entry(ws.location(*location).key).or_default();
            at.inbounds_version = at.inbounds_version.wrapping_add(1);
        }
        let written = ws.stocks.written_indexes();
        let of_put = ws.stocks.iter().filter(|(_, slot)| put.contains(&slot.location));
        let of_put = of_put.map(|(index, _)| index).filter(|_| !put.is_empty());
        let rows: BTreeSet<_> = written.chain(of_put).chain(loaded.read.iter().copied()).collect();
        if ws.items.written().next().is_some() {
            // Each location has its own copy of an item.
            self.forget();
        }
        let touched = touched(ws);
        let revised = touched.iter().map(|index| ws.location(*index).key.0).collect();
        let deadlines = written_deadlines(loaded);
        self.keep_rows(loaded, (&revised, &deadlines), &rows);
        self.traces.note(loaded, &touched, &deadlines);
    }

    fn keep_rows(
        &mut self,
        loaded: &Loaded,
        (revised, written): (&BTreeSet<i64>, &BTreeMap<i64, i64>),
        rows: &BTreeSet<Index<StockSlot>>,
    ) {
        if self.rows.saturating_add(rows.len()) > ROWS_MAX {
            self.forget();
        }
        let ws = &loaded.ws;
        let now = ws.now.timestamp_micros();
        let is_current = |location: LocationKey| !loaded.unlocked.contains(&location.0);
        for (_, slot) in ws.locations.iter().filter(|(_, slot)| is_current(slot.key)) {
            let revision = loaded.revisions.get(&slot.key.0).copied().unwrap_or(0);
            let grown = i64::from(revised.contains(&slot.key.0));
            let at = self.locations.entry(slot.key).or_default();
            at.revision = revision.saturating_add(grown);
            // An earlier instant than the first is as good: it is looked at once. Of what was due in this round some lapsed, so
            // that another one is the first.
            let known = loaded.deadlines.get(&slot.key.0).filter(|due| **due > now);
            at.first_deadline = known.map(|known| written.get(&slot.key.0).map_or(*known, |due| *due.min(known)));
        }
        for slot in rows.iter().map(|index| ws.stock(*index)) {
            let (location, item) = (ws.location(slot.location).key, ws.item(slot.item));
            if !is_current(location) {
                continue;
            }
            let (rows, at) = (&mut self.rows, self.locations.entry(location).or_default());
            let row = at.rows.entry(item.item.sku.clone()).or_insert_with(|| {
                *rows = rows.saturating_add(1);
                KeptRow {
                    item: item.clone(),
                    stock: Stock::default(),
                    coming: None,
                }
            });
            row.stock.clone_from(&slot.stock);
            if row.coming.as_ref().is_none_or(|(of, _)| *of != at.inbounds_version) {
                let coming = slot
                    .inbounds
                    .as_ref()
                    .filter(|coming| coming.len() <= COMING_MAX)
                    .cloned();
                row.coming = coming.map(|coming| (at.inbounds_version, coming));
            }
        }
    }

    /// Keeps nothing: what was committed is not known.
    pub(in crate::store) fn forget(&mut self) {
        self.locations.clear();
        self.rows = 0;
    }
}

impl AtLocation {
    fn take(&mut self, trace: &Trace) {
        for (sku, stock) in trace.counters() {
            if let Some(row) = self.rows.get_mut(sku) {
                row.stock.clone_from(stock);
            }
        }
        let known = self.first_deadline;
        self.first_deadline = known.map(|known| trace.first_deadline.map_or(known, |due| due.min(known)));
    }
}

/// What readers keep: each takes one for as long as it reads, the one that was given back last first.
#[derive(Debug, Default)]
pub(in crate::store) struct KeptByReaders {
    free: Mutex<Free>,
    traces: Arc<Traces>,
}

#[derive(Debug, Default)]
struct Free {
    kept: Vec<Kept>,
    /// How often everything was forgotten.
    forgotten: u64,
}

impl KeptByReaders {
    /// What a reader before kept, or nothing yet.
    pub(in crate::store) fn take(&self) -> Kept {
        let mut free = self.free();
        free.kept.pop().unwrap_or_else(|| {
            self.traces.ask();
            Kept {
                is_of_reader: true,
                begun_after: free.forgotten,
                ..self.of_writer()
            }
        })
    }

    /// What a writer keeps, nothing yet: it leaves traces for readers.
    pub(in crate::store) fn of_writer(&self) -> Kept {
        Kept {
            traces: Arc::clone(&self.traces),
            ..Kept::default()
        }
    }

    /// Gives it back, with what was found. What a reader that failed had is dropped with it.
    pub(in crate::store) fn give(&self, mut kept: Kept, found: Loaded) {
        kept.end(found);
        let mut free = self.free();
        if kept.begun_after == free.forgotten {
            free.kept.push(kept);
        }
    }

    /// Keeps nothing: what the database holds may be older than it, as after another server took over.
    pub(in crate::store) fn forget(&self) {
        let mut free = self.free();
        free.kept.clear();
        free.forgotten = free.forgotten.wrapping_add(1);
        self.traces.forget();
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
