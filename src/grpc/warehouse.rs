//! `WarehouseService`: units that come, are counted, and leave.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use super::codec::Spelled;
use super::context::Context;
use super::convert::{answers, logs, warehouse};
use super::layers::deadline_of;
use super::stream::Answers;
use super::{receipts, watch};
use crate::allocator::command::Command;
use crate::allocator::decision::{Adjusted, OrderAnswer, Received};
use crate::proto::holdfast::v1 as pb;
use pb::warehouse_service_server::WarehouseService;

/// The service.
#[derive(Debug)]
pub(crate) struct Warehouse(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl WarehouseService for Warehouse {
    type WatchReleasesStream = Answers<Spelled>;
    type StreamReceiptsStream = Answers<pb::StreamReceiptsResponse>;

    async fn watch_releases(
        &self,
        request: Request<pb::WatchReleasesRequest>,
    ) -> Result<Response<Self::WatchReleasesStream>, Status> {
        let peer = request.remote_addr();
        let asked = logs::releases(request.into_inner())?;
        let place = self.0.stream_place(peer)?;
        Ok(Response::new(watch::releases::watch(&self.0, place, asked).await?))
    }

    async fn stream_receipts(
        &self,
        request: Request<Streaming<pb::ReceiveStockRequest>>,
    ) -> Result<Response<Self::StreamReceiptsStream>, Status> {
        let place = self.0.stream_place(request.remote_addr())?;
        Ok(Response::new(receipts::stream(&self.0, place, request.into_inner())))
    }

    async fn receive_stock(
        &self,
        request: Request<pb::ReceiveStockRequest>,
    ) -> Result<Response<pb::ReceiveStockResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::Receive(warehouse::receive(request.into_inner())?);
        let answer: Received = self.0.submit(command, deadline).await?;
        Ok(Response::new(answers::received(&answer)))
    }

    async fn adjust_stock(
        &self,
        request: Request<pb::AdjustStockRequest>,
    ) -> Result<Response<pb::AdjustStockResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::Adjust(warehouse::adjust(request.into_inner())?);
        let answer: Adjusted = self.0.submit(command, deadline).await?;
        Ok(Response::new(answers::adjusted(&answer)))
    }

    async fn acknowledge_release(
        &self,
        request: Request<pb::AcknowledgeReleaseRequest>,
    ) -> Result<Response<pb::AcknowledgeReleaseResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::AcknowledgeRelease(warehouse::acknowledge(&request.into_inner())?);
        let answer: Box<OrderAnswer> = self.0.submit(command, deadline).await?;
        let replayed = answer.replayed;
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::AcknowledgeReleaseResponse {
            order: Some(order),
            replayed,
        }))
    }

    async fn confirm_shipment(
        &self,
        request: Request<pb::ConfirmShipmentRequest>,
    ) -> Result<Response<pb::ConfirmShipmentResponse>, Status> {
        let deadline = deadline_of(&request);
        let shipment = warehouse::confirm_shipment(request.into_inner(), self.0.services.clock.now())?;
        let answer: Box<OrderAnswer> = self.0.submit(Command::ConfirmShipment(shipment), deadline).await?;
        let replayed = answer.replayed;
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::ConfirmShipmentResponse {
            order: Some(order),
            replayed,
        }))
    }

    async fn report_shipped_after_cancel(
        &self,
        request: Request<pb::ReportShippedAfterCancelRequest>,
    ) -> Result<Response<pb::ReportShippedAfterCancelResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::ReportShippedAfterCancel(warehouse::report_shipped(request.into_inner())?);
        let answer: Box<OrderAnswer> = self.0.submit(command, deadline).await?;
        let replayed = answer.replayed;
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::ReportShippedAfterCancelResponse {
            order: Some(order),
            replayed,
        }))
    }
}
