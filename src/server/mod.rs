//! The server: wires store, sequencer and services together, bounds what clients may do, and goes down in order.

mod accept;
mod readiness;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::Clock;
use crate::grpc::{self, Services, StreamSettings};
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::sequencer::Limits;
use crate::sequencer::runner::{Halted, Runner, sequencer};
use crate::store::Store;

/// Streams of one connection at a time: with more, one client could hold everybody's memory.
const STREAMS_PER_CONNECTION_MAX: u32 = 2_048;
/// The header list of a call, in bytes: more is an attack.
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// Streams reset by a client before they were accepted: more is a rapid-reset flood.
const PENDING_RESETS_MAX: usize = 64;
/// How often an idle connection is asked whether it lives, and how long it has to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How a server runs.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What bounds the sequencer.
    pub limits: Limits,
    /// What bounds streams.
    pub streams: StreamSettings,
    /// The most connections at a time.
    pub connections_max: usize,
    /// How long calls may go on once the server goes down.
    pub grace: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50_051)),
            limits: Limits::default(),
            streams: StreamSettings::default(),
            connections_max: 4_096,
            grace: Duration::from_secs(10),
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Tells the server to go down: see [`finished`](Self::finished) for when it is.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// What stops the server when it is cancelled.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the server is down: it stopped accepting, finished what was queued, closed its streams and its store.
    ///
    /// # Errors
    /// When it went down because it could not go on.
    pub async fn finished(self) -> anyhow::Result<()> {
        self.served.await.context("the server's task panicked")?
    }
}

/// Starts a server on a store.
///
/// # Errors
/// When it cannot listen, or a thread cannot be started.
pub async fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>, options: ServerOptions) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let (stop, drained) = (CancellationToken::new(), CancellationToken::new());
    let (handle, runners) = sequencer(&store, &clock, options.limits, &drained);
    let halted = run_rounds(runners)?;

    let (health, health_service) = tonic_health::server::health_reporter();
    report(&health, ServingStatus::Serving).await;
    let services = Services {
        store: Arc::clone(&store),
        sequencer: handle,
        clock,
        settings: options.streams,
        shutdown: stop.clone(),
    };
    let routes = with_reflection(grpc::routes(services).add_service(health_service))?;
    let incoming = accept::connections(listener, options.connections_max, stop.clone());
    let serving = tokio::spawn(
        Server::builder()
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
            .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()),
    );
    let down = Down {
        stop: stop.clone(),
        drained,
        health,
        store,
        grace: options.grace,
    };
    let served = tokio::spawn(down.watch(serving, halted));
    Ok(Running { address, stop, served })
}

type Serving = JoinHandle<Result<(), tonic::transport::Error>>;
pub(crate) type HaltedReceiver = oneshot::Receiver<Result<(), Halted>>;

/// Runs rounds on a thread of their own: deciding never waits for calls to be read or written.
pub(crate) fn run_rounds(runners: Vec<Runner>) -> anyhow::Result<HaltedReceiver> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime for rounds")?;
    let (ended, halted) = oneshot::channel();
    thread::Builder::new()
        .name("rounds".to_owned())
        .spawn(move || {
            let result = runtime.block_on(run_all(runners));
            if ended.send(result).is_err() {
                tracing::debug!("the server ended before its rounds");
            }
        })
        .context("no thread for rounds")?;
    Ok(halted)
}

/// Runs the lanes until all have ended, or one cannot go on: then none may acknowledge anything more.
async fn run_all(runners: Vec<Runner>) -> Result<(), Halted> {
    let mut lanes = futures_of(runners);
    while let Some(ended) = lanes.join_next().await {
        match ended {
            Ok(result) => result?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(())
}

fn futures_of(runners: Vec<Runner>) -> JoinSet<Result<(), Halted>> {
    runners.into_iter().map(Runner::run).collect()
}

fn with_reflection(routes: Routes) -> anyhow::Result<Routes> {
    let configure = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // So that tools can read the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = configure().build_v1().context("the descriptors cannot be served")?;
    let v1alpha = configure()
        .build_v1alpha()
        .context("the descriptors cannot be served")?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}

/// Says the state of the server as a whole, and of each service.
async fn report(health: &HealthReporter, status: ServingStatus) {
    for service in grpc::SERVICE_NAMES.into_iter().chain([""]) {
        health.set_service_status(service, status).await;
    }
}

/// What is needed to go down.
struct Down {
    stop: CancellationToken,
    drained: CancellationToken,
    health: HealthReporter,
    store: Arc<dyn Store>,
    grace: Duration,
}

impl Down {
    /// Waits for a reason to go down, and goes down in order, within the grace period.
    async fn watch(mut self, mut serving: Serving, mut halted: HaltedReceiver) -> anyhow::Result<()> {
        let halt = tokio::select! {
            () = self.stop.cancelled() => None,
            ended = &mut halted => Some(ended),
            never = readiness::watch(&*self.store, &self.health) => match never {},
        };
        report(&self.health, ServingStatus::NotServing).await;
        if let Some(Ok(Err(error @ (Halted::Invariants(_) | Halted::Refill(_))))) = &halt {
            // Nothing more is decided, but operators can still look inside.
            tracing::error!(%error, "no more commands are taken: {error}");
            self.stop.cancelled().await;
        }
        self.stop.cancel();
        self.end_health_streams().await;
        let grace = tokio::time::sleep(self.grace);
        tokio::pin!(grace);
        tokio::select! {
            _ = &mut serving => {}
            () = &mut grace => {
                tracing::warn!("calls were still open after the grace period: they are cut");
                serving.abort();
            }
        }
        self.drained.cancel();
        let rounds = match halt {
            Some(ended) => ended,
            // A round that runs is never cut: it is committed or rolled back by itself.
            None => halted.await,
        };
        self.store.close().await;
        rounds
            .context("the rounds' thread panicked")?
            .context("no more rounds could be run")
    }

    /// Streams of the health service end with the names that they watch, once they have told the last status.
    async fn end_health_streams(&mut self) {
        for service in grpc::SERVICE_NAMES.into_iter().chain([""]) {
            self.health.clear_service_status(service).await;
        }
    }
}
