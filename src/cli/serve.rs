//! `holdfast serve`: the service on its database, until it is told to stop.

use std::net::SocketAddr;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::database;
use super::output::line;
use super::prune::prune_all;
use super::zones;
use crate::clock::SystemClock;
use crate::config::{Keep, ServeArgs, ServeConfig};
use crate::sequencer::hush_expected_panics;
use crate::server;
use crate::store::Store;

/// How often old events are removed.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);

/// The exit code after a second signal: what shells say of a command that was interrupted.
const INTERRUPTED: i32 = 130;

/// Runs the service until SIGTERM or SIGINT, or until it cannot go on.
///
/// # Errors
/// When settings, database or address cannot be used, or storage failed.
pub fn run(args: ServeArgs) -> anyhow::Result<()> {
    let config = args.resolve()?;
    runtime(config.grpc_threads)?.block_on(serve(config))
}

/// A runtime that reads and writes calls on so many threads. One thread is spared the cost of sharing.
fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = if threads == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.thread_name("grpc").enable_all().build().context("no runtime")
}

async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    // Before anything runs that must be ended in order.
    let signals = Signals::new()?;
    hush_expected_panics();
    let place = config.database.place();
    let store = database::open(&config.database).await?;
    let running = server::start(Arc::clone(&store), Arc::new(SystemClock), config.server).await?;
    tokio::spawn(compare_zones(Arc::clone(&store)));
    if let Some(keep) = config.keep_events {
        tokio::spawn(prune_hourly(store, keep, running.stop_token()));
    }
    let address = running.address;
    line(&format!("holdfast is listening on {address}, with its data in {place}"));
    line(&format!("try: grpcurl -plaintext {address} list"));
    if let Some(warning) = exposure(address) {
        tracing::warn!("{warning}");
    }
    tokio::spawn(signals.obey(running.stop_token()));
    running.finished().await
}

/// Says in the log where the zones in use differ from the system's. The service does not wait for it.
async fn compare_zones(store: Arc<dyn Store>) {
    if let Err(error) = zones::log(store.as_ref()).await {
        tracing::warn!(%error, "zones could not be compared with the system's: {error}");
    }
}

/// Removes old events now and every hour, until the service ends. A removal is never dropped midway.
async fn prune_hourly(store: Arc<dyn Store>, keep: Keep, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match prune_all(store.as_ref(), keep, &SystemClock).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "{removed} events older than {keep} were removed"),
            Err(error) => tracing::warn!(%error, "old events could not be removed: {error}"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PRUNE_INTERVAL) => {}
        }
    }
}

/// What whoever runs the service is to be told about its address.
fn exposure(address: SocketAddr) -> Option<String> {
    let reachable = !address.ip().to_canonical().is_loopback();
    reachable.then(|| {
        format!(
            "{address} can be reached from other machines, and this version has neither TLS nor authentication: let \
             only trusted networks through"
        )
    })
}

/// The signals that end the service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let handler = |kind| signal(kind).context("signals cannot be handled");
        Ok(Self {
            terminate: handler(SignalKind::terminate())?,
            interrupt: handler(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Goes down in order at the first signal, and at once at the second: what was answered is on disk.
    async fn obey(mut self, stop: CancellationToken) {
        self.next().await;
        tracing::info!("going down: no new calls, queued ones are finished; a second signal ends it at once");
        stop.cancel();
        self.next().await;
        tracing::warn!("a second signal: ending at once");
        process::exit(INTERRUPTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_can_reach_is_warned_of() {
        for (address, warned) in [
            ("127.0.0.1:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.0.2.1:1", true),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(exposure(address).is_some(), warned, "{address}");
        }
    }
}
