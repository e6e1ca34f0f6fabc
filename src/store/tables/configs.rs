//! Parsed configurations of locations, kept between rounds: a calendar with its holidays is read once for each of
//! its versions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::catalog::Location;
use crate::domain::ids::LocationKey;

/// The newest configuration that was read of each location.
#[derive(Debug, Default)]
pub(in crate::store) struct Configs(Mutex<HashMap<LocationKey, (i64, Location)>>);

impl Configs {
    /// The configuration of a location at a version.
    pub(in crate::store) fn find(&self, key: LocationKey, version: i64) -> Option<Location> {
        let kept = self.lock();
        kept.get(&key)
            .filter(|(kept, _)| *kept == version)
            .map(|(_, location)| location.clone())
    }

    /// Keeps a configuration that was read.
    pub(in crate::store) fn keep(&self, key: LocationKey, version: i64, location: Location) {
        self.lock().insert(key, (version, location));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LocationKey, (i64, Location)>> {
        // Each entry is replaced whole, so that a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
