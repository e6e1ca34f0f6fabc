//! Rows that the writer keeps between rounds: items and counters, as the last committed round left them.
//!
//! One process writes the file, through one connection, so what that connection committed last is what is stored. A
//! change by anybody else (a person with a database tool) shows in SQLite's data version, which is read under the
//! write lock of each round: then nothing is kept.

use std::collections::HashMap;

use super::super::StoreError;
use super::connection::Connection;
use crate::allocator::working_set::{ItemSlot, WorkingSet};
use crate::domain::ids::{LocationKey, Sku, SkuKey};
use crate::domain::stock::Stock;

/// The most items, and the most counters, that are kept: some ten MiB. Beyond it all are read anew.
const ROWS_MAX: usize = 65_536;

const DATA_VERSION: &str = "-- data_version
PRAGMA data_version";

/// Rows that need not be read again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    data_version: String,
    items: HashMap<Sku, ItemSlot>,
    stocks: HashMap<(LocationKey, SkuKey), Stock>,
}

impl Kept {
    /// Forgets everything if somebody else wrote. To be called under the write lock.
    pub(super) async fn check_in_tx(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let data_version = connection.pragma(DATA_VERSION).await?;
        if data_version != self.data_version {
            *self = Self {
                data_version,
                ..Self::default()
            };
        }
        Ok(())
    }

    /// An item and its counters at a location, if both are kept.
    pub(super) fn find(&self, location: LocationKey, sku: &Sku) -> Option<(&ItemSlot, &Stock)> {
        let item = self.items.get(sku)?;
        Some((item, self.stocks.get(&(location, item.key))?))
    }

    /// Keeps what a committed round left.
    pub(super) fn keep(&mut self, ws: &WorkingSet) {
        if self.items.len().max(self.stocks.len()) > ROWS_MAX {
            self.forget();
        }
        for (slot, _) in ws.items.written() {
            self.items.insert(slot.item.sku.clone(), slot.clone());
        }
        for (_, slot) in ws.stocks.iter() {
            let item = ws.item(slot.item);
            if !self.items.contains_key(&item.item.sku) {
                self.items.insert(item.item.sku.clone(), item.clone());
            }
            self.stocks
                .insert((ws.location(slot.location).key, item.key), slot.stock.clone());
        }
    }

    /// Keeps nothing: what was committed is not known.
    pub(super) fn forget(&mut self) {
        self.items.clear();
        self.stocks.clear();
    }
}
