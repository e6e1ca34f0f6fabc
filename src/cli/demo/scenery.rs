//! The server that the story is told on: its own database, a free port, the story's clock.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::clock::{Clock, ManualClock};
use crate::server::{self, Running, ServerOptions};
use crate::store::Store;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// A server that runs on a database which goes away with it.
#[derive(Debug)]
pub(super) struct Scenery {
    pub(super) address: SocketAddr,
    running: Running,
    directory: TempDir,
}

/// Starts it.
pub(super) async fn build(clock: Arc<ManualClock>) -> Result<Scenery> {
    let directory = TempDir::with_prefix("holdfast-demo-").context("no temporary directory")?;
    let path = directory.path().join("holdfast.db");
    let store = SqliteStore::open(&SqliteOptions::new(path));
    let store: Arc<dyn Store> = Arc::new(store.context("the temporary database cannot be opened")?);
    let clock: Arc<dyn Clock> = clock;
    let options = ServerOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..ServerOptions::default()
    };
    let running = server::start(store, clock, options).await?;
    Ok(Scenery {
        address: running.address,
        running,
        directory,
    })
}

impl Scenery {
    /// Stops it, and removes what it left.
    pub(super) async fn strike(self) -> Result<()> {
        self.running.stop();
        self.running.finished().await?;
        self.directory
            .close()
            .context("the temporary database cannot be removed")
    }
}
