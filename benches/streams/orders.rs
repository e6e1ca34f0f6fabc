//! Orders: as many as go, or at a rate; and when each was answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use holdfast::clock::monotonic;
use holdfast::proto::holdfast::v1 as pb;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::transport::Channel;

use crate::server::Server;

/// Where orders go, in turns.
pub(crate) const LOCATIONS: u64 = 10;
/// How long is measured.
pub(crate) const MEASURED: Duration = Duration::from_secs(5);
const IN_FLIGHT: u64 = 256;

pub(crate) fn receipt(location: u64, receipt_id: &str, quantity: i64) -> pb::ReceiveStockRequest {
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

/// How many a second that is since an instant.
pub(crate) fn per_second(count: u64, since: Instant) -> u64 {
    let millis = monotonic().duration_since(since).as_millis().max(1);
    let rate = u128::from(count).saturating_mul(1_000).checked_div(millis);
    rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or_default()
}

/// Orders a second with so many in flight.
pub(crate) async fn most_orders(server: &Server) -> u64 {
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

/// When the callers of orders had their answers, which leave after the commit, and how much later their releases came.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Of orders whose release or answer has not come.
    one_came: Mutex<BTreeMap<String, Instant>>,
    /// Microseconds; zero for a release that came first.
    late_us: Mutex<Histogram<u64>>,
    answers: AtomicU64,
}

/// A histogram of up to a minute.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 3).expect("a histogram")
}

impl Default for Answered {
    fn default() -> Self {
        Self {
            one_came: Mutex::default(),
            late_us: Mutex::new(histogram()),
            answers: AtomicU64::new(0),
        }
    }
}

impl Answered {
    /// Orders that were answered.
    pub(crate) fn count(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Begins anew, and says what came since the last time.
    pub(crate) fn take(&self) -> Histogram<u64> {
        let mut late = self.late_us.lock().expect("no holder panics");
        std::mem::replace(&mut late, histogram())
    }

    fn answer(&self, order_id: String) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        // Only those of the location that is followed are waited for.
        if !order_id.ends_with('0') {
            return;
        }
        let now = monotonic();
        let mut one_came = self.one_came.lock().expect("no holder panics");
        if one_came.remove(&order_id).is_some() {
            self.late_us.lock().expect("no holder panics").saturating_record(0);
        } else {
            one_came.insert(order_id, now);
        }
    }

    /// The release of an order came.
    pub(crate) fn release(&self, order_id: String) {
        let now = monotonic();
        let mut one_came = self.one_came.lock().expect("no holder panics");
        if let Some(answered) = one_came.remove(&order_id) {
            let late = now.saturating_duration_since(answered).as_micros();
            let mut late_us = self.late_us.lock().expect("no holder panics");
            late_us.saturating_record(u64::try_from(late).unwrap_or(u64::MAX));
        } else {
            one_came.insert(order_id, now);
        }
    }
}

/// Places orders at a rate until it is aborted.
pub(crate) async fn place_at(channel: Channel, per_second: u64, answered: Arc<Answered>) {
    let mut ticks = interval(Duration::from_millis(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = monotonic();
    let mut placed = 0_u64;
    loop {
        ticks.tick().await;
        let due = u128::from(per_second).saturating_mul(monotonic().duration_since(began).as_millis());
        let due = due
            .checked_div(1_000)
            .and_then(|due| u64::try_from(due).ok())
            .unwrap_or_default();
        for _ in placed..due {
            tokio::spawn(place(
                CheckoutServiceClient::new(channel.clone()),
                Arc::clone(&answered),
            ));
        }
        placed = due;
    }
}

/// Places an order. One that is refused is not measured.
async fn place(mut checkout: CheckoutServiceClient<Channel>, answered: Arc<Answered>) {
    let order = order();
    let order_id = order.order_id.clone();
    if checkout.reserve(order).await.is_ok() {
        answered.answer(order_id);
    }
}
