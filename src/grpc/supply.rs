//! `SupplyService`: what is expected, and when.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::context::Context;
use super::convert::{answers, lists, supply, values};
use super::layers::deadline_of;
use super::readers::{InboundOf, LocationOf};
use super::status::SkuField;
use crate::allocator::command::Command;
use crate::allocator::decision::InboundAnswer;
use crate::domain::inbound::Inbound;
use crate::proto::holdfast::v1 as pb;
use pb::supply_service_server::SupplyService;

/// The service.
#[derive(Debug)]
pub(crate) struct Supply(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl SupplyService for Supply {
    async fn put_inbound(
        &self,
        request: Request<pb::PutInboundRequest>,
    ) -> Result<Response<pb::PutInboundResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::PutInbound(supply::put_inbound(request.into_inner())?);
        let answer: InboundAnswer = self.0.submit(command, deadline).await?;
        let (event_sequence, replayed) = (answer.event_sequence.0, answer.replayed);
        Ok(Response::new(pb::PutInboundResponse {
            inbound: Some(answers::inbound(&answer)),
            event_sequence,
            replayed,
        }))
    }

    async fn close_inbound(
        &self,
        request: Request<pb::CloseInboundRequest>,
    ) -> Result<Response<pb::CloseInboundResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::CloseInbound(supply::close_inbound(request.get_ref())?);
        let answer: InboundAnswer = self.0.submit(command, deadline).await?;
        let (event_sequence, replayed) = (answer.event_sequence.0, answer.replayed);
        Ok(Response::new(pb::CloseInboundResponse {
            inbound: Some(answers::inbound(&answer)),
            event_sequence,
            replayed,
        }))
    }

    async fn preview_inbound(
        &self,
        request: Request<pb::PreviewInboundRequest>,
    ) -> Result<Response<pb::PreviewInboundResponse>, Status> {
        let what_if = supply::preview_inbound(request.into_inner())?;
        let preview = self.0.ask_about(what_if, SkuField::InboundLines).await?;
        Ok(Response::new(preview))
    }

    async fn get_inbound(
        &self,
        request: Request<pb::GetInboundRequest>,
    ) -> Result<Response<pb::GetInboundResponse>, Status> {
        let (location_id, inbound_id) = supply::get_inbound(request.get_ref())?;
        let inbound = self.0.ask(InboundOf(location_id, inbound_id)).await?;
        Ok(Response::new(pb::GetInboundResponse { inbound: Some(inbound) }))
    }

    async fn list_inbounds(
        &self,
        request: Request<pb::ListInboundsRequest>,
    ) -> Result<Response<pb::ListInboundsResponse>, Status> {
        let (filter, paging) = lists::inbounds(request.get_ref())?;
        let location_id = filter.location_id.clone();
        let read = |page| {
            let filter = filter.clone();
            self.0
                .read(move |store| async move { store.list_inbounds(&filter, page).await })
        };
        let entry = |inbound: Inbound| (inbound.inbound_id.clone(), values::inbound(&location_id, &inbound));
        let (inbounds, next_page_token) = paging.by_chunks(read, entry).await?;
        if inbounds.is_empty() {
            self.0.ask(LocationOf(location_id)).await?;
        }
        Ok(Response::new(pb::ListInboundsResponse {
            inbounds,
            next_page_token,
        }))
    }
}
