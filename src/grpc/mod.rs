//! gRPC: thin handlers that convert, submit and convert back.
//!
//! # Shape
//! One file for each service. `convert` parses a request and names every fault of it in one answer, `context`
//! submits commands and asks the store, `view` spells out what callers see, and [`status`] is the one mapping of
//! what went wrong. Reads are `readers`: observed rounds.
//!
//! # What bounds it
//! The size of messages, reads and streams under way ([`StreamSettings`]), and a page's entries and bytes. What does
//! not fit is refused at once.
//!
//! # Layering
//! Knows no SQL and decides nothing. A handler that is dropped, because its client left or its deadline passed, drops
//! no work of the database: that runs in tasks of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::service::{LayerExt, Routes};

use crate::clock::Clock;
use crate::proto::holdfast::v1 as pb;
use crate::sequencer::Sequencer;
use crate::store::Store;

mod availability;
mod catalog;
mod checkout;
pub mod codec;
mod context;
pub(crate) mod convert;
mod desk;
mod events;
mod explain;
mod held;
mod hub;
pub mod layers;
mod operations;
mod paging;
mod permits;
mod readers;
mod receipts;
pub mod status;
mod stream;
mod supply;
mod token;
mod view;
mod warehouse;
mod watch;

use context::Context;

/// The largest message taken, in bytes: an order of 500 lines is a tenth of it.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// The full name of every service, as the health service reports on it.
pub const SERVICE_NAMES: [&str; 6] = [
    pb::checkout_service_server::SERVICE_NAME,
    pb::warehouse_service_server::SERVICE_NAME,
    pb::supply_service_server::SERVICE_NAME,
    pb::catalog_service_server::SERVICE_NAME,
    pb::operations_service_server::SERVICE_NAME,
    pb::event_service_server::SERVICE_NAME,
];

/// What the handlers need.
#[derive(Debug, Clone)]
pub struct Services {
    /// Where reads go.
    pub store: Arc<dyn Store>,
    /// Where commands go.
    pub sequencer: Sequencer,
    /// The instant of reads.
    pub clock: Arc<dyn Clock>,
    /// The bounds of streams.
    pub settings: StreamSettings,
    /// Ends the streams once it is cancelled.
    pub shutdown: CancellationToken,
}

/// The bounds of streams and reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSettings {
    /// How often logs that are followed are looked at although nobody told of news: once for all who follow.
    pub poll_interval: Duration,
    /// How long a stream may be silent before it sends a heartbeat. The contract promises one every 15 seconds.
    pub heartbeat_interval: Duration,
    /// How long a stream lives, give or take a tenth: then its reader connects again, and load spreads anew. A reader that does
    /// not read learns it when it does, and until then keeps its place with what it holds.
    pub lifetime: Duration,
    /// The most streams at once; more are refused. Each costs its buffer.
    pub streams_max: usize,
    /// The most streams of one connection at once; more are refused.
    pub streams_per_connection_max: usize,
    /// Bytes that wait for a slow reader. Beyond them its stream stops, and goes on from the table.
    pub buffer_bytes_max: usize,
    /// Bytes of the newest events of a log that all who follow it share. Whoever is further behind reads the table.
    pub tail_bytes_max: usize,
    /// The most reads at once; more are refused. Beyond what the store has connections for they only wait.
    pub reads_max: usize,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(200),
            heartbeat_interval: Duration::from_secs(10),
            lifetime: Duration::from_mins(30),
            streams_max: 4_096,
            streams_per_connection_max: 256,
            buffer_bytes_max: 64 * 1_024,
            tail_bytes_max: 1_024 * 1_024,
            reads_max: 1_000,
        }
    }
}

/// All services of Holdfast, with their limits and [`layers`].
#[must_use]
pub fn routes(services: Services) -> Routes {
    let context = Arc::new(Context::new(services));
    let mut routes = Routes::default();
    macro_rules! add {
        ($($service:expr => $server:ty;)*) => {$(
            let server = <$server>::new($service(Arc::clone(&context))).max_decoding_message_size(MESSAGE_BYTES_MAX);
            routes = routes.add_service(layers::documented().named_layer(layers::Deadlines.named_layer(server)));
        )*};
    }
    add! {
        checkout::Checkout => pb::checkout_service_server::CheckoutServiceServer<_>;
        warehouse::Warehouse => pb::warehouse_service_server::WarehouseServiceServer<_>;
        supply::Supply => pb::supply_service_server::SupplyServiceServer<_>;
        catalog::Catalog => pb::catalog_service_server::CatalogServiceServer<_>;
        operations::Operations => pb::operations_service_server::OperationsServiceServer<_>;
        events::Events => pb::event_service_server::EventServiceServer<_>;
    }
    routes.prepare()
}
