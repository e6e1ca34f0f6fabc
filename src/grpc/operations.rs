//! `OperationsService`: counters, queues, and whether the books are right.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Response, Status};

use super::context::Context;
use super::convert::lists::{self, Backlog, Stocks};
use super::convert::{catalog, checkout, values};
use super::held;
use super::permits::StreamPlace;
use super::readers::{BacklogOf, Explain, LocationOf, StocksOf};
use super::status::SkuField;
use super::stream::{self, Answers, End, Writer};
use crate::clock;
use crate::domain::Instant;
use crate::domain::ids::LocationId;
use crate::proto::holdfast::v1 as pb;
use crate::store::Consumer;
use pb::operations_service_server::OperationsService;

/// The service.
#[derive(Debug)]
pub(crate) struct Operations(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl OperationsService for Operations {
    type CheckInvariantsStream = Answers<pb::CheckInvariantsResponse>;

    async fn get_stock(&self, request: Request<pb::GetStockRequest>) -> Result<Response<pb::GetStockResponse>, Status> {
        let pb::GetStockRequest { location_id, sku } = request.get_ref();
        let (location_id, sku) = catalog::stock(location_id, sku)?;
        let stock = self
            .0
            .ask_about(
                StocksOf {
                    location_id,
                    skus: vec![sku],
                },
                SkuField::Single,
            )
            .await?
            .pop();
        Ok(Response::new(pb::GetStockResponse { stock }))
    }

    async fn list_stock(
        &self,
        request: Request<pb::ListStockRequest>,
    ) -> Result<Response<pb::ListStockResponse>, Status> {
        let Stocks {
            location_id,
            only_backlogged,
            paging,
        } = lists::stocks(request.get_ref())?;
        let (id, page) = (location_id.clone(), paging.to_read());
        let listed = self
            .0
            .read(move |store| async move { store.list_stock(&id, only_backlogged, page).await })
            .await?;
        let stocks = self
            .0
            .ask(StocksOf {
                location_id,
                skus: listed.clone(),
            })
            .await?;
        let (stocks, next_page_token) = paging.fill(listed.into_iter().zip(stocks));
        Ok(Response::new(pb::ListStockResponse {
            stocks,
            next_page_token,
        }))
    }

    async fn explain_order(
        &self,
        request: Request<pb::ExplainOrderRequest>,
    ) -> Result<Response<pb::ExplainOrderResponse>, Status> {
        let order_id = checkout::order_id(&request.get_ref().order_id)?;
        let explanation = self.0.ask(Explain(order_id)).await?;
        Ok(Response::new(pb::ExplainOrderResponse {
            explanation: Some(explanation),
        }))
    }

    async fn list_held_stock(
        &self,
        request: Request<pb::ListHeldStockRequest>,
    ) -> Result<Response<pb::ListHeldStockResponse>, Status> {
        let (location_id, paging) = lists::held_stock(request.get_ref())?;
        Ok(Response::new(held::list(&self.0, location_id, paging).await?))
    }

    async fn list_backlog(
        &self,
        request: Request<pb::ListBacklogRequest>,
    ) -> Result<Response<pb::ListBacklogResponse>, Status> {
        let Backlog {
            location_id,
            sku,
            paging,
        } = lists::backlog(request.get_ref())?;
        let (id, of, page) = (location_id.clone(), sku.clone(), paging.to_read());
        let mut queued = self
            .0
            .read(move |store| async move { store.list_backlog(&id, &of, page).await })
            .await?;
        let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
        let more = queued.len() > limit;
        queued.truncate(limit);
        let last = queued.last().map(|line| (line.sequence, line.line_number));
        let lines = self
            .0
            .ask_about(
                BacklogOf {
                    location_id,
                    sku,
                    queued,
                },
                SkuField::Single,
            )
            .await?;
        let next_page_token = last
            .filter(|_| more)
            .map(|last| paging.token(&last))
            .unwrap_or_default();
        Ok(Response::new(pb::ListBacklogResponse {
            lines: lines.into_iter().flatten().collect(),
            next_page_token,
        }))
    }

    async fn list_consumers(
        &self,
        request: Request<pb::ListConsumersRequest>,
    ) -> Result<Response<pb::ListConsumersResponse>, Status> {
        let only = &request.get_ref().location_id;
        let now = self.0.services.clock.now();
        let listed = self.0.read(|store| async move { store.list_consumers().await }).await?;
        let chosen = listed
            .iter()
            .filter(|consumer| only.is_empty() || consumer.location_id.as_str() == only);
        let consumers = chosen.map(|consumer| consumer_at(consumer, now)).collect();
        Ok(Response::new(pb::ListConsumersResponse { consumers }))
    }

    async fn check_invariants(
        &self,
        request: Request<pb::CheckInvariantsRequest>,
    ) -> Result<Response<Self::CheckInvariantsStream>, Status> {
        let location_id = lists::invariants(request.get_ref())?;
        let place = self.0.stream_place(request.remote_addr())?;
        if let Some(location_id) = &location_id {
            self.0.ask(LocationOf(location_id.clone())).await?;
        }
        let check_permit = self.0.check_permit()?;
        let (writer, answers) = stream::open(self.0.services.shutdown.clone(), REPORTS_BYTES);
        let permits = (place, check_permit);
        tokio::spawn(check(Arc::clone(&self.0), location_id, writer, permits));
        Ok(Response::new(answers))
    }
}

/// How far a consumer is.
fn consumer_at(consumer: &Consumer, now: Instant) -> pb::Consumer {
    let waits = consumer
        .waiting_since
        .map_or(0, |since| now.signed_duration_since(since).num_seconds());
    pb::Consumer {
        consumer_id: consumer.consumer_id.to_string(),
        location_id: consumer.location_id.to_string(),
        acknowledged_event_sequence: consumer.acknowledged.0,
        acknowledged_time: Some(values::timestamp(consumer.acknowledged_at)),
        lag_events: consumer.last.0.saturating_sub(consumer.acknowledged.0),
        lag_seconds: waits.max(0),
    }
}

/// Room for every report: a caller that does not read holds up nobody else's check.
const REPORTS_BYTES: usize = 1_024 * 1_024;

async fn check(
    context: Arc<Context>,
    location_id: Option<LocationId>,
    writer: Writer<pb::CheckInvariantsResponse>,
    permits: (StreamPlace, OwnedSemaphorePermit),
) {
    let end = check_each(&context, location_id.as_ref(), &writer).await;
    // First, so that whoever has read the end may check again.
    drop(permits);
    writer.end(end);
}

async fn check_each(
    context: &Context,
    location_id: Option<&LocationId>,
    writer: &Writer<pb::CheckInvariantsResponse>,
) -> Result<(), End> {
    let store = &context.services.store;
    for name in store.invariants() {
        let began = clock::monotonic();
        let report = store.check_invariant(name, location_id).await?;
        let duration = clock::monotonic().saturating_duration_since(began);
        let message = pb::CheckInvariantsResponse {
            name: report.name.to_owned(),
            description: report.description.to_owned(),
            violations: values::count(report.violations),
            examples: report.examples,
            checked_rows: values::count(report.checked_rows),
            duration_ms: values::count(duration.as_millis()),
        };
        writer.send(message).await?;
    }
    Ok(())
}
