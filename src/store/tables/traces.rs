//! What rounds of this process wrote lately, so that readers who keep rows of a location need not read all of them anew.
//!
//! # Shape
//! A round leaves each location that it wrote at the next revision. Who keeps rows as of one revision and finds another one
//! asks for the traces of the rounds between them. A round is noted once it is committed, whole or not at all; what another
//! process wrote, or one of these long ago, is not known here, and then nothing that was kept serves any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

use super::load::Loaded;
use crate::allocator::working_set::{Index, LocationSlot};
use crate::domain::ids::{LocationKey, Sku};
use crate::domain::order::OrderState;
use crate::domain::stock::Stock;

/// The most traces that are known, one for each location that a round wrote.
const TRACES_MAX: usize = 4_096;
/// The most counters in them: some two megabytes.
const COUNTERS_MAX: usize = 16_384;

/// The traces of the rounds of a store, the same for all who keep rows of it.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// Whether anybody asks: until then nothing is noted.
    is_asked: AtomicBool,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    /// By location, in the order of their revisions, each with its own.
    traces: HashMap<LocationKey, VecDeque<(i64, Trace)>>,
    /// Where they were left, the oldest first; some of these may be gone.
    order: VecDeque<LocationKey>,
    counters: usize,
}

/// What a round wrote of a location.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// Counters as they were left; `None` when it wrote more than counters of what readers keep.
    counters: Option<Arc<[(Sku, Stock)]>>,
    /// When the first payment of the tentative orders among it is due, in microseconds.
    pub(super) first_deadline: Option<i64>,
}

impl Traces {
    /// From now on rounds are noted.
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// Notes what a committed round wrote at each location that it touched.
    pub(super) fn note(
        &self,
        loaded: &Loaded,
        touched: &BTreeSet<Index<LocationSlot>>,
        deadlines: &BTreeMap<i64, i64>,
    ) {
        if !self.is_asked.load(Ordering::Relaxed) {
            return;
        }
        let ws = &loaded.ws;
        let mut counters: BTreeMap<Index<LocationSlot>, Vec<(Sku, Stock)>> = BTreeMap::new();
        for (slot, _) in ws.stocks.written() {
            let of_location = counters.entry(slot.location).or_default();
            of_location.push((ws.item(slot.item).item.sku.clone(), slot.stock.clone()));
        }
        let supplied: BTreeSet<_> = ws.inbounds.written().map(|(slot, _)| slot.location).collect();
        let is_catalog = ws.items.written().next().is_some();
        let traces = touched.iter().filter_map(|index| {
            let (slot, written) = (ws.location(*index), counters.remove(index).unwrap_or_default());
            let trace = Trace {
                counters: (!is_catalog && !slot.config_changed && !supplied.contains(index))
                    .then(|| Arc::from(written)),
                first_deadline: deadlines.get(&slot.key.0).copied(),
            };
            // Of a location that the round put nothing older is kept.
            let revision = loaded.revisions.get(&slot.key.0)?.saturating_add(1);
            Some((slot.key, revision, trace))
        });
        let traces: Vec<_> = traces.collect();
        let mut recent = self.recent();
        for (location, revision, trace) in traces {
            recent.push(location, revision, trace);
        }
    }

    /// What was written of a location after one revision, up to and with another; `None` when that is not known, or is more
    /// than counters.
    pub(super) fn since(&self, location: LocationKey, from: i64, to: i64) -> Option<Vec<Trace>> {
        let count = usize::try_from(to.checked_sub(from)?).ok()?;
        let recent = self.recent();
        let traces = recent.traces.get(&location)?;
        let begin = traces.partition_point(|(revision, _)| *revision <= from);
        let end = traces.partition_point(|(revision, _)| *revision <= to);
        if end.checked_sub(begin) != Some(count) {
            return None;
        }
        let between = traces.range(begin..end).map(|(_, trace)| trace);
        let is_told = between.clone().all(|trace| trace.counters.is_some());
        is_told.then(|| between.cloned().collect())
    }

    /// Forgets them: what the database holds may be older than they are.
    pub(super) fn forget(&self) {
        *self.recent() = Recent::default();
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn push(&mut self, location: LocationKey, revision: i64, trace: Trace) {
        let last = self.traces.get(&location).and_then(VecDeque::back);
        if last.is_some_and(|(last, _)| *last >= revision) {
            // The round of another lane overtook this one, or the database has gone back: nothing before it is sure.
            self.counters = self.counters.saturating_sub(self.counters_at(location));
            self.traces.remove(&location);
        }
        if trace.count() > COUNTERS_MAX {
            return;
        }
        self.counters = self.counters.saturating_add(trace.count());
        self.traces.entry(location).or_default().push_back((revision, trace));
        self.order.push_back(location);
        while (self.order.len() > TRACES_MAX || self.counters > COUNTERS_MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            self.pop(oldest);
        }
    }

    fn pop(&mut self, location: LocationKey) {
        let Some(traces) = self.traces.get_mut(&location) else {
            return;
        };
        let gone = traces.pop_front();
        if traces.is_empty() {
            self.traces.remove(&location);
        }
        self.counters = self.counters.saturating_sub(gone.map_or(0, |(_, trace)| trace.count()));
    }

    fn counters_at(&self, location: LocationKey) -> usize {
        let traces = self.traces.get(&location).into_iter().flatten();
        traces.map(|(_, trace)| trace.count()).sum()
    }
}

impl Trace {
    fn count(&self) -> usize {
        self.counters.as_ref().map_or(0, |counters| counters.len())
    }

    /// The counters that were written, as they were left.
    pub(super) fn counters(&self) -> impl Iterator<Item = &(Sku, Stock)> {
        self.counters.iter().flat_map(|counters| counters.iter())
    }
}

/// When the first payment of the tentative orders that a round wrote is due at each location, in microseconds.
pub(super) fn written_deadlines(loaded: &Loaded) -> BTreeMap<i64, i64> {
    let (ws, mut first) = (&loaded.ws, BTreeMap::new());
    for (slot, _) in ws.orders.written() {
        let due = slot.order.terms.payment_deadline;
        if let Some(due) = due.filter(|_| slot.order.state == OrderState::Tentative) {
            let due = due.timestamp_micros();
            let at = first.entry(ws.location(slot.location).key.0).or_insert(due);
            *at = due.min(*at);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: LocationKey = LocationKey(1);
    const THERE: LocationKey = LocationKey(2);

    fn trace(skus: &[&str]) -> Trace {
        let skus = skus.iter().map(|sku| Sku::parse(sku).expect("a SKU"));
        let skus = skus.map(|sku| (sku, Stock::default()));
        Trace {
            counters: Some(skus.collect()),
            first_deadline: None,
        }
    }

    fn after(rounds: impl IntoIterator<Item = (LocationKey, i64, Trace)>) -> Traces {
        let traces = Traces::default();
        for (location, revision, trace) in rounds {
            traces.recent().push(location, revision, trace);
        }
        let recent = traces.recent();
        let counters: usize = [HERE, THERE].map(|location| recent.counters_at(location)).iter().sum();
        assert_eq!(recent.counters, counters);
        drop(recent);
        traces
    }

    #[test]
    fn rounds_without_a_gap_are_told_in_their_order() {
        let traces = after([
            (HERE, 5, trace(&["A"])),
            (THERE, 5, trace(&["X"])),
            (HERE, 6, trace(&["B", "C"])),
            (HERE, 7, trace(&[])),
        ]);
        assert_eq!(traces.since(HERE, 4, 6), Some(vec![trace(&["A"]), trace(&["B", "C"])]));
        assert_eq!(traces.since(HERE, 6, 7), Some(vec![trace(&[])]));
        assert_eq!(traces.since(THERE, 4, 5), Some(vec![trace(&["X"])]));
        assert_eq!(traces.since(HERE, 7, 7), Some(Vec::new()));
        traces.forget();
        assert_eq!(traces.since(HERE, 4, 6), None);
    }

    #[test]
    fn what_others_wrote_or_is_not_noted_yet_is_not_known() {
        let traces = after([(HERE, 5, trace(&["A"])), (HERE, 7, trace(&["B"]))]);
        for (from, to) in [(4, 6), (4, 7), (5, 7), (3, 5), (6, 8), (7, 5), (i64::MAX, i64::MIN)] {
            assert_eq!(traces.since(HERE, from, to), None, "{from} to {to}");
        }
        assert_eq!(traces.since(HERE, 6, 7), Some(vec![trace(&["B"])]));
        assert_eq!(traces.since(THERE, 4, 5), None);
    }

    #[test]
    fn what_was_overtaken_or_lost_is_not_told() {
        let traces = after([
            (HERE, 4, trace(&["A"])),
            (HERE, 6, trace(&["C"])),
            (HERE, 5, trace(&["B"])),
            (HERE, 7, trace(&["D"])),
        ]);
        assert_eq!(traces.since(HERE, 3, 7), None);
        assert_eq!(traces.since(HERE, 4, 5), Some(vec![trace(&["B"])]));
        assert_eq!(traces.since(HERE, 6, 7), Some(vec![trace(&["D"])]));
    }

    #[test]
    fn more_than_counters_is_not_told() {
        let traces = after([(HERE, 5, trace(&["A"])), (HERE, 6, Trace::default())]);
        assert_eq!(traces.since(HERE, 4, 6), None);
        assert_eq!(traces.since(HERE, 4, 5), Some(vec![trace(&["A"])]));
    }

    #[test]
    fn the_oldest_are_let_go_of() {
        let rounds = (1..).take(TRACES_MAX).map(|revision| (HERE, revision, trace(&["A"])));
        let traces = after(rounds.chain([(THERE, 1, trace(&["X"]))]));
        assert_eq!(traces.since(HERE, 0, 1), None);
        assert_eq!(traces.since(HERE, 1, 2), Some(vec![trace(&["A"])]));
        let many: Vec<_> = (0..COUNTERS_MAX).map(|number| format!("SKU-{number}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let traces = after([
            (HERE, 1, trace(&["A"])),
            (THERE, 1, trace(&many)),
            (HERE, 2, trace(&[])),
        ]);
        assert_eq!(traces.since(HERE, 0, 1), None);
        assert_eq!(traces.since(THERE, 0, 1).map(|traces| traces.len()), Some(1));
        assert_eq!(traces.since(HERE, 1, 2), Some(vec![trace(&[])]));
        let too_many: Vec<_> = many.iter().copied().chain(["A"]).collect();
        let traces = after([(HERE, 1, trace(&["A"])), (THERE, 1, trace(&too_many))]);
        assert_eq!(traces.since(THERE, 0, 1), None);
        assert_eq!(traces.since(HERE, 0, 1), Some(vec![trace(&["A"])]));
    }
}
