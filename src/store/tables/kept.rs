//! Rows that a writer keeps between rounds: items and counters, as its last committed round left them.
//!
//! A location's revision grows with each round that writes there, and is read under the location's lock: while it is
//! what this writer left, nobody else wrote. An item belongs to every location, so putting one grows all revisions.

use foldhash::HashMap;

use super::changes::Changes;
use super::load::Loaded;
use crate::allocator::working_set::ItemSlot;
use crate::domain::ids::{LocationKey, Sku, SkuKey};
use crate::domain::stock::Stock;

/// The most items, and the most counters, that are kept: some ten MiB. Beyond it all are read anew.
const ROWS_MAX: usize = 65_536;

/// Rows that need not be read again.
#[derive(Debug, Default)]
pub(in crate::store) struct Kept {
    revisions: HashMap<LocationKey, i64>,
    items: HashMap<Sku, ItemSlot>,
    stocks: HashMap<(LocationKey, SkuKey), Stock>,
    /// What the last round wrote: its room serves the next one.
    pub(super) changes: Changes,
}

impl Kept {
    /// Forgets everything if somebody else wrote at a location. To be called with what is read under its lock.
    pub(super) fn check(&mut self, location: LocationKey, revision: i64) {
        if self.revisions.get(&location).is_some_and(|kept| *kept != revision) {
            self.forget();
        }
    }

    /// Whether nobody else wrote at a location since this writer did.
    pub(super) fn is_current(&self, location: LocationKey, revision: i64) -> bool {
        self.revisions.get(&location) == Some(&revision)
    }

    /// An item and its counters at a location, if both are kept.
    pub(super) fn find(&self, location: LocationKey, sku: &Sku) -> Option<(&ItemSlot, &Stock)> {
        let item = self.items.get(sku)?;
        Some((item, self.stocks.get(&(location, item.key))?))
    }

    /// Keeps what a committed round left.
    pub(in crate::store) fn keep(&mut self, loaded: &Loaded) {
        if self.items.len().max(self.stocks.len()) > ROWS_MAX {
            self.forget();
        }
        let ws = &loaded.ws;
        for location in loaded.revised() {
            let revision = loaded.revisions.get(&location.0).copied().unwrap_or(0);
            self.revisions.insert(location, revision.saturating_add(1));
        }
        for (slot, _) in ws.items.written() {
            self.items.insert(slot.item.sku.clone(), slot.clone());
        }
        for (_, slot) in ws.stocks.iter() {
            let (location, item) = (ws.location(slot.location).key, ws.item(slot.item));
            if !self.revisions.contains_key(&location) || loaded.unlocked.contains(&location.0) {
                continue;
            }
            // One that is kept from another location may be older: somebody may have put the item since.
            if self.items.get(&item.item.sku) != Some(item) {
                self.items.insert(item.item.sku.clone(), item.clone());
            }
            self.stocks.insert((location, item.key), slot.stock.clone());
        }
    }

    /// Keeps nothing: what was committed is not known.
    pub(in crate::store) fn forget(&mut self) {
        self.revisions.clear();
        self.items.clear();
        self.stocks.clear();
    }
}
