//! The callers: one thread with its own runtime, its connections, and on each connection callers that send one call
//! after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::answers::{Quoted, Received, Reserved, call};
use super::plan::{Call, Plan, Window};
use super::tally::{Answer, Tally};
use crate::clock::monotonic;
use crate::proto::holdfast::v1::{
    Availability, QuoteRequest, QuoteRequestLine, ReceiptLine, ReceiveStockRequest, ReserveLine, ReserveRequest,
};

/// HTTP/2 flow control windows, so that small answers never wait for the client to grant room.
const HTTP2_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How long a caller holds back after the server was not there, so that it does not spin.
const PAUSE_WITHOUT_SERVER: Duration = Duration::from_millis(10);

/// Runs the callers of one thread to the end of the window, and answers with what they counted.
pub(super) fn run_thread(
    plan: &Arc<Plan>,
    thread: usize,
    ready: &mpsc::Sender<()>,
    started: watch::Receiver<Option<Window>>,
) -> Result<Tally> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(run_connections(plan, thread, ready, started))
}

async fn run_connections(
    plan: &Arc<Plan>,
    thread: usize,
    ready: &mpsc::Sender<()>,
    mut started: watch::Receiver<Option<Window>>,
) -> Result<Tally> {
    let args = &plan.args;
    let mut channels = Vec::new();
    for connection in (thread..args.connections).step_by(args.client_threads) {
        let callers = share(args.in_flight, args.connections, connection);
        channels.push((callers, connect(&args.endpoint, callers).await?));
    }
    ready.send(()).await.context("the run was given up")?;
    let window = *started
        .wait_for(Option::is_some)
        .await
        .context("the run was given up")?;
    let window = window.context("a run that starts has a window")?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut tasks = JoinSet::new();
    for (callers, channel) in channels {
        for _ in 0..callers {
            let caller = Caller::new(plan, channel.clone());
            tasks.spawn(caller.run(window, Arc::clone(&tally)));
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.context("a caller panicked")?;
    }
    drop(tasks);
    let tally = Arc::into_inner(tally).context("a caller still counts")?;
    Ok(tally.into_inner().expect("no holder panics"))
}

/// The part of `whole` that falls to one of `parts`, as even as whole numbers allow.
fn share(whole: usize, parts: usize, part: usize) -> usize {
    (part..whole).step_by(parts).count()
}

pub(super) async fn connect(endpoint: &str, in_flight: usize) -> Result<Channel> {
    Endpoint::from_shared(endpoint.to_owned())
        .with_context(|| format!("`{endpoint}` is no address"))?
        .tcp_nodelay(true)
        .buffer_size(in_flight.max(1))
        .initial_stream_window_size(HTTP2_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_WINDOW_BYTES)
        .connect()
        .await
        .with_context(|| format!("cannot connect to {endpoint}"))
}

/// One caller.
struct Caller {
    plan: Arc<Plan>,
    client: Grpc<Channel>,
    rng: SmallRng,
}

impl Caller {
    fn new(plan: &Arc<Plan>, channel: Channel) -> Self {
        Self {
            client: Grpc::new(channel),
            plan: Arc::clone(plan),
            rng: SmallRng::from_os_rng(),
        }
    }

    async fn run(mut self, window: Window, tally: Arc<Mutex<Tally>>) {
        while self.plan.take_ticket() {
            let sent = monotonic();
            if sent >= window.end {
                break;
            }
            tally.lock().expect("no holder panics").sent += 1;
            let outcome = self.call().await;
            let is_without_server = matches!(&outcome, Err(status) if status.code() == Code::Unavailable);
            tally
                .lock()
                .expect("no holder panics")
                .record(outcome, sent, monotonic(), window);
            if is_without_server {
                tokio::time::sleep(PAUSE_WITHOUT_SERVER).await;
            }
        }
    }

    async fn call(&mut self) -> Result<Answer, Status> {
        let id = self.plan.next_id(&mut self.rng);
        let location_id = self.plan.args.location.clone();
        let lines = 0..self.plan.args.lines;
        let mut draw = || (self.plan.draw_sku(&mut self.rng), 1);
        let client = &mut self.client;
        match self.plan.args.call {
            Call::Health => health(client).await,
            Call::Reserve => {
                let line = |(sku, quantity)| ReserveLine {
                    sku,
                    quantity,
                    price: None,
                };
                let request = ReserveRequest {
                    order_id: id,
                    location_id,
                    lines: lines.map(|_| line(draw())).collect(),
                    ..ReserveRequest::default()
                };
                reserve(client, request).await
            }
            Call::Receive => {
                let line = |(sku, quantity)| ReceiptLine { sku, quantity };
                let request = ReceiveStockRequest {
                    location_id,
                    receipt_id: id,
                    lines: lines.map(|_| line(draw())).collect(),
                    ..ReceiveStockRequest::default()
                };
                receive(client, request).await
            }
            Call::Quote => {
                let line = |(sku, quantity)| QuoteRequestLine { sku, quantity };
                let lines = lines.map(|_| line(draw())).collect();
                quote(client, QuoteRequest { location_id, lines }).await
            }
        }
    }
}

async fn health(client: &mut Grpc<Channel>) -> Result<Answer, Status> {
    let request = HealthCheckRequest::default();
    let answer: HealthCheckResponse = call(client, "/grpc.health.v1.Health/Check", request).await?;
    let is_serving = answer.status() == ServingStatus::Serving;
    Ok(Answer {
        unique_number: None,
        fault: (!is_serving).then(|| format!("health says {:?}", answer.status())),
    })
}

async fn reserve(client: &mut Grpc<Channel>, request: ReserveRequest) -> Result<Answer, Status> {
    // The answer is compared with the id alone: keeping the request would cost a copy of every line.
    let id = request.order_id.clone();
    let answer: Reserved = call(client, "/holdfast.v1.CheckoutService/Reserve", request).await?;
    let order = answer.order.unwrap_or_default();
    let is_right = order.order_id == id && !answer.replayed && order.promised_ship_date.is_some();
    Ok(Answer {
        unique_number: Some(order.sequence),
        fault: (!is_right).then(|| format!("order {id} was answered with order {}", order.order_id)),
    })
}

async fn receive(client: &mut Grpc<Channel>, request: ReceiveStockRequest) -> Result<Answer, Status> {
    let id = request.receipt_id.clone();
    let answer: Received = call(client, "/holdfast.v1.WarehouseService/ReceiveStock", request).await?;
    let is_right = answer.receipt_id == id && !answer.replayed;
    Ok(Answer {
        unique_number: Some(answer.event_sequence),
        fault: (!is_right).then(|| format!("receipt {id} was answered with receipt {}", answer.receipt_id)),
    })
}

async fn quote(client: &mut Grpc<Channel>, request: QuoteRequest) -> Result<Answer, Status> {
    let lines = request.lines.len();
    let answer: Quoted = call(client, "/holdfast.v1.CheckoutService/Quote", request).await?;
    let quote = answer.quote.unwrap_or_default();
    let quoted = quote.lines.len();
    let is_promised = quote.availability() != Availability::Unavailable;
    let is_right = quoted == lines && quote.promised_ship_date.is_some() == is_promised;
    Ok(Answer {
        unique_number: None,
        fault: (!is_right).then(|| format!("{lines} lines were answered with {quoted}, or a date is missing")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_spread_evenly_and_none_is_lost() {
        let shares: Vec<usize> = (0..4).map(|part| share(10, 4, part)).collect();
        assert_eq!(shares, [3, 3, 2, 2]);
        assert_eq!(share(2, 4, 3), 0);
    }
}
