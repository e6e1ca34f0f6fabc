//! A shop under test: the real server in this process, on a temporary database and a clock that the test sets,
//! spoken to over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::ManualClock;
use holdfast::grpc::StreamSettings;
use holdfast::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::event_service_client::EventServiceClient;
use holdfast::proto::holdfast::v1::operations_service_client::OperationsServiceClient;
use holdfast::proto::holdfast::v1::supply_service_client::SupplyServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::{self as pb, OrderState, adjust_stock_request};
use holdfast::sequencer::Limits;
use holdfast::server::{self, Running, ServerOptions};
use holdfast::store::Store;
use tonic::Status;
use tonic::transport::Channel;

use super::at;
use super::databases::{Database, Kind};
pub(crate) use super::requests::{W1, date, item, location, order};

/// Streams that say soon that they have nothing to tell.
pub(crate) fn brisk() -> StreamSettings {
    StreamSettings {
        heartbeat_interval: Duration::from_millis(200),
        ..StreamSettings::default()
    }
}

/// A running shop.
pub(crate) struct Shop {
    pub(crate) checkout: CheckoutServiceClient<Channel>,
    pub(crate) warehouse: WarehouseServiceClient<Channel>,
    pub(crate) supply: SupplyServiceClient<Channel>,
    pub(crate) catalog: CatalogServiceClient<Channel>,
    pub(crate) operations: OperationsServiceClient<Channel>,
    pub(crate) events: EventServiceClient<Channel>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) channel: Channel,
    running: Running,
    receipts: u32,
    _database: Arc<Database>,
}

impl Shop {
    /// A server with nothing set up, on Monday 2026-03-02 at 09:00Z.
    pub(crate) async fn empty(kind: Kind) -> Self {
        Self::with_streams(kind, brisk()).await
    }

    /// A shop with nothing set up, and streams of these settings.
    pub(crate) async fn with_streams(kind: Kind, streams: StreamSettings) -> Self {
        let database = kind.database();
        let store = database.open().await;
        let options = ServerOptions {
            streams,
            ..ServerOptions::default()
        };
        Self::start(store, Arc::new(database), options).await
    }

    /// A server on a store, whose database goes with the last shop on it.
    pub(crate) async fn on_with(store: Arc<dyn Store>, database: Arc<Database>, limits: Limits) -> Self {
        let options = ServerOptions {
            streams: brisk(),
            limits,
            ..ServerOptions::default()
        };
        Self::start(store, database, options).await
    }

    /// A server on a store with any options.
    pub(crate) async fn start(store: Arc<dyn Store>, database: Arc<Database>, options: ServerOptions) -> Self {
        // What the server logs belongs to the test that fails; only the first of a process can ask for it.
        let logs = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing::Level::WARN);
        drop(logs.try_init());
        let clock = Arc::new(ManualClock::new(at("2026-03-02T09:00:00Z")));
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = ServerOptions { listen, ..options };
        let running = server::start(store, Arc::clone(&clock) as Arc<_>, options)
            .await
            .expect("a server");
        let endpoint = Channel::from_shared(format!("http://{}", running.address)).expect("an address");
        let channel = endpoint.connect().await.expect("a connection");
        Self {
            checkout: CheckoutServiceClient::new(channel.clone()),
            warehouse: WarehouseServiceClient::new(channel.clone()),
            supply: SupplyServiceClient::new(channel.clone()),
            catalog: CatalogServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
            clock,
            channel,
            running,
            receipts: 0,
            _database: database,
        }
    }

    /// A shop with the location `W1` and items that can be had in 30 days.
    pub(crate) async fn with_items(kind: Kind, skus: &[&str]) -> Self {
        let mut shop = Self::empty(kind).await;
        shop.put_location(location(W1)).await;
        for sku in skus {
            shop.put_item(item(sku)).await;
        }
        shop
    }

    /// A shop as [`with_items`](Self::with_items), with units on hand.
    pub(crate) async fn stocked(kind: Kind, stock: &[(&str, i64)]) -> Self {
        let skus: Vec<_> = stock.iter().map(|(sku, _)| *sku).collect();
        let mut shop = Self::with_items(kind, &skus).await;
        for (sku, quantity) in stock {
            if *quantity > 0 {
                shop.receive(sku, *quantity).await;
            }
        }
        shop
    }

    pub(crate) fn set_clock(&self, text: &str) {
        self.clock.set(at(text));
    }

    pub(crate) async fn put_location(&mut self, location: pb::Location) {
        let request = pb::PutLocationRequest {
            location: Some(location),
        };
        self.catalog.put_location(request).await.expect("a location");
    }

    pub(crate) async fn put_item(&mut self, item: pb::Item) {
        self.catalog
            .put_item(pb::PutItemRequest { item: Some(item) })
            .await
            .expect("an item");
    }

    pub(crate) async fn put_inbound(&mut self, inbound_id: &str, expected: &str, lines: &[(&str, i64)]) {
        let lines = lines.iter().map(|(sku, quantity)| pb::InboundLine {
            sku: (*sku).to_owned(),
            quantity: *quantity,
            received_quantity: 0,
        });
        let inbound = pb::Inbound {
            location_id: W1.to_owned(),
            inbound_id: inbound_id.to_owned(),
            expected_date: date(expected),
            lines: lines.collect(),
            state: 0,
        };
        self.supply
            .put_inbound(pb::PutInboundRequest { inbound: Some(inbound) })
            .await
            .expect("an inbound");
    }

    pub(crate) async fn receive(&mut self, sku: &str, quantity: i64) -> pb::ReceiveStockResponse {
        self.receive_at(W1, sku, quantity).await
    }

    pub(crate) async fn receive_at(&mut self, location_id: &str, sku: &str, quantity: i64) -> pb::ReceiveStockResponse {
        self.receipts += 1;
        let request = pb::ReceiveStockRequest {
            location_id: location_id.to_owned(),
            receipt_id: format!("R{}", self.receipts),
            lines: vec![pb::ReceiptLine {
                sku: sku.to_owned(),
                quantity,
            }],
            ..pb::ReceiveStockRequest::default()
        };
        self.warehouse
            .receive_stock(request)
            .await
            .expect("a receipt")
            .into_inner()
    }

    pub(crate) async fn adjust(
        &mut self,
        sku: &str,
        change: adjust_stock_request::Change,
    ) -> Result<pb::AdjustStockResponse, Status> {
        self.receipts += 1;
        let request = pb::AdjustStockRequest {
            location_id: W1.to_owned(),
            adjustment_id: format!("A{}", self.receipts),
            sku: sku.to_owned(),
            change: Some(change),
            ..pb::AdjustStockRequest::default()
        };
        self.warehouse
            .adjust_stock(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn try_reserve(&mut self, request: pb::ReserveRequest) -> Result<pb::ReserveResponse, Status> {
        self.checkout.reserve(request).await.map(tonic::Response::into_inner)
    }

    /// Places an order at `W1` that must be accepted.
    pub(crate) async fn reserve(&mut self, order_id: &str, lines: &[(&str, i64)]) -> pb::Order {
        let answer = self.try_reserve(order(order_id, W1, lines)).await.expect("an order");
        answer.order.expect("an order")
    }

    pub(crate) async fn quote(&mut self, lines: &[(&str, i64)]) -> pb::Quote {
        let lines = lines.iter().map(|(sku, quantity)| pb::QuoteRequestLine {
            sku: (*sku).to_owned(),
            quantity: *quantity,
        });
        let request = pb::QuoteRequest {
            location_id: W1.to_owned(),
            lines: lines.collect(),
        };
        self.checkout
            .quote(request)
            .await
            .expect("a quote")
            .into_inner()
            .quote
            .expect("a quote")
    }

    pub(crate) async fn order(&mut self, order_id: &str) -> pb::Order {
        let request = pb::GetOrderRequest {
            order_id: order_id.to_owned(),
        };
        self.checkout
            .get_order(request)
            .await
            .expect("an order")
            .into_inner()
            .order
            .expect("an order")
    }

    pub(crate) async fn cancel(&mut self, order_id: &str) -> Result<pb::CancelOrderResponse, Status> {
        let request = pb::CancelOrderRequest {
            order_id: order_id.to_owned(),
            ..pb::CancelOrderRequest::default()
        };
        self.checkout
            .cancel_order(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn ship(&mut self, order_id: &str) -> Result<pb::ConfirmShipmentResponse, Status> {
        let parcel = pb::Parcel {
            carrier: "Post".to_owned(),
            tracking_number: "T-1".to_owned(),
        };
        let request = pb::ConfirmShipmentRequest {
            order_id: order_id.to_owned(),
            parcels: vec![parcel],
            ..pb::ConfirmShipmentRequest::default()
        };
        self.warehouse
            .confirm_shipment(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub(crate) async fn stock(&mut self, sku: &str) -> pb::Stock {
        self.stock_at(W1, sku).await
    }

    pub(crate) async fn stock_at(&mut self, location_id: &str, sku: &str) -> pb::Stock {
        let request = pb::GetStockRequest {
            location_id: location_id.to_owned(),
            sku: sku.to_owned(),
        };
        self.operations
            .get_stock(request)
            .await
            .expect("counters")
            .into_inner()
            .stock
            .expect("counters")
    }

    /// On hand, allocated, backlog and available of a SKU at `W1`.
    pub(crate) async fn counters(&mut self, sku: &str) -> [i64; 4] {
        let stock = self.stock(sku).await;
        [stock.on_hand, stock.allocated, stock.backlog, stock.available]
    }

    /// Units allocated to the first line of an order.
    pub(crate) async fn allocated(&mut self, order_id: &str) -> i64 {
        self.order(order_id)
            .await
            .lines
            .first()
            .expect("a line")
            .allocated_quantity
    }

    pub(crate) async fn state(&mut self, order_id: &str) -> OrderState {
        self.order(order_id).await.state()
    }

    /// The log of `W1` so far: the kind of each event, and the order that it is about.
    pub(crate) async fn log(&mut self) -> Vec<(String, String)> {
        let request = pb::WatchEventsRequest {
            location_ids: vec![W1.to_owned()],
            ..pb::WatchEventsRequest::default()
        };
        let mut stream = self.events.watch_events(request).await.expect("a stream").into_inner();
        let mut log = Vec::new();
        // A heartbeat comes once there is nothing left to read.
        while let Some(pb::watch_events_response::Item::Event(event)) = stream
            .message()
            .await
            .expect("a message")
            .expect("the stream goes on")
            .item
        {
            let kind = format!("{:?}", event.payload.expect("what happened"));
            let kind = kind.split('(').next().unwrap_or_default().to_owned();
            log.push((kind, event.order_id));
        }
        log
    }

    pub(crate) async fn check_invariants(&mut self) -> Vec<pb::CheckInvariantsResponse> {
        let request = pb::CheckInvariantsRequest::default();
        let mut stream = self
            .operations
            .check_invariants(request)
            .await
            .expect("a stream")
            .into_inner();
        let mut reports = Vec::new();
        while let Some(report) = stream.message().await.expect("a report") {
            reports.push(report);
        }
        reports
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Tells the server to go down, without waiting.
    pub(crate) fn stop(&self) {
        self.running.stop();
    }

    /// Checks every invariant over what is stored, and goes down.
    pub(crate) async fn close(mut self) {
        let reports = self.check_invariants().await;
        assert!(reports.len() >= 10, "invariants are checked: {reports:?}");
        let broken: Vec<_> = reports.iter().filter(|report| report.violations != 0).collect();
        assert!(broken.is_empty(), "{broken:?}");
        let Self {
            running,
            checkout,
            warehouse,
            supply,
            catalog,
            operations,
            events,
            channel,
            _database,
            ..
        } = self;
        drop((checkout, warehouse, supply, catalog, operations, events, channel));
        running.stop();
        running.finished().await.expect("an orderly end");
    }
}
