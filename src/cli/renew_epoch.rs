//! `holdfast renew-epoch`: makes a database that was restored from a copy refuse the resume tokens of its former life.

use anyhow::{Context, Result};

use super::output;
use crate::config::DatabaseArgs;

/// Which database.
#[derive(Debug, Clone, clap::Args)]
pub struct RenewEpochArgs {
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Draws a new epoch.
///
/// # Errors
/// When the database is in use, or cannot be written.
pub fn run(args: &RenewEpochArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let store = super::database::open(&args.database.clone().resolve()?).await?;
        let renewed = store.renew_epoch().await;
        store.close().await;
        Ok::<_, anyhow::Error>(renewed?)
    })?;
    output::line("resume tokens that were given out before are refused from now on");
    Ok(())
}
