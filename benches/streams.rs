//! What streams cost and how soon they tell, against the real server in a process of its own: the latency from a release to a
//! subscriber, the orders that a thousand subscribers leave room for, receipts by stream and one by one, and subscribers that
//! never read. Server and clients share the machine.
//!
//! `cargo bench --bench streams -- [latency] [subscribers] [receipts] [silent]` runs the sections named, or all.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use holdfast::cli::output::line;
use holdfast::clock::{Clock, SystemClock, monotonic};
use holdfast::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::event_service_client::EventServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::watch_events_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, EventType};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

const LOCATIONS: u64 = 10;
const IN_FLIGHT: u64 = 256;
const MEASURED: Duration = Duration::from_secs(5);

/// A server on a new database, killed when it is dropped.
struct Server {
    child: Child,
    endpoint: String,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start() -> Self {
        let directory = tempfile::tempdir_in("target").expect("a directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_holdfast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url"])
            .arg(format!("sqlite:{}", directory.path().join("bench.db").display()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut said = stdout.lines().map_while(Result::ok);
        let address = said.find_map(|line| Some(line.split_once("listening on ")?.1.split(',').next()?.to_owned()));
        let server = Self {
            child,
            endpoint: format!("http://{}", address.expect("the server listens")),
            _directory: directory,
        };
        server.set_up().await;
        server
    }

    async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).expect("an address");
        endpoint.tcp_nodelay(true).connect().await.expect("a connection")
    }

    /// A connection whose client takes 64 KiB and no more until they are read; by default it would take megabytes.
    async fn connect_narrow(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.endpoint.clone()).expect("an address");
        let narrow = endpoint
            .initial_stream_window_size(65_535)
            .initial_connection_window_size(65_535);
        narrow.connect().await.expect("a connection")
    }

    async fn set_up(&self) {
        let mut catalog = CatalogServiceClient::new(self.connect().await);
        let item = pb::Item {
            sku: "A".to_owned(),
            ..pb::Item::default()
        };
        catalog
            .put_item(pb::PutItemRequest { item: Some(item) })
            .await
            .expect("an item");
        for number in 0..LOCATIONS {
            let location = pb::Location {
                location_id: format!("L{number}"),
                time_zone: "UTC".to_owned(),
                ..pb::Location::default()
            };
            let request = pb::PutLocationRequest {
                location: Some(location),
            };
            catalog.put_location(request).await.expect("a location");
            let receipts: Vec<_> = (0..10)
                .map(|at| receipt(number, &format!("stock-{at}"), 1_000_000))
                .collect();
            for receipt in receipts {
                let mut warehouse = WarehouseServiceClient::new(self.connect().await);
                warehouse.receive_stock(receipt).await.expect("a receipt");
            }
        }
    }

    /// Resident memory of the server, in KiB.
    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = resident.and_then(|text| text.split_whitespace().next());
        number.and_then(|text| text.parse().ok()).expect("its resident memory")
    }

    async fn watch(&self, channel: &Channel, location: u64) -> Streaming<pb::WatchEventsResponse> {
        let request = pb::WatchEventsRequest {
            location_ids: vec![format!("L{location}")],
            types: vec![EventType::OrderReleased.into()],
            ..pb::WatchEventsRequest::default()
        };
        let watched = EventServiceClient::new(channel.clone()).watch_events(request).await;
        watched.expect("a stream").into_inner()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn receipt(location: u64, receipt_id: &str, quantity: i64) -> pb::ReceiveStockRequest {
    pb::ReceiveStockRequest {
        location_id: format!("L{location}"),
        receipt_id: receipt_id.to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: "A".to_owned(),
            quantity,
        }],
        ..pb::ReceiveStockRequest::default()
    }
}

static ORDERS: AtomicU64 = AtomicU64::new(0);

fn order() -> pb::ReserveRequest {
    let number = ORDERS.fetch_add(1, Ordering::Relaxed);
    pb::ReserveRequest {
        order_id: format!("order-{number:09}"),
        location_id: format!("L{}", number.rem_euclid(LOCATIONS)),
        lines: vec![pb::ReserveLine {
            sku: "A".to_owned(),
            quantity: 1,
            price: None,
        }],
        ..pb::ReserveRequest::default()
    }
}

fn per_second(count: u64, since: Instant) -> u64 {
    let millis = monotonic().duration_since(since).as_millis().max(1);
    let rate = u128::from(count).saturating_mul(1_000).checked_div(millis);
    rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or_default()
}

/// Orders a second with so many in flight.
async fn most_orders(server: &Server) -> u64 {
    let channel = server.connect().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    let began = monotonic();
    for _ in 0..IN_FLIGHT {
        let (mut checkout, is_over) = (CheckoutServiceClient::new(channel.clone()), Arc::clone(&is_over));
        callers.spawn(async move {
            let mut placed = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                checkout.reserve(order()).await.expect("an order");
                placed = placed.saturating_add(1);
            }
            placed
        });
    }
    sleep(MEASURED).await;
    is_over.store(true, Ordering::Relaxed);
    let placed = callers.join_all().await.iter().sum();
    per_second(placed, began)
}

/// Places orders at a rate until it is aborted.
async fn place_at(channel: Channel, per_second: u64) {
    let mut ticks = interval(Duration::from_millis(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let each = per_second.checked_div(500).unwrap_or_default().max(1);
    loop {
        ticks.tick().await;
        for _ in 0..each {
            let mut checkout = CheckoutServiceClient::new(channel.clone());
            // An order that is refused is not measured.
            tokio::spawn(async move { drop(checkout.reserve(order()).await) });
        }
    }
}

/// Microseconds from the decision of releases to their arrival, for a while.
async fn latencies(stream: &mut Streaming<pb::WatchEventsResponse>) -> Histogram<u64> {
    // Up to a minute.
    let mut found = Histogram::new_with_max(60_000_000, 3).expect("a histogram");
    let until = monotonic() + MEASURED;
    while let Ok(Some(message)) = stream.message().await {
        let Some(Item::Event(event)) = message.item else {
            continue;
        };
        if monotonic() > until {
            break;
        }
        let at = event.event_time.expect("a time");
        let now = SystemClock.now();
        let decided = at
            .seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos).div_euclid(1_000));
        let micros = now.timestamp_micros().saturating_sub(decided);
        found.saturating_record(u64::try_from(micros).unwrap_or_default());
    }
    found
}

fn print_latency(what: &str, rate: u64, found: &Histogram<u64>) {
    let [p50, p99] = [50.0, 99.0].map(|percent| found.value_at_percentile(percent));
    let count = found.len();
    line(&format!(
        "{what}: {count} releases at {rate} orders/s, p50 {p50} us, p99 {p99} us after the decision"
    ));
}

async fn latency() {
    let server = Server::start().await;
    let most = most_orders(&server).await;
    let half = most.checked_div(2).unwrap_or_default();
    line(&format!("most orders/s: {most}"));
    let mut stream = follow_from_now(&server).await;
    let placing = tokio::spawn(place_at(server.connect().await, half));
    // What comes first is not measured.
    drop(latencies(&mut stream).await);
    print_latency("latency", half, &latencies(&mut stream).await);
    placing.abort();
}

/// A stream that is past what was there.
async fn follow_from_now(server: &Server) -> Streaming<pb::WatchEventsResponse> {
    let mut stream = server.watch(&server.connect().await, 0).await;
    while let Ok(Some(message)) = stream.message().await {
        if matches!(message.item, Some(Item::Heartbeat(_))) {
            break;
        }
    }
    stream
}

async fn read_all(mut stream: Streaming<pb::WatchEventsResponse>) {
    while let Ok(Some(_)) = stream.message().await {}
}

async fn subscribers() {
    let server = Server::start().await;
    let none = most_orders(&server).await;
    let server = Server::start().await;
    let idle = server.resident_kib();
    let mut reading = JoinSet::new();
    for _ in 0..10 {
        let channel = server.connect().await;
        for at in 0..100_u64 {
            let stream = server.watch(&channel, at.rem_euclid(LOCATIONS)).await;
            reading.spawn(read_all(stream));
        }
    }
    sleep(Duration::from_secs(1)).await;
    let each = server
        .resident_kib()
        .saturating_sub(idle)
        .checked_div(1_000)
        .unwrap_or_default();
    line(&format!(
        "1,000 idle subscribers on {LOCATIONS} locations: {each} KiB each"
    ));
    let told_all = most_orders(&server).await;
    line(&format!(
        "orders/s without subscribers {none}, with 1,000 that are told every release {told_all}"
    ));
    reading.abort_all();
    // The same number, at locations where nothing happens.
    let server = Server::start().await;
    let mut catalog = CatalogServiceClient::new(server.connect().await);
    let quiet = pb::Location {
        location_id: "L99".to_owned(),
        time_zone: "UTC".to_owned(),
        ..pb::Location::default()
    };
    let request = pb::PutLocationRequest { location: Some(quiet) };
    catalog.put_location(request).await.expect("a location");
    let mut quiet = JoinSet::new();
    for _ in 0..10 {
        let channel = server.connect().await;
        for _ in 0..100 {
            let stream = server.watch(&channel, 99).await;
            quiet.spawn(read_all(stream));
        }
    }
    let told_none = most_orders(&server).await;
    line(&format!("orders/s with 1,000 subscribers elsewhere {told_none}"));
}

async fn receipts() {
    let server = Server::start().await;
    let mut warehouse = WarehouseServiceClient::new(server.connect().await);
    let began = monotonic();
    let mut booked = 0_u64;
    while monotonic().duration_since(began) < MEASURED {
        let receipt = receipt(0, &format!("unary-{booked}"), 1);
        warehouse.receive_stock(receipt).await.expect("a receipt");
        booked = booked.saturating_add(1);
    }
    let unary = per_second(booked, began);
    let sent = tokio_stream::iter((0..20_000).map(|number| receipt(0, &format!("stream-{number}"), 1)));
    let began = monotonic();
    let mut stream = warehouse.stream_receipts(sent).await.expect("a stream").into_inner();
    let mut answered = 0_u64;
    while let Ok(Some(_)) = stream.message().await {
        answered = answered.saturating_add(1);
    }
    let streamed = per_second(answered, began);
    line(&format!("receipts/s one by one {unary}, by one stream {streamed}"));
}

async fn silent() {
    let server = Server::start().await;
    let rate = most_orders(&server).await.checked_div(4).unwrap_or_default();
    let mut stream = follow_from_now(&server).await;
    let placing = tokio::spawn(place_at(server.connect().await, rate));
    // What comes first is not measured.
    drop(latencies(&mut stream).await);
    print_latency(
        "without subscribers that never read",
        rate,
        &latencies(&mut stream).await,
    );
    let before = server.resident_kib();
    let mut never_read = Vec::new();
    for _ in 0..20 {
        let channel = server.connect_narrow().await;
        for at in 0..10 {
            never_read.push(server.watch(&channel, at).await);
        }
    }
    drop(latencies(&mut stream).await);
    print_latency("beside 200 that never read", rate, &latencies(&mut stream).await);
    let more = server.resident_kib().saturating_sub(before);
    placing.abort();
    line(&format!(
        "200 subscribers that never read: {more} KiB more in the server, orders of these seconds included"
    ));
    drop(never_read);
}

fn main() {
    let sections: Vec<String> = std::env::args().skip(1).filter(|text| !text.starts_with('-')).collect();
    let is_asked = |name: &str| sections.is_empty() || sections.iter().any(|section| section == name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if is_asked("latency") {
            latency().await;
        }
        if is_asked("subscribers") {
            subscribers().await;
        }
        if is_asked("receipts") {
            receipts().await;
        }
        if is_asked("silent") {
            silent().await;
        }
    });
}
