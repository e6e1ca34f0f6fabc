//! Who takes part: the clients, each with its connection, the clock, and how an answer is held against the story.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::{NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use super::narrator::{Narrator, civil};
use crate::cli::output::{Palette, Style};
use crate::clock::ManualClock;
use crate::proto::google::r#type::{Date, Money};
use crate::proto::holdfast::v1::catalog_service_client::CatalogServiceClient;
use crate::proto::holdfast::v1::checkout_service_client::CheckoutServiceClient;
use crate::proto::holdfast::v1::operations_service_client::OperationsServiceClient;
use crate::proto::holdfast::v1::supply_service_client::SupplyServiceClient;
use crate::proto::holdfast::v1::warehouse_service_client::WarehouseServiceClient;
use crate::proto::holdfast::v1::{
    GetOrderRequest, ListBacklogRequest, Order, OrderLine, Quote, QuoteRequest, QuoteRequestLine, ReserveLine,
    ReserveRequest,
};

/// The shop's one warehouse.
pub(super) const LOCATION: &str = "ghent";
/// Its zone.
pub(super) const ZONE: Tz = Tz::Europe__Brussels;
/// What is in stock.
pub(super) const LANTERN: &str = "LANTERN";
/// What has to be waited for.
pub(super) const TENT: &str = "TENT";
/// The purchase order that brings tents.
pub(super) const PURCHASE: &str = "PO-7";

/// Everybody who takes part.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) narrator: Narrator,
    pub(super) checkout: CheckoutServiceClient<Channel>,
    pub(super) warehouse: WarehouseServiceClient<Channel>,
    pub(super) buyer: SupplyServiceClient<Channel>,
    pub(super) catalog: CatalogServiceClient<Channel>,
    pub(super) operator: OperationsServiceClient<Channel>,
    clock: Arc<ManualClock>,
}

impl Stage {
    pub(super) async fn new(palette: Palette, clock: Arc<ManualClock>, address: SocketAddr) -> Result<Self> {
        let connect = || async {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            let connected = endpoint.tcp_nodelay(true).connect().await;
            connected.with_context(|| format!("cannot connect to {address}"))
        };
        let operations = connect().await?;
        Ok(Self {
            narrator: Narrator::new(palette),
            checkout: CheckoutServiceClient::new(connect().await?),
            warehouse: WarehouseServiceClient::new(connect().await?),
            buyer: SupplyServiceClient::new(connect().await?),
            catalog: CatalogServiceClient::new(operations.clone()),
            operator: OperationsServiceClient::new(operations),
            clock,
        })
    }

    /// Sets the server's clock to a local time, such as `2026-04-07T10:00:00`.
    pub(super) fn at(&mut self, local: &str) -> Result<()> {
        let local: NaiveDateTime = local.parse().context("no local time")?;
        let now = ZONE
            .from_local_datetime(&local)
            .single()
            .context("a local time that is not there once")?;
        self.clock.set(now.with_timezone(&Utc));
        self.narrator.at(now);
        Ok(())
    }

    pub(super) fn says(&mut self, who: &str, what: &str) {
        self.narrator.says(who, what);
    }

    pub(super) fn also(&self, what: &str) {
        self.narrator.also(Style::Dim, what);
    }

    /// What a cart would be promised.
    pub(super) async fn quote(&mut self, lines: &[(&str, i64)]) -> Result<Quote> {
        let line = |(sku, quantity): &(&str, i64)| QuoteRequestLine {
            sku: (*sku).to_owned(),
            quantity: *quantity,
        };
        let request = QuoteRequest {
            location_id: LOCATION.to_owned(),
            lines: lines.iter().map(line).collect(),
        };
        let answer = self.checkout.quote(request).await?.into_inner();
        answer.quote.context("an answer without a quote")
    }

    pub(super) async fn reserve(&mut self, request: ReserveRequest) -> Result<Order> {
        let answer = self.checkout.reserve(request).await?.into_inner();
        check("whether the order was there already", &answer.replayed, &false)?;
        answer.order.context("an answer without an order")
    }

    pub(super) async fn order(&mut self, order_id: &str) -> Result<Order> {
        let order_id = order_id.to_owned();
        let answer = self.checkout.get_order(GetOrderRequest { order_id }).await?;
        answer.into_inner().order.context("an answer without an order")
    }

    /// Prints the queue for tents, and checks who waits, what each has, and what each lacks.
    pub(super) async fn show_queue(&mut self, expected: &[(&str, i64, i64)]) -> Result<()> {
        let request = ListBacklogRequest {
            location_id: LOCATION.to_owned(),
            sku: TENT.to_owned(),
            ..ListBacklogRequest::default()
        };
        let lines = self.operator.list_backlog(request).await?.into_inner().lines;
        let found: Vec<(&str, i64, i64)> = lines
            .iter()
            .map(|line| {
                (
                    line.order_id.as_str(),
                    line.allocated_quantity,
                    line.backordered_quantity,
                )
            })
            .collect();
        check("the queue for tents", &found.as_slice(), &expected)?;
        self.narrator.row(
            Style::Dim,
            "queue for TENT   wants   has  lacks  ahead  promised to ship",
        );
        for line in &lines {
            self.narrator.row(
                Style::Dim,
                &format!(
                    "{:<14} {:>7} {:>5} {:>6} {:>6}  {}",
                    line.order_id,
                    line.quantity,
                    line.allocated_quantity,
                    line.backordered_quantity,
                    line.units_ahead,
                    shown(line.promised_ship_date),
                ),
            );
        }
        Ok(())
    }
}

/// Holds an answer against the story.
pub(super) fn check<T: PartialEq + Debug>(what: &str, answered: &T, story: &T) -> Result<()> {
    ensure!(
        answered == story,
        "the story expects {what} to be {story:?}, the server answered {answered:?}"
    );
    Ok(())
}

/// Holds a date of an answer against the story, and answers with it as people write it.
pub(super) fn check_day(what: &str, answered: Option<Date>, story: &str) -> Result<String> {
    let story: NaiveDate = story.parse().context("no date")?;
    check(what, &civil(answered), &Some(story))?;
    Ok(shown(answered))
}

/// A date as people write it.
pub(super) fn shown(date: Option<Date>) -> String {
    civil(date).map_or_else(|| "no date".to_owned(), super::narrator::day)
}

/// The line of an order with this number.
pub(super) fn line_of(order: &Order, number: i32) -> Result<&OrderLine> {
    let mut lines = order.lines.iter();
    lines
        .find(|line| line.line_number == number)
        .with_context(|| format!("order {} has no line {number}", order.order_id))
}

/// An order with its lines: item, units, euros for the line.
pub(super) fn order_of(order_id: &str, lines: &[(&str, i64, i64)]) -> ReserveRequest {
    let line = |(sku, quantity, euros): &(&str, i64, i64)| ReserveLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
        price: Some(Money {
            currency_code: "EUR".to_owned(),
            units: *euros,
            nanos: 0,
        }),
    };
    ReserveRequest {
        order_id: order_id.to_owned(),
        location_id: LOCATION.to_owned(),
        lines: lines.iter().map(line).collect(),
        ..ReserveRequest::default()
    }
}

/// A date of the story for a request.
pub(super) fn date(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}

/// The reason of a refusal.
pub(super) fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map_or_else(|| status.to_string(), |info| info.reason)
}
