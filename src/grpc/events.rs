//! `EventService`: the logs of locations.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::codec::Spelled;
use super::context::Context;
use super::convert::logs::PastEvents;
use super::convert::{events, logs};
use super::paging::Filling;
use super::status::SkuField;
use super::stream::Answers;
use super::{status, watch};
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, LocationId};
use crate::domain::rejection::Rejection;
use crate::proto::holdfast::v1 as pb;
use crate::store::Page;
use pb::event_service_server::EventService;

/// Events of one read.
const READ_EVENTS: u32 = 200;
/// Reads of one page: with a filter that leaves nearly all out, a call does not read a whole log.
const READS_MAX: usize = 50;

/// The service.
#[derive(Debug)]
pub(crate) struct Events(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = Answers<Spelled>;

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let peer = request.remote_addr();
        let asked = logs::events(request.into_inner())?;
        let place = self.0.stream_place(peer)?;
        Ok(Response::new(watch::events::watch(&self.0, place, asked).await?))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let asked = logs::past_events(request.get_ref())?;
        Ok(Response::new(self.page(&asked).await?))
    }

    async fn ack_events(
        &self,
        request: Request<pb::AckEventsRequest>,
    ) -> Result<Response<pb::AckEventsResponse>, Status> {
        let asked = logs::ack(request.into_inner())?;
        watch::consumers::acknowledge(&self.0, asked).await?;
        Ok(Response::new(pb::AckEventsResponse {}))
    }
}

impl Events {
    /// Reads until the page is full, the log ends, or enough was looked at.
    async fn page(&self, asked: &PastEvents) -> Result<pb::ListEventsResponse, Status> {
        let mut page = Filling::new(asked.paging.limit);
        let mut after = asked.paging.after;
        for _ in 0..READS_MAX {
            let events = self.read(&asked.location_id, after).await?;
            let is_last = u32::try_from(events.len()).is_ok_and(|count| count < READ_EVENTS);
            check_next(asked, after, &events)?;
            let pushed = events.iter().map_while(|event| push(&mut page, asked, event));
            let last = pushed.last();
            let is_full = last != events.last().map(|event| event.event_sequence);
            after = last.or(after);
            if is_full {
                return Ok(answer(page, asked, after));
            }
            if is_last {
                return Ok(answer(page, asked, None));
            }
        }
        Ok(answer(page, asked, after))
    }

    async fn read(&self, location_id: &LocationId, after: Option<EventSequence>) -> Result<Vec<Event>, Status> {
        let page = Page {
            after,
            limit: READ_EVENTS,
        };
        let id = location_id.clone();
        let events = self
            .0
            .read(move |store| async move { store.list_events(&id, page).await });
        let unknown = || {
            let rejection = Rejection::UnknownLocation(location_id.clone());
            status::rejected(rejection, SkuField::Lines)
        };
        events.await?.ok_or_else(unknown)
    }
}

/// Refuses to pass over events that are no longer kept.
fn check_next(asked: &PastEvents, after: Option<EventSequence>, events: &[Event]) -> Result<(), Status> {
    let (Some(after), Some(first)) = (after, events.first()) else {
        return Ok(());
    };
    if after.0.checked_add(1) == Some(first.event_sequence.0) {
        return Ok(());
    }
    let oldest = EventSequence(first.event_sequence.0.saturating_sub(1));
    Err(status::resume_token_expired(&asked.paging.token(&oldest)))
}

/// Puts an event on the page, unless the filter leaves it out; answers its number, `None` when there is no room.
fn push(page: &mut Filling<pb::Event>, asked: &PastEvents, event: &Event) -> Option<EventSequence> {
    let is_wanted = asked.types.is_empty() || asked.types.contains(&events::event_type(&event.payload));
    let is_past = !is_wanted || page.push(events::event(&asked.location_id, event));
    is_past.then_some(event.event_sequence)
}

/// A page, and the token of the next one if there is one.
fn answer(page: Filling<pb::Event>, asked: &PastEvents, next: Option<EventSequence>) -> pb::ListEventsResponse {
    pb::ListEventsResponse {
        events: page.entries,
        next_page_token: next.map(|after| asked.paging.token(&after)).unwrap_or_default(),
    }
}
