//! What the clients were told, and how it is compared with what the server knows after a restart.

use std::collections::{BTreeMap, BTreeSet};

use holdfast::proto::google::r#type::Date;
use holdfast::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use holdfast::proto::holdfast::v1::operations_service_client::OperationsServiceClient;
use holdfast::proto::holdfast::v1::{
    CheckInvariantsRequest, ListOrdersRequest, ListStockRequest, Order, OrderState, ReceiveStockRequest,
};
use tonic::transport::Channel;

use super::customer::{Change, LOCATION, Told, send};

/// Orders of one page: as many as the contract allows.
const PAGE_ORDERS: i32 = 1_000;

/// What was told of an order, and what must still be so.
type Promise = (i64, Option<Date>);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    orders: BTreeMap<String, Promise>,
    cancelled: BTreeSet<String>,
    shipped: BTreeSet<String>,
    /// Units that were received and have not shipped.
    units_on_hand: BTreeMap<String, i64>,
    receipts: BTreeSet<String>,
    unanswered: Vec<Change>,
    unanswered_in_all: usize,
}

impl Ledger {
    /// Writes down an answer.
    pub(super) fn note(&mut self, told: Told) {
        match told {
            Told::Reserved(order) => self.note_order(&order),
            Told::Cancelled(order_id) => {
                self.cancelled.insert(order_id);
            }
            Told::Received(request) => self.note_receipt(request),
            Told::Shipped(order) => self.note_shipment(&order),
        }
    }

    /// Writes down a call to which no answer came: it may have had its effect or not.
    pub(super) fn note_unanswered(&mut self, change: Change) {
        self.unanswered_in_all += 1;
        self.unanswered.push(change);
    }

    /// How many calls were answered.
    pub(super) fn answered(&self) -> usize {
        self.orders.len() + self.receipts.len()
    }

    fn note_order(&mut self, order: &Order) {
        let promise = (order.sequence, order.promised_ship_date);
        let before = self.orders.insert(order.order_id.clone(), promise);
        assert!(
            before.is_none_or(|before| before == promise),
            "{} was told {before:?}, then {promise:?}",
            order.order_id
        );
    }

    fn note_receipt(&mut self, request: ReceiveStockRequest) {
        if !self.receipts.insert(request.receipt_id) {
            return;
        }
        for line in request.lines {
            *self.units_on_hand.entry(line.sku).or_default() += line.quantity;
        }
    }

    fn note_shipment(&mut self, order: &Order) {
        if !self.shipped.insert(order.order_id.clone()) {
            return;
        }
        for line in &order.lines {
            *self.units_on_hand.entry(line.sku.clone()).or_default() -= line.quantity;
        }
    }

    /// Repeats every call without an answer, twice: both must be accepted, and count once.
    pub(super) async fn send_unanswered_again(&mut self, channel: Channel) {
        for change in std::mem::take(&mut self.unanswered) {
            for _ in 0..2 {
                let told = send(&channel, change.clone()).await;
                self.note(told.unwrap_or_else(|status| panic!("{change:?} cannot be repeated: {status}")));
            }
        }
    }

    /// Compares with what the server knows: every order once, as it was told, and no other.
    pub(super) async fn compare(&self, channel: Channel) {
        let orders = list_orders(channel.clone()).await;
        let known: BTreeMap<String, Promise> = orders
            .iter()
            .map(|order| (order.order_id.clone(), (order.sequence, order.promised_ship_date)))
            .collect();
        assert_eq!(known.len(), orders.len(), "an order is listed twice");
        assert_eq!(known, self.orders, "orders differ from what was told");
        let sequences = orders.iter().map(|order| order.sequence);
        assert!(sequences.eq(1..=count(orders.len())), "sequences are not 1, 2, 3, …");
        for order in &orders {
            let is_cancelled = order.state() == OrderState::Cancelled;
            assert_eq!(is_cancelled, self.cancelled.contains(&order.order_id), "{order:?}");
            let is_shipped = order.state() == OrderState::Shipped;
            assert_eq!(is_shipped, self.shipped.contains(&order.order_id), "{order:?}");
        }
        self.compare_stock(channel.clone()).await;
        check_invariants(channel).await;
    }

    /// Every receipt and every shipment counted once.
    async fn compare_stock(&self, channel: Channel) {
        let request = ListStockRequest {
            location_id: LOCATION.to_owned(),
            ..ListStockRequest::default()
        };
        let answer = OperationsServiceClient::new(channel).list_stock(request).await;
        let stocks = answer.expect("the counters").into_inner().stocks;
        let on_hand: BTreeMap<String, i64> = stocks
            .into_iter()
            .filter(|stock| stock.on_hand != 0)
            .map(|stock| (stock.sku, stock.on_hand))
            .collect();
        let mut told = self.units_on_hand.clone();
        told.retain(|_, units| *units != 0);
        assert_eq!(on_hand, told, "on hand is not what was received less what shipped");
    }

    /// A run that never cut a call has shown nothing.
    pub(super) fn assert_worthwhile(&self) {
        assert!(
            !self.orders.is_empty() && !self.receipts.is_empty() && !self.shipped.is_empty(),
            "nothing was acknowledged"
        );
        assert!(self.unanswered_in_all > 0, "no call was cut");
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).expect("fewer orders than numbers")
}

async fn list_orders(channel: Channel) -> Vec<Order> {
    let mut checkout = CheckoutServiceClient::new(channel);
    let mut orders = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest {
            location_id: LOCATION.to_owned(),
            page_size: PAGE_ORDERS,
            page_token,
            ..ListOrdersRequest::default()
        };
        let page = checkout
            .list_orders(request)
            .await
            .expect("a page of orders")
            .into_inner();
        orders.extend(page.orders);
        if page.next_page_token.is_empty() {
            return orders;
        }
        page_token = page.next_page_token;
    }
}

async fn check_invariants(channel: Channel) {
    let request = CheckInvariantsRequest::default();
    let answer = OperationsServiceClient::new(channel).check_invariants(request).await;
    let mut reports = answer.expect("a stream of reports").into_inner();
    let mut checked = 0_usize;
    while let Some(report) = reports.message().await.expect("a report") {
        assert_eq!(report.violations, 0, "{report:?}");
        checked += 1;
    }
    assert!(checked > 0, "nothing was checked");
}
