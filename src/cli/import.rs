//! `holdfast import`: items, stock and inbounds of a shop's first day, from CSV files.
//!
//! # Shape
//! A file is read as often as it takes: to see that every row can be used, to decide all of it on a snapshot, and to book it.
//! Memory holds some rounds of it, and 16 bytes for each id that it gives.
//!
//! # Ordering
//! Items come before stock, and stock before inbounds. Nothing is booked before the rows of all files were read; nothing of a
//! file that has a bad row, unless `--partial` says so.

mod booking;
mod entries;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio_util::sync::CancellationToken;

use super::output;
use crate::clock::{Clock, SystemClock};
use crate::config::DatabaseArgs;
use crate::domain::ids::LocationId;
use crate::sequencer::runner::sequencer;
use crate::sequencer::{Limits, Sequencer};
use crate::server::run_rounds;
use crate::store::Store;
use booking::{Progress, ROUND, book, check, rehearse};
use entries::{Entries, Kind};
use rows::{Fault, fingerprint};

/// Which files, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct ImportArgs {
    /// Items: sku, `display_name`, backorderable, `lead_time_days`, `max_backlog`, `safety_stock`
    #[arg(long, value_name = "FILE", required_unless_present_any = ["stock", "inbounds"])]
    items: Option<PathBuf>,
    /// Units that are there: sku, quantity, `receipt_id`
    #[arg(long, value_name = "FILE", requires = "location")]
    stock: Option<PathBuf>,
    /// Units that are expected: sku, quantity, `expected_date`, `inbound_id`
    #[arg(long, value_name = "FILE", requires = "location")]
    inbounds: Option<PathBuf>,
    /// Where stock and inbounds belong
    #[arg(long, value_name = "ID")]
    location: Option<String>,
    /// Leave out rows that cannot be used, instead of the whole file
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// A file to be imported.
#[derive(Debug)]
struct Import {
    kind: Kind,
    path: PathBuf,
    location_id: String,
    fingerprint: String,
}

impl Import {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn entries(&self) -> Result<Entries> {
        Entries::open(self.kind, &self.path, &self.location_id, &self.fingerprint)
    }
}

/// Imports files.
///
/// # Errors
/// When a file or the database cannot be used, or a row cannot be used and nothing says to leave it out.
pub fn run(args: &ImportArgs) -> Result<()> {
    let imports = imports(args)?;
    let mut faults = 0_u64;
    for import in &imports {
        let mut progress = Progress::new(&import.name(), "reading");
        faults = faults.saturating_add(check(
            &mut import.entries()?,
            &mut progress,
            &mut telling(&import.path),
        )?);
    }
    if faults > 0 && !args.partial {
        bail!("{faults} faults, and nothing was imported: repair them, or leave their rows out with --partial");
    }
    let database = args.database.clone().resolve()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime")?.block_on(async {
        let store = super::database::open(&database).await?;
        let imported = import_all(&store, &imports, args.partial).await;
        store.close().await;
        imported
    })
}

fn imports(args: &ImportArgs) -> Result<Vec<Import>> {
    let files = [
        (Kind::Items, &args.items),
        (Kind::Stock, &args.stock),
        (Kind::Inbounds, &args.inbounds),
    ];
    let given = files.into_iter().filter_map(|(kind, path)| Some((kind, path.clone()?)));
    let import = given.map(|(kind, path)| {
        Ok(Import {
            kind,
            fingerprint: fingerprint(&path)?,
            path,
            location_id: args.location.clone().unwrap_or_default(),
        })
    });
    import.collect()
}

/// Names each fault on standard error.
fn telling(path: &Path) -> impl FnMut(&Fault) + Send {
    let name = path.display().to_string();
    move |fault| output::error(&format!("{name} {fault}"))
}

async fn import_all(store: &Arc<dyn Store>, imports: &[Import], partial: bool) -> Result<()> {
    if let Some(import) = imports.iter().find(|import| import.kind != Kind::Items) {
        let id = &import.location_id;
        let location = LocationId::parse(id).map_err(|error| anyhow::anyhow!("--location {error}"))?;
        if store.last_event(&location).await?.is_none() {
            bail!("there is no location {id:?}: put it with CatalogService/PutLocation");
        }
    }
    let (clock, stop): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), CancellationToken::new());
    let limits = Limits {
        round_commands_max: ROUND,
        ..Limits::default()
    };
    let (sequencer, runners) = sequencer(store, &clock, limits, &stop);
    let halted = run_rounds(runners)?;
    let mut imported = Ok(());
    for import in imports {
        imported = import_one(store.as_ref(), &sequencer, import, partial).await;
        if imported.is_err() {
            break;
        }
    }
    drop(sequencer);
    stop.cancel();
    // Why rounds ended says more than that they did.
    halted.await.context("the rounds ended")??;
    imported
}

async fn import_one(store: &dyn Store, sequencer: &Sequencer, import: &Import, partial: bool) -> Result<()> {
    let (name, kind) = (import.name(), import.kind);
    let mut tell = telling(&import.path);
    if kind != Kind::Items && !partial {
        let mut progress = Progress::new(&name, "trying");
        let refused = rehearse(store, kind, &mut import.entries()?, &mut progress, &mut tell).await?;
        if refused > 0 {
            bail!(
                "{refused} of the {} in {name} would be refused, and nothing of it was imported",
                kind.noun()
            );
        }
    }
    let mut entries = import.entries()?;
    let tally = book(
        sequencer,
        kind,
        &mut entries,
        &mut Progress::new(&name, "importing"),
        &mut tell,
    )
    .await?;
    let (booked, repeated, refused) = (tally.booked, tally.repeated, tally.refused);
    let (rows, noun) = (entries.rows_read, kind.noun());
    output::line(&format!(
        "{name}: {rows} rows, {booked} {noun} imported, {repeated} there before, {refused} refused"
    ));
    if refused > 0 && !partial {
        bail!("{refused} {noun} of {name} were refused while they were booked: something else changed the database");
    }
    Ok(())
}
