//! `holdfast renew-epoch`: makes a database that was restored from a copy refuse the resume tokens of its former life.

use anyhow::{Context, Result};

use super::output;
use crate::config::sqlite_path;
use crate::store::Store;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// Which database.
#[derive(Debug, Clone, clap::Args)]
pub struct RenewEpochArgs {
    /// The database, as for `holdfast serve`; no server may have it open
    #[arg(
        long,
        env = "HOLDFAST_DATABASE_URL",
        default_value = "sqlite:holdfast.db",
        value_name = "URL",
        hide_env_values = true
    )]
    database_url: String,
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
        let store = SqliteStore::open(&SqliteOptions::new(sqlite_path(&args.database_url)?)).await?;
        let renewed = store.renew_epoch().await;
        store.close().await;
        Ok::<_, anyhow::Error>(renewed?)
    })?;
    output::line("resume tokens that were given out before are refused from now on");
    Ok(())
}
