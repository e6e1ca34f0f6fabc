//! What a shop tells of orders at risk.

use std::time::Duration;

use holdfast::clock::monotonic;
use holdfast::proto::holdfast::v1::event::Payload;
use holdfast::proto::holdfast::v1::watch_events_response::Item;
use holdfast::proto::holdfast::v1::{self as pb, EventType};

use super::shop::{Shop, W1};

/// How late an event may be on a machine that is busy.
const LATE: Duration = Duration::from_secs(30);

impl Shop {
    /// The first so many events about risks in the log of `W1`: they are waited for.
    pub(crate) async fn risk_events(&mut self, count: usize) -> Vec<pb::Event> {
        self.risk_events_at(W1, count).await
    }

    /// The first so many events about risks in the log of a location: they are waited for.
    pub(crate) async fn risk_events_at(&mut self, location_id: &str, count: usize) -> Vec<pb::Event> {
        let request = pb::WatchEventsRequest {
            location_ids: vec![location_id.to_owned()],
            types: vec![EventType::PromiseAtRisk.into(), EventType::PromiseRecovered.into()],
            ..pb::WatchEventsRequest::default()
        };
        let mut stream = self.events.watch_events(request).await.expect("a stream").into_inner();
        let (mut told, until) = (Vec::new(), monotonic() + LATE);
        while told.len() < count {
            let message = tokio::time::timeout_at(until.into(), stream.message()).await;
            let message = message.unwrap_or_else(|_| panic!("{count} events about risks are not told, but {told:#?}"));
            let message = message.expect("a message").expect("the stream goes on");
            if let Some(Item::Event(event)) = message.item {
                told.push(event);
            }
        }
        told
    }

    /// The same in words.
    pub(crate) async fn told_risk(&mut self, count: usize) -> Vec<String> {
        let told = self.risk_events(count).await.into_iter();
        told.map(|event| match event.payload {
            Some(Payload::PromiseAtRisk(_)) => format!("{} at risk", event.order_id),
            _ => format!("{} recovered", event.order_id),
        })
        .collect()
    }

    /// The orders of `W1` that are listed as being at risk.
    pub(crate) async fn at_risk(&mut self) -> Vec<pb::Order> {
        let request = pb::ListOrdersRequest {
            location_id: W1.to_owned(),
            at_risk: Some(true),
            ..pb::ListOrdersRequest::default()
        };
        self.checkout
            .list_orders(request)
            .await
            .expect("a list")
            .into_inner()
            .orders
    }
}
