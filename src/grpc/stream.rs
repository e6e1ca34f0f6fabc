//! Streams of answers: a task writes, a bounded buffer carries, a slow reader delays itself alone.
//!
//! A stream reads the log by pages. Commits nudge it, but a nudge is only a hint: it also looks by itself, so that
//! nothing is missed. Reads are driven to their end; only waiting is given up when the reader leaves or the server
//! ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::context::Context;
use super::convert::events;
use super::convert::lists::Events;
use super::status::{self, SkuField};
use super::{Services, StreamSettings, token};
use crate::clock;
use crate::domain::event::Event;
use crate::domain::ids::{EventSequence, LocationId};
use crate::domain::rejection::Rejection;
use crate::proto::holdfast::v1 as pb;
use crate::store::{Page, Store, StoreError};
use pb::watch_events_response::Item;

/// Messages that wait for a slow reader, one of them the last status.
const BUFFERED_MAX: usize = 16;
/// Events of one read. What a stream holds for a reader that does not read is its buffer and one page: an event is at
/// most some 100 KiB, so that is at most 3 MiB, and mostly a few KiB.
const EVENTS_PAGE: u32 = 16;
/// The least time between two reads of one stream that found nothing more: commits come far more often than a reader
/// needs to hear of them.
const READS_APART: Duration = Duration::from_millis(5);

/// The stream of a call.
pub(crate) type Answers<M> = ReceiverStream<Result<M, Status>>;

/// The writing end of a stream.
#[derive(Debug)]
pub(crate) struct Writer<M> {
    messages: mpsc::Sender<Result<M, Status>>,
    /// Room for the status with which the stream ends, kept from the beginning.
    last: Option<mpsc::OwnedPermit<Result<M, Status>>>,
    shutdown: CancellationToken,
}

/// Why nothing more is to be written.
#[derive(Debug)]
pub(crate) enum End {
    /// The reader left: nobody is to be told.
    Left,
    /// The stream failed, or the server ends.
    Failed(Status),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(status::unreadable(&error))
    }
}

/// A stream that buffers so many messages, one of them the last status, and its writing end.
///
/// # Errors
/// Never with a new buffer; it would be a bug.
pub(crate) fn open<M>(shutdown: CancellationToken, buffered_max: usize) -> Result<(Writer<M>, Answers<M>), Status> {
    let (messages, answers) = mpsc::channel(buffered_max);
    let last = messages
        .clone()
        .try_reserve_owned()
        .map_err(|_| status::internal(&"a new buffer has no room"))?;
    Ok((
        Writer {
            messages,
            last: Some(last),
            shutdown,
        },
        ReceiverStream::new(answers),
    ))
}

impl<M> Writer<M> {
    /// Writes a message, once there is room for it.
    ///
    /// # Errors
    /// Nothing more is to be written.
    pub(crate) async fn send(&self, message: M) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(End::Failed(status::shutting_down())),
            sent = self.messages.send(Ok(message)) => sent.map_err(|_| End::Left),
        }
    }

    /// Waits for a nudge, but no longer than a time.
    ///
    /// # Errors
    /// Nothing more is to be written.
    pub(crate) async fn wait(&self, nudges: &mut watch::Receiver<u64>, at_most: Duration) -> Result<(), End> {
        let nudge = async {
            if nudges.changed().await.is_err() {
                // Nobody nudges any more; looking by itself is what is left.
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(READS_APART).await;
        };
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(End::Failed(status::shutting_down())),
            () = self.messages.closed() => Err(End::Left),
            () = nudge => Ok(()),
            () = tokio::time::sleep(at_most) => Ok(()),
        }
    }

    /// Ends the stream with its status; without one the stream ends as it should.
    pub(crate) fn end(mut self, end: Result<(), End>) {
        let last = self.last.take();
        if let (Some(last), Err(End::Failed(status))) = (last, end) {
            drop(last.send(Err(status)));
        }
    }
}

/// A writer that was never ended belonged to a task that panicked: its reader must not take that for the end.
impl<M> Drop for Writer<M> {
    fn drop(&mut self) {
        if let Some(last) = self.last.take() {
            drop(last.send(Err(status::internal(&"the task of a stream ended without saying why"))));
        }
    }
}

/// The log of a location as a stream.
#[derive(Debug)]
struct EventStream {
    store: Arc<dyn Store>,
    settings: StreamSettings,
    nudges: watch::Receiver<u64>,
    location_id: LocationId,
    types: BTreeSet<pb::EventType>,
    /// The last event that was passed on or left out.
    after: EventSequence,
    /// Whether the log may begin later than with the event after that.
    from_oldest: bool,
    sent_at: Instant,
}

/// Opens the log of a location.
///
/// # Errors
/// There is no such location, the token is not one of its log, or too many streams are open.
pub(crate) async fn watch(context: &Context, asked: Events) -> Result<Answers<pb::WatchEventsResponse>, Status> {
    let permit = context.stream_permit()?;
    let Services {
        store,
        sequencer,
        settings,
        shutdown,
        ..
    } = context.services.clone();
    let Events {
        location_id,
        types,
        resume_token,
    } = asked;
    let id = location_id.clone();
    let last = context
        .read(move |store| async move { store.last_event(&id).await })
        .await?;
    let Some(last) = last else {
        return Err(status::rejected(
            Rejection::UnknownLocation(location_id),
            SkuField::Lines,
        ));
    };
    let after = resume_token
        .as_deref()
        .map(|text| resumed(store.epoch(), &location_id, last, text))
        .transpose()?;
    let stream = EventStream {
        store,
        settings,
        nudges: sequencer.committed(),
        location_id,
        types,
        after: after.unwrap_or(EventSequence(0)),
        from_oldest: after.is_none(),
        sent_at: clock::monotonic(),
    };
    let (writer, answers) = open(shutdown, BUFFERED_MAX)?;
    tokio::spawn(stream.run(writer, permit));
    Ok(answers)
}

fn resumed(epoch: u64, location_id: &LocationId, last: EventSequence, text: &str) -> Result<EventSequence, Status> {
    let after = token::parse_resume(epoch, location_id, text)
        .ok_or_else(|| status::resume_token_invalid("is damaged, or of another location or another store"))?;
    if after > last {
        return Err(status::resume_token_invalid(
            "lies beyond the last event of the location",
        ));
    }
    Ok(after)
}

impl EventStream {
    async fn run(mut self, writer: Writer<pb::WatchEventsResponse>, permit: OwnedSemaphorePermit) {
        let end = self.follow(&writer).await;
        writer.end(end);
        drop(permit);
    }

    /// Follows the log until nothing more is to be written.
    async fn follow(&mut self, writer: &Writer<pb::WatchEventsResponse>) -> Result<(), End> {
        let StreamSettings {
            poll_interval,
            heartbeat_interval,
            ..
        } = self.settings;
        loop {
            self.nudges.mark_unchanged();
            let page = Page {
                after: Some(self.after),
                limit: EVENTS_PAGE,
            };
            let events = self
                .store
                .list_events(&self.location_id, page)
                .await?
                .unwrap_or_default();
            let whole_page = u32::try_from(events.len()) == Ok(EVENTS_PAGE);
            for event in events {
                self.pass(writer, &event).await?;
            }
            if self.silent() >= heartbeat_interval {
                self.send(writer, Item::Heartbeat(pb::Heartbeat {})).await?;
            }
            if !whole_page {
                let until_heartbeat = heartbeat_interval.saturating_sub(self.silent());
                writer
                    .wait(&mut self.nudges, poll_interval.min(until_heartbeat).max(READS_APART))
                    .await?;
            }
        }
    }

    /// Passes the next event on, unless the filter leaves it out.
    async fn pass(&mut self, writer: &Writer<pb::WatchEventsResponse>, event: &Event) -> Result<(), End> {
        let is_next = self.after.0.checked_add(1) == Some(event.event_sequence.0);
        if !is_next && !self.from_oldest {
            return Err(End::Failed(self.gone(event.event_sequence)));
        }
        self.from_oldest = false;
        self.after = event.event_sequence;
        if !self.types.is_empty() && !self.types.contains(&events::event_type(&event.payload)) {
            return Ok(());
        }
        self.send(writer, Item::Event(events::event(&self.location_id, event)))
            .await
    }

    async fn send(&mut self, writer: &Writer<pb::WatchEventsResponse>, item: Item) -> Result<(), End> {
        let resume_token = self.token(self.after);
        writer
            .send(pb::WatchEventsResponse {
                resume_token,
                item: Some(item),
            })
            .await?;
        self.sent_at = clock::monotonic();
        Ok(())
    }

    fn silent(&self) -> Duration {
        clock::monotonic().saturating_duration_since(self.sent_at)
    }

    /// The events between the last one and the oldest that is kept are gone.
    fn gone(&self, oldest: EventSequence) -> Status {
        status::resume_token_expired(&self.token(EventSequence(oldest.0.saturating_sub(1))))
    }

    fn token(&self, after: EventSequence) -> String {
        token::resume(self.store.epoch(), &self.location_id, after)
    }
}

#[cfg(test)]
mod tests;
