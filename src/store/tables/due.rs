//! Loads tentative orders that have lapsed.

use std::collections::BTreeSet;

use super::super::StoreError;
use super::Database;
use super::cells::Cells;
use super::load::Loader;
use super::statements::Load;
use crate::allocator::footprint::LAPSES_MAX;

/// Microseconds that no deadline comes to.
pub(super) const NEVER: i64 = i64::MAX;

impl<D: Database> Loader<'_, D> {
    /// Loads tentative orders that have lapsed at locations that are locked, and the counters of their lines.
    pub(super) async fn load_due(&mut self) -> Result<(), StoreError> {
        let locations = self.loaded.ws.locations.iter().map(|(_, slot)| slot.key.0);
        let mut keys: BTreeSet<i64> = locations.filter(|key| !self.loaded.unlocked.contains(key)).collect();
        if self.kept.is_some() {
            self.keep_those_due(&mut keys).await?;
        }
        let (now, mut given) = (self.loaded.ws.now.timestamp_micros(), Load::Due.rows());
        let limit = i64::try_from(LAPSES_MAX).unwrap_or(i64::MAX).saturating_add(1);
        for key in keys {
            given.row().int(key).int(now).int(limit).end();
        }
        let mut places = BTreeSet::new();
        for row in &self.find(Load::Due, &given).await? {
            let cells = Cells::new(row, "orders", 2);
            places.insert((cells.int(0, "location_key")?, cells.int(1, "sequence")?));
        }
        let new = self.load_orders_at(&places).await?;
        self.load_stock_of_orders(&new).await?;
        let due = places.iter().filter_map(|place| self.order_at(*place)).collect();
        self.loaded.ws.load_due(due);
        Ok(())
    }

    /// Leaves of some locations those where a payment is due. When the first one is stays what it is for as long as nobody else
    /// writes there, so that it is asked once.
    async fn keep_those_due(&mut self, keys: &mut BTreeSet<i64>) -> Result<(), StoreError> {
        let mut given = Load::Due.rows();
        for key in keys.iter() {
            let kept = self.kept.as_ref().and_then(|kept| kept.first_deadline(*key));
            self.loaded.deadlines.insert(*key, kept.unwrap_or(NEVER));
            if kept.is_none() {
                given.row().int(*key).int(NEVER).int(1).end();
            }
        }
        for row in &self.find(Load::Due, &given).await? {
            let cells = Cells::new(row, "orders", 2);
            let (key, deadline) = (cells.int(0, "location_key")?, cells.int(2, "payment_deadline_us")?);
            self.loaded.deadlines.insert(key, deadline);
        }
        let now = self.loaded.ws.now.timestamp_micros();
        let deadlines = &self.loaded.deadlines;
        keys.retain(|key| deadlines.get(key).is_some_and(|deadline| *deadline <= now));
        Ok(())
    }
}
