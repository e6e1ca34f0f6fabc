//! A client that orders, cancels and receives until its connection is cut, and writes down what it was told.

use std::sync::Arc;

use holdfast::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use holdfast::proto::holdfast::v1::{
    CancelOrderRequest, Item, Location, Order, PutItemRequest, PutLocationRequest, ReceiptLine, ReceiveStockRequest,
    ReserveLine, ReserveRequest,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Mutex;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::ledger::Ledger;

/// The one location.
pub(super) const LOCATION: &str = "crash";
/// Few, so that most orders queue behind one another.
pub(super) const SKUS: [&str; 4] = ["A", "B", "C", "D"];

/// A call that changes something, kept so that it can be sent again.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Reserve(ReserveRequest),
    Cancel(CancelOrderRequest),
    Receive(ReceiveStockRequest),
}

/// What the server said to a change.
#[derive(Debug)]
pub(super) enum Told {
    Reserved(Box<Order>),
    Cancelled(String),
    Received(ReceiveStockRequest),
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
    }
}

/// Only a server that goes away may leave a call undone: every call is one that must be accepted.
fn assert_cut(error: &Status, change: &Change) {
    let Some(info) = error.get_details_error_info() else {
        return;
    };
    assert!(
        ["STORE_UNAVAILABLE", "SHUTTING_DOWN"].contains(&info.reason.as_str()),
        "{change:?} was refused: {error:?}"
    );
}

#[derive(Debug)]
pub(super) struct Customer {
    name: String,
    rng: SmallRng,
    channel: Channel,
    last_order: Option<String>,
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

    /// Calls until an answer stays out.
    pub(super) async fn call_until_cut(mut self, ledger: Arc<Mutex<Ledger>>) {
        for number in 0.. {
            let change = self.change(number);
            let outcome = send(&self.channel, change.clone()).await;
            let mut ledger = ledger.lock().await;
            let told = match outcome {
                Ok(told) => told,
                Err(error) => {
                    assert_cut(&error, &change);
                    return ledger.note_unanswered(change);
                }
            };
            if let Told::Reserved(order) = &told {
                self.last_order = Some(order.order_id.clone());
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
            (0, Some(order_id)) => Change::Cancel(CancelOrderRequest {
                order_id,
                ..CancelOrderRequest::default()
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
