//! Item pages: streams of availability that all watch one SKU while it is ordered as fast as it goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast::cli::output::line;
use holdfast::clock::monotonic;
use holdfast::proto::holdfast::v1 as pb;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::operations_service_client::OperationsServiceClient;
use pb::watch_availability_response::Item;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::orders::{most_orders, per_second};
use crate::server::{Place, Server};

const CONNECTIONS: usize = 20;
const PAGES_EACH: usize = 100;
/// How long pages may take to say the last state, before that is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a page says, and since when.
type Shown = Arc<Mutex<Option<(i64, Instant)>>>;

/// Pages of the SKU that is ordered, at the first of its locations.
struct Pages {
    shown: Vec<Shown>,
    messages: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Pages {
    async fn open(server: &Server) -> Self {
        let (mut shown, mut tasks, messages) = (Vec::new(), JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for _ in 0..CONNECTIONS {
            let channel = server.connect().await;
            for _ in 0..PAGES_EACH {
                let page = Shown::default();
                tasks.spawn(show(watch(&channel).await, Arc::clone(&page), Arc::clone(&messages)));
                shown.push(page);
            }
        }
        Self {
            shown,
            messages,
            _tasks: tasks,
        }
    }

    /// Since when all say this number of units; `None` while some do not.
    fn agreed(&self, available: i64) -> Option<Instant> {
        let since = self.shown.iter().map(|page| {
            let shown = *page.lock().expect("no holder panics");
            shown.filter(|(says, _)| *says == available).map(|(_, since)| since)
        });
        since.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

async fn watch(channel: &Channel) -> Streaming<pb::WatchAvailabilityResponse> {
    let request = pb::WatchAvailabilityRequest {
        location_id: "L0".to_owned(),
        skus: vec!["A".to_owned()],
        available_quantity_cap: None,
    };
    let mut checkout = CheckoutServiceClient::new(channel.clone());
    let watched = checkout.watch_availability(request).await;
    watched.expect("a stream").into_inner()
}

async fn show(mut stream: Streaming<pb::WatchAvailabilityResponse>, page: Shown, messages: Arc<AtomicU64>) {
    while let Ok(Some(message)) = stream.message().await {
        if let Some(Item::Availability(said)) = message.item {
            messages.fetch_add(1, Ordering::Relaxed);
            *page.lock().expect("no holder panics") = Some((said.available_quantity, monotonic()));
        }
    }
}

async fn available(server: &Server) -> i64 {
    let request = pb::GetStockRequest {
        location_id: "L0".to_owned(),
        sku: "A".to_owned(),
    };
    let mut operations = OperationsServiceClient::new(server.connect().await);
    let asked = operations.get_stock(request).await;
    let stock = asked.expect("counters").into_inner().stock;
    stock.expect("counters").available
}

/// How long after the last order all pages say what is left.
pub(crate) async fn pages() {
    let server = Server::start(&Place::Sqlite).await;
    let alone = most_orders(&server).await;
    let server = Server::start(&Place::Sqlite).await;
    let pages = Pages::open(&server).await;
    let (before, began) = (pages.messages.load(Ordering::Relaxed), monotonic());
    let beside = most_orders(&server).await;
    let ended = monotonic();
    let told = pages.messages.load(Ordering::Relaxed).saturating_sub(before);
    let told = per_second(told, began);
    let left = available(&server).await;
    let agreed = loop {
        if let Some(since) = pages.agreed(left) {
            break since;
        }
        assert!(
            monotonic().duration_since(ended) < PATIENCE,
            "some pages never say {left}"
        );
        sleep(Duration::from_millis(5)).await;
    };
    let late = agreed.saturating_duration_since(ended).as_millis();
    line(&format!(
        "{} pages of one SKU: {beside} orders/s, {alone} without them, {told} messages/s; the last of them said what was \
         left {late} ms after the last order",
        pages.shown.len()
    ));
}
