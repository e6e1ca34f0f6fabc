//! `holdfast prune`: removes old events from a database that no server has open.

use anyhow::{Context, Result};
use chrono::TimeDelta;

use super::output;
use crate::clock::{Clock, SystemClock};
use crate::config::{DatabaseArgs, Keep};
use crate::store::Store;

/// How long events wait for a consumer that acknowledges nothing.
const CONSUMER_SILENCE_MAX: TimeDelta = TimeDelta::days(30);

/// What to keep, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct PruneArgs {
    /// Events of this age and younger stay, such as 90d, 12h or 30m
    #[arg(long, value_name = "AGE")]
    keep: Keep,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Removes old events.
///
/// # Errors
/// When the database is in use, or cannot be read or written.
pub fn run(args: &PruneArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let removed = runtime.block_on(async {
        let store = super::database::open(&args.database.clone().resolve()?).await?;
        let removed = prune_all(&*store, args.keep, &SystemClock).await;
        store.close().await;
        Ok::<_, anyhow::Error>(removed?)
    });
    output::line(&format!("{} events older than {} were removed", removed?, args.keep));
    Ok(())
}

/// Removes all events older than an age; answers how many.
///
/// # Errors
/// When the store cannot be written.
pub async fn prune_all(store: &dyn Store, keep: Keep, clock: &dyn Clock) -> Result<u64, crate::store::StoreError> {
    let now = clock.now();
    let heard_since = now.checked_sub_signed(CONSUMER_SILENCE_MAX);
    let (Some(before), Some(heard_since)) = (keep.before(now), heard_since) else {
        return Ok(0);
    };
    let mut all = 0_u64;
    loop {
        let removed = store.prune(before, heard_since).await?;
        all = all.saturating_add(removed);
        if removed == 0 {
            return Ok(all);
        }
    }
}
