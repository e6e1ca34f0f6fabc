//! `holdfast copy`: moves a shop from a SQLite file to PostgreSQL.

use anyhow::{Context, Result, bail};

use super::output;
use crate::config::Database;
use crate::store::copy::copy;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// From where to where.
#[derive(Debug, Clone, clap::Args)]
pub struct CopyArgs {
    /// The file, such as `sqlite:///var/lib/holdfast/holdfast.db`; no server may have it open
    #[arg(long, value_name = "URL")]
    from: String,
    /// The empty database, such as `postgres://user@host/name`, for a user who may make tables
    #[arg(long, env = "HOLDFAST_COPY_TO", value_name = "URL", hide_env_values = true)]
    to: String,
}

/// Copies everything, or goes on where an earlier copy was cut.
///
/// # Errors
/// When the file is in use, the target is not empty, or a database fails.
pub fn run(args: &CopyArgs) -> Result<()> {
    let (Database::Sqlite(path), Database::Postgres(to)) = (Database::named(&args.from)?, Database::named(&args.to)?)
    else {
        bail!("--from must begin with \"sqlite:\" and --to with \"postgres://\"");
    };
    if !path.exists() {
        bail!("there is no file {}", path.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(async {
        let options = SqliteOptions::new(&path);
        let from = SqliteStore::open(&options).with_context(|| format!("{} cannot be opened", path.display()))?;
        let copied = copy(&from, &to)
            .await
            .with_context(|| format!("{} is not copied", path.display()))?;
        for (table, rows) in copied {
            output::line(&format!("{table}: {rows} rows"));
        }
        output::line(&format!(
            "{} holds everything now: serve it, and no longer {}",
            to.place(),
            path.display()
        ));
        Ok(())
    })
}
