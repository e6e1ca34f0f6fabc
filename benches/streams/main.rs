//! What streams cost and how soon they tell, against the real server in a process of its own: the latency from the commit of a
//! release to a subscriber, on both databases and from one instance to another; the orders that a thousand subscribers leave
//! room for, and what a message costs the server; receipts by stream and one by one; subscribers that never read; item pages
//! that watch a SKU that is ordered. Server and clients share the machine.
//!
//! `cargo bench --bench streams -- [latency] [postgres] [instances] [subscribers] [offered] [receipts] [silent] [pages]` runs the
//! sections named, or all. `HOLDFAST` names another program to be measured instead of the one that was built.

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use holdfast::cli::output::line;
use holdfast::clock::{Clock, SystemClock, monotonic};
use holdfast::proto::holdfast::v1::event_service_client::EventServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::watch_events_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, EventType};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tonic::Streaming;
use tonic::transport::Channel;

use orders::{Answered, LOCATIONS, MEASURED, histogram, most_orders, per_second, place_at, receipt};
use reader::Readers;
use server::{Cluster, Place, Server};

mod orders;
mod pages;
mod reader;
mod server;

/// Orders a second that are offered while a thousand follow.
const OFFERED: [u64; 4] = [100, 500, 1_000, 2_000];

async fn watch(channel: &Channel, location: u64) -> Streaming<pb::WatchEventsResponse> {
    let request = pb::WatchEventsRequest {
        location_ids: vec![format!("L{location}")],
        types: vec![EventType::OrderReleased.into()],
        ..pb::WatchEventsRequest::default()
    };
    let watched = EventServiceClient::new(channel.clone()).watch_events(request).await;
    watched.expect("a stream").into_inner()
}

/// A stream that is past what was there.
async fn follow_from_now(server: &Server) -> Streaming<pb::WatchEventsResponse> {
    let mut stream = watch(&server.connect().await, 0).await;
    while let Ok(Some(message)) = stream.message().await {
        if matches!(message.item, Some(Item::Heartbeat(_))) {
            break;
        }
    }
    stream
}

/// Reads releases for a while; answers the microseconds from their decisions to their arrival.
async fn read(stream: &mut Streaming<pb::WatchEventsResponse>, answered: &Answered) -> Histogram<u64> {
    let mut found = histogram();
    let until = monotonic() + MEASURED;
    while let Ok(Some(message)) = stream.message().await {
        let Some(Item::Event(event)) = message.item else {
            continue;
        };
        if monotonic() > until {
            break;
        }
        answered.release(event.order_id);
        let at = event.event_time.expect("a time");
        let decided = at
            .seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos).div_euclid(1_000));
        let micros = SystemClock.now().timestamp_micros().saturating_sub(decided);
        found.saturating_record(u64::try_from(micros).unwrap_or_default());
    }
    found
}

fn print_latency(what: &str, rate: u64, found: &[(&str, Histogram<u64>)]) {
    for (since, found) in found {
        let [p50, p99] = [50.0, 99.0].map(|percent| found.value_at_percentile(percent));
        let count = found.len();
        line(&format!(
            "{what}: {count} releases at {rate} orders/s, p50 {p50} us, p99 {p99} us after {since}"
        ));
    }
}

/// Orders that are placed at a rate, and a subscriber that reads their releases.
struct Flow {
    rate: u64,
    answered: Arc<Answered>,
    stream: Streaming<pb::WatchEventsResponse>,
    placing: JoinHandle<()>,
}

impl Flow {
    /// Places orders at one server and follows at one; what comes first is not measured.
    async fn begin(placed_at: &Server, followed_at: &Server, rate: u64) -> Self {
        let stream = follow_from_now(followed_at).await;
        let answered = Arc::new(Answered::default());
        let placing = tokio::spawn(place_at(placed_at.connect().await, rate, Arc::clone(&answered)));
        let mut flow = Self {
            rate,
            answered,
            stream,
            placing,
        };
        drop(read(&mut flow.stream, &flow.answered).await);
        flow
    }

    /// Measures the latencies for a while.
    async fn measure(&mut self, what: &str) {
        drop(self.answered.take());
        let decided = read(&mut self.stream, &self.answered).await;
        let found = [
            ("the caller was answered", self.answered.take()),
            ("the decision", decided),
        ];
        print_latency(what, self.rate, &found);
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.placing.abort();
    }
}

/// At half of the most orders, and at an eighth.
async fn latency(place: &Place) {
    let server = Server::start(place).await;
    let most = most_orders(&server).await;
    line(&format!("most orders/s on {}: {most}", place.name()));
    for part in [2, 8] {
        let server = Server::start(place).await;
        let mut flow = Flow::begin(&server, &server, most.checked_div(part).unwrap_or_default()).await;
        flow.measure(&format!("latency on {}", place.name())).await;
    }
}

/// The orders at one instance, the subscriber at the other.
async fn instances(place: &Place) {
    let server = Server::start(place).await;
    let most = most_orders(&server).await;
    for part in [2, 8] {
        let server = Server::start(place).await;
        let other = server.beside();
        let mut flow = Flow::begin(&server, &other, most.checked_div(part).unwrap_or_default()).await;
        flow.measure("latency from one instance to the other").await;
    }
}

/// A thousand subscribers of the locations of a range.
async fn thousand(server: &Server, locations: std::ops::Range<u64>) -> Readers {
    let readers = Readers::open(server, 10, 100, locations).await;
    sleep(Duration::from_secs(1)).await;
    readers
}

async fn subscribers() {
    let server = Server::start(&Place::Sqlite).await;
    let none = most_orders(&server).await;
    let server = Server::start(&Place::Sqlite).await;
    server.put_location(99).await;
    let quiet = thousand(&server, 99..100).await;
    let elsewhere = most_orders(&server).await;
    drop(quiet);
    let server = Server::start(&Place::Sqlite).await;
    let idle = server.resident_kib();
    let readers = thousand(&server, 0..LOCATIONS).await;
    let each = server.resident_kib().saturating_sub(idle).checked_div(1_000);
    line(&format!(
        "1,000 idle subscribers: {} KiB each",
        each.unwrap_or_default()
    ));
    let (cpu, messages, began) = (server.cpu(), readers.messages(), monotonic());
    let told_all = most_orders(&server).await;
    let cpu = server.cpu().saturating_sub(cpu).as_millis();
    let told = per_second(readers.messages().saturating_sub(messages), began);
    line(&format!(
        "orders/s without subscribers {none}, with 1,000 elsewhere {elsewhere}, with 1,000 that are each told every release \
         of their location {told_all}: {told} messages/s, {cpu} ms of the server's CPU in all"
    ));
}

/// What is placed and told at a rate, and the server's CPU, for a while.
async fn offer(server: &Server, rate: u64, readers: Option<&Readers>) -> (u64, u64, Duration) {
    let answered = Arc::new(Answered::default());
    let placing = tokio::spawn(place_at(server.connect().await, rate, Arc::clone(&answered)));
    sleep(Duration::from_secs(1)).await;
    let messages = || readers.map_or(0, Readers::messages);
    let (cpu, told, placed, began) = (server.cpu(), messages(), answered.count(), monotonic());
    sleep(MEASURED).await;
    let told = messages().saturating_sub(told);
    let cpu = server.cpu().saturating_sub(cpu);
    let placed = per_second(answered.count().saturating_sub(placed), began);
    placing.abort();
    (placed, told, cpu)
}

/// A thousand subscribers over the locations of the orders, at rates.
async fn offered() {
    for rate in OFFERED {
        let server = Server::start(&Place::Sqlite).await;
        let (alone, _, cpu_alone) = offer(&server, rate, None).await;
        let readers = thousand(&server, 0..LOCATIONS).await;
        let (placed, told, cpu) = offer(&server, rate, Some(&readers)).await;
        let more = cpu.saturating_sub(cpu_alone).as_nanos();
        let each = more.checked_div(u128::from(told)).unwrap_or_default();
        let told = told.checked_div(MEASURED.as_secs()).unwrap_or_default();
        line(&format!(
            "{rate} orders/s offered: {alone} alone, {placed} beside 1,000 subscribers and {told} messages/s, {each} ns of \
             the server's CPU a message"
        ));
    }
}

async fn receipts() {
    let server = Server::start(&Place::Sqlite).await;
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
    let server = Server::start(&Place::Sqlite).await;
    let rate = most_orders(&server).await.checked_div(4).unwrap_or_default();
    let mut flow = Flow::begin(&server, &server, rate).await;
    flow.measure("without subscribers that never read").await;
    let before = server.resident_kib();
    let mut never_read = Vec::new();
    for _ in 0..20 {
        let channel = server.connect_narrow().await;
        for at in 0..LOCATIONS {
            never_read.push(watch(&channel, at).await);
        }
    }
    drop(read(&mut flow.stream, &flow.answered).await);
    flow.measure("beside 200 that never read").await;
    let more = server.resident_kib().saturating_sub(before);
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
            latency(&Place::Sqlite).await;
        }
        if is_asked("postgres") || is_asked("instances") {
            let place = Place::Postgres(Arc::new(Cluster::start()));
            if is_asked("postgres") {
                latency(&place).await;
            }
            if is_asked("instances") {
                instances(&place).await;
            }
        }
        if is_asked("subscribers") {
            subscribers().await;
        }
        if is_asked("offered") {
            offered().await;
        }
        if is_asked("receipts") {
            receipts().await;
        }
        if is_asked("silent") {
            silent().await;
        }
        if is_asked("pages") {
            pages::pages().await;
        }
    });
}
