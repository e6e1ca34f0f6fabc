//! Reads on a snapshot by rounds that are never written.

use super::super::tables::{Configs, Database, Loaded, Loader};
use super::super::{LOADS_MAX, Round, StoreError, Verdict};

/// Loads and decides until nothing is missing, without locks.
pub(super) async fn observe<D: Database>(
    database: &mut D,
    configs: &Configs,
    round: &mut dyn Round,
) -> Result<(), StoreError> {
    for _ in 0..LOADS_MAX {
        let (footprint, now) = (round.footprint(), round.now());
        let mut loader = Loader::new(database, configs, None, Loaded::new(now));
        loader.load(&footprint).await?;
        let wants = round.plan(&loader.loaded.ws);
        loader.load_wants(&wants).await?;
        if round.decide(&mut loader.loaded.ws) != Verdict::Again {
            return Ok(());
        }
    }
    Err(StoreError::NeverLoaded(LOADS_MAX))
}
