//! `holdfast doctor`: whether the zones of this binary agree with those of the system.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;

use super::output;
use super::zones::{self, Report};
use crate::clock::{Clock, SystemClock};
use crate::config::{Database, DatabaseArgs};

/// Which zones, and where the system's are.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// A zone to compare, such as Europe/Brussels; may be repeated. Without any, the zones of all locations are read from the
    /// database, which on SQLite no server may have open
    #[arg(long = "zone", value_name = "ZONE")]
    zones: Vec<Tz>,
    /// The directory of the system's zones
    #[arg(long, env = zones::SYSTEM_ZONES_VARIABLE, value_name = "DIRECTORY", default_value = zones::SYSTEM_ZONES)]
    zoneinfo: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Compares zones and prints what was found.
///
/// # Errors
/// When the database cannot be read, or a zone differs from the system's within two years.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let zones = if args.zones.is_empty() {
        stored(&args.database.clone().resolve()?)?
    } else {
        args.zones.clone()
    };
    let report = zones::compare(&zones, &args.zoneinfo, SystemClock.now());
    print(&report);
    match report.differing() {
        0 => Ok(()),
        count => bail!("{count} of the zones have other clocks than the system's: see docs/OPERATIONS.md, \"Zones\""),
    }
}

fn stored(database: &Database) -> Result<Vec<Tz>> {
    if let Database::Sqlite(path) = database
        && !path.exists()
    {
        bail!("there is no database {}: name it, or zones to compare", path.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(async {
        let store = super::database::open(database).await?;
        let zones = zones::in_use(&*store).await;
        store.close().await;
        Ok(zones?)
    })
}

fn print(report: &Report) {
    output::line(report);
    for (zone, comparison) in &report.zones {
        output::line(&format!("{zone}: {comparison}"));
    }
}
