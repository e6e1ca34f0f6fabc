//! A client that orders, cancels and receives until its connection is cut, and writes down what it was told.

use std::sync::Arc;
use std::time::Duration;

use holdfast::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::{
    CancelOrderRequest, ConfirmShipmentRequest, Item, Location, Order, OrderState, Parcel, PutItemRequest,
    PutLocationRequest, ReceiptLine, ReceiveStockRequest, ReserveLine, ReserveRequest,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::ledger::Ledger;

/// The one location.
pub(super) const LOCATION: &str = "crash";
/// Few, so that most orders queue behind one another.
pub(super) const SKUS: [&str; 4] = ["A", "B", "C", "D"];

/// How long a client waits after a call without an answer.
const PATIENCE: Duration = Duration::from_millis(20);

/// A call that changes something, kept so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Reserve(ReserveRequest),
    Cancel(CancelOrderRequest),
    Receive(ReceiveStockRequest),
    Ship(ConfirmShipmentRequest),
}

/// What the server said to a change.
#[derive(Debug)]
pub(super) enum Told {
    Reserved(Box<Order>),
    Cancelled(String),
    Received(ReceiveStockRequest),
    Shipped(Box<Order>),
}

/// Makes the location and the items. With a lead time every order is accepted.
pub(super) async fn set_up(channel: Channel) {
    let mut catalog = CatalogServiceClient::new(channel);
    let location = Location {
        location_id: LOCATION.to_owned(),
        time_zone: "UTC".to_owned(),
        ..Location::default()
    };
    let request = PutLocationRequest {
        location: Some(location),
    };
    catalog.put_location(request).await.expect("a location");
    for sku in SKUS {
        let item = Item {
            sku: sku.to_owned(),
            lead_time_days: Some(30),
            ..Item::default()
        };
        let request = PutItemRequest { item: Some(item) };
        catalog.put_item(request).await.expect("an item");
    }
}

/// Sends a change.
pub(super) async fn send(channel: &Channel, change: Change) -> Result<Told, Status> {
    let mut checkout = CheckoutServiceClient::new(channel.clone());
    match change {
        Change::Reserve(request) => {
            let answer = checkout.reserve(request).await?.into_inner();
            Ok(Told::Reserved(Box::new(answer.order.expect("the order"))))
        }
        Change::Cancel(request) => {
            let answer = checkout.cancel_order(request).await?.into_inner();
            Ok(Told::Cancelled(answer.order.expect("the order").order_id))
        }
        Change::Receive(request) => {
            let sent = request.clone();
            let answer = WarehouseServiceClient::new(channel.clone())
                .receive_stock(request)
                .await?;
            assert_eq!(answer.into_inner().receipt_id, sent.receipt_id);
            Ok(Told::Received(sent))
        }
        Change::Ship(request) => {
            let mut warehouse = WarehouseServiceClient::new(channel.clone());
            let answer = warehouse.confirm_shipment(request).await?.into_inner();
            Ok(Told::Shipped(Box::new(answer.order.expect("the order"))))
        }
    }
}

/// Only a server that goes away, or whose database is away, may leave a call undone: every call is one that must be accepted.
fn assert_cut(error: &Status, change: &Change) {
    let Some(info) = error.get_details_error_info() else {
        return;
    };
    assert!(
        ["STORE_UNAVAILABLE", "OVERLOADED", "SHUTTING_DOWN"].contains(&info.reason.as_str()),
        "{change:?} was refused: {error:?}"
    );
}

#[derive(Debug)]
pub(super) struct Customer {
    name: String,
    rng: SmallRng,
    channel: Channel,
    last_order: Option<Order>,
}

impl Customer {
    pub(super) fn new(name: String, seed: u64, channel: Channel) -> Self {
        Self {
            name,
            rng: SmallRng::seed_from_u64(seed),
            channel,
            last_order: None,
        }
    }

    /// Calls until an answer stays out, or, where somebody says when to stop, until then.
    pub(super) async fn call(mut self, ledger: Arc<Mutex<Ledger>>, stop: Option<CancellationToken>) {
        for number in 0.. {
            if stop.as_ref().is_some_and(CancellationToken::is_cancelled) {
                return;
            }
            let change = self.change(number);
            let outcome = send(&self.channel, change.clone()).await;
            let mut ledger = ledger.lock().await;
            let told = match outcome {
                Ok(told) => told,
                Err(error) => {
                    assert_cut(&error, &change);
                    ledger.note_unanswered(change);
                    drop(ledger);
                    match stop {
                        Some(_) => tokio::time::sleep(PATIENCE).await,
                        None => return,
                    }
                    continue;
                }
            };
            if let Told::Reserved(order) = &told {
                self.last_order = Some(*order.clone());
            }
            ledger.note(told);
        }
    }

    fn change(&mut self, number: u64) -> Change {
        let id = format!("{}-{number}", self.name);
        let (first, second) = (
            self.rng.random_range(0..SKUS.len()),
            self.rng.random_range(0..SKUS.len()),
        );
        let quantity = self.rng.random_range(1..4);
        match (self.rng.random_range(0..10), self.last_order.take()) {
            (0, Some(order)) => Change::Cancel(CancelOrderRequest {
                order_id: order.order_id,
                ..CancelOrderRequest::default()
            }),
            // Nothing here takes units back, so that what was released once may ship.
            (4..6, Some(order)) if order.state() == OrderState::Released => Change::Ship(ConfirmShipmentRequest {
                order_id: order.order_id,
                parcels: vec![Parcel {
                    carrier: "a carrier".to_owned(),
                    tracking_number: id,
                }],
                ..ConfirmShipmentRequest::default()
            }),
            (1..4, _) => {
                let line = |at: usize| ReceiptLine {
                    sku: SKUS[at].to_owned(),
                    quantity: quantity * 4,
                };
                Change::Receive(ReceiveStockRequest {
                    location_id: LOCATION.to_owned(),
                    receipt_id: id,
                    lines: vec![line(first)],
                    ..ReceiveStockRequest::default()
                })
            }
            _ => {
                let line = |at: usize| ReserveLine {
                    sku: SKUS[at].to_owned(),
                    quantity,
                    price: None,
                };
                Change::Reserve(ReserveRequest {
                    order_id: id,
                    location_id: LOCATION.to_owned(),
                    lines: vec![line(first), line(second)],
                    ..ReserveRequest::default()
                })
            }
        }
    }
}
