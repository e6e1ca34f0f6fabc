//! The command line: one module a command.

pub mod copy;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod load;
pub mod output;
pub mod prune;
pub mod renew_epoch;
pub mod serve;
pub mod warehouse;
pub mod zones;

use clap::{Parser, Subcommand};

use crate::config::{DatabaseArgs, ServeArgs};
use crate::telemetry::LogFormat;

/// Inventory allocation for shops that sell on backorder.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, about)]
pub struct Cli {
    /// How logs on standard error look.
    #[arg(long, env = "HOLDFAST_LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(ServeArgs),
    /// Make the tables of a database, or bring them up to date.
    Migrate(DatabaseArgs),
    /// Move a shop from a SQLite file to an empty database of PostgreSQL.
    Copy(copy::CopyArgs),
    /// Tell the backorder policy's story on a temporary database.
    Demo(demo::DemoArgs),
    /// Bring in items, stock and inbounds from CSV files.
    Import(import::ImportArgs),
    /// Measure a running service.
    Load(load::LoadArgs),
    /// Compare the zones of this binary with those of the system.
    Doctor(doctor::DoctorArgs),
    /// Remove old events from a database that no server has open.
    Prune(prune::PruneArgs),
    /// Make a database that was restored from a copy refuse earlier resume tokens.
    RenewEpoch(renew_epoch::RenewEpochArgs),
    /// Follow the releases of a location on a terminal, and acknowledge them.
    Warehouse(warehouse::WarehouseArgs),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What the command could not do, for people.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(args),
            Command::Migrate(args) => database::migrate(args),
            Command::Copy(args) => copy::run(&args),
            Command::Demo(args) => demo::run(args),
            Command::Import(args) => import::run(&args),
            Command::Load(args) => load::run(&args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Prune(args) => prune::run(&args),
            Command::RenewEpoch(args) => renew_epoch::run(&args),
            Command::Warehouse(args) => warehouse::run(&args),
        }
    }
}
