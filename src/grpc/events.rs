//! `EventService`: the log of a location.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::context::Context;
use super::convert::lists;
use super::stream::{self, Answers};
use crate::proto::holdfast::v1 as pb;
use pb::event_service_server::EventService;

/// The service.
#[derive(Debug)]
pub(crate) struct Events(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = Answers<pb::WatchEventsResponse>;

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let asked = lists::events(request.into_inner())?;
        Ok(Response::new(stream::watch(&self.0, asked).await?))
    }
}
