//! Releases and revocations of a location as a stream: first what is released, then what comes.
//!
//! # Shape
//! What a reader knows is said by two numbers: an event, and the last place that was told as of it; past the beginning,
//! every place was. The beginning is read by parts, each as of an event of its own. Before a part is told, what was told
//! already is brought up to the part's event, so that after each message the reader knows exactly what was released, of the
//! places told, as of the event. Every token holds these two numbers; it needs nothing that the server would have to keep.

use std::sync::Arc;

use tokio::sync::Notify;
use tonic::Status;

use super::{Pulse, Tokens, before_oldest, check_not_ahead, consumers, finish, logs, unknown};
use crate::domain::event::{Event, OrderReleased, Payload, ReleaseRevoked};
use crate::domain::ids::{EventSequence, LocationId, Sequence};
use crate::domain::order::Order;
use crate::grpc::codec::Spelled;
use crate::grpc::context::Context;
use crate::grpc::convert::logs::Releases;
use crate::grpc::convert::releases;
use crate::grpc::hub::{Cut, Feed, Told};
use crate::grpc::permits::StreamPlace;
use crate::grpc::status;
use crate::grpc::stream::{self, Answers, End, Writer, to_its_end};
use crate::grpc::token::{self, ReleasesPlace};
use crate::proto::holdfast::v1 as pb;
use crate::store::{Page, Store};
use pb::watch_releases_response::Item;

type Message = pb::WatchReleasesResponse;

/// Orders of one part of the beginning: bounds what a stream holds of them.
const PART_ORDERS: u32 = 200;

/// A location's releases that are followed.
#[derive(Debug)]
struct ReleaseStream {
    store: Arc<dyn Store>,
    feed: Feed,
    /// The last place that was told of the beginning; `None` when all were.
    told: Option<Sequence>,
    nudge: Arc<Notify>,
    pulse: Pulse,
}

/// What an event changes of what is released.
#[derive(Debug)]
enum Change<'a> {
    Release(&'a OrderReleased),
    Revocation(&'a ReleaseRevoked),
}

impl Change<'_> {
    fn item(&self, event: &Event) -> Item {
        match self {
            Self::Release(released) => Item::Release(releases::release(event, released)),
            Self::Revocation(revoked) => Item::Revocation(releases::revocation(event, revoked)),
        }
    }
}

/// Opens the releases of a location.
///
/// # Errors
/// There is no such location, the token is not one of its stream, or too many streams are open.
pub(crate) async fn watch(context: &Context, place: StreamPlace, asked: Releases) -> Result<Answers<Spelled>, Status> {
    let Releases {
        location_id,
        resume_token,
        consumer_id,
    } = asked;
    let store = Arc::clone(&context.services.store);
    let logs = logs(context).await?;
    let log = logs.into_iter().find(|log| log.location_id == location_id);
    let log = log.ok_or_else(|| unknown(location_id.clone()))?;
    let tokens = Tokens { epoch: store.epoch() };
    let from = match resume_token {
        None => ReleasesPlace {
            after: log.last,
            told: Some(Sequence(0)),
        },
        Some(text) => tokens.parse_releases(&location_id, &text)?,
    };
    check_not_ahead(from.after, &log)?;
    if from.after < before_oldest(&log) {
        let oldest = ReleasesPlace {
            after: before_oldest(&log),
            told: None,
        };
        let oldest = token::releases(tokens.epoch, &location_id, oldest);
        return Err(status::resume_token_expired(&oldest));
    }
    if let Some(consumer_id) = &consumer_id {
        consumers::remember(context, consumer_id, std::slice::from_ref(&log), &[from.after]).await?;
    }
    let nudge = Arc::new(Notify::new());
    let settings = &context.services.settings;
    let (lifetime, shutdown) = (super::lifetime(settings), &context.services.shutdown);
    let stream = ReleaseStream {
        store,
        feed: context.hub.follow(&location_id, from.after, &nudge),
        told: from.told,
        nudge,
        pulse: Pulse::new(settings, lifetime, shutdown),
    };
    let (mut writer, answers) = stream::open(shutdown.clone(), settings.buffer_bytes_max);
    writer.live(lifetime);
    Ok(answers.written_by(stream.run(writer, place)))
}

impl ReleaseStream {
    async fn run(mut self, writer: Writer<Spelled>, place: StreamPlace) {
        let end = match self.begin(&writer).await {
            Ok(()) => self.follow(&writer).await,
            Err(end) => Err(end),
        };
        let resume_token = self.token();
        let heartbeat = Message {
            resume_token: resume_token.clone(),
            item: Some(Item::Heartbeat(pb::Heartbeat {})),
        };
        // First, so that whoever has read the end may connect again.
        drop(place);
        finish(writer, end, &resume_token, &heartbeat);
    }

    /// Tells what is released, part by part, from the place that was told last.
    async fn begin(&mut self, writer: &Writer<Spelled>) -> Result<(), End> {
        while let Some(told) = self.told {
            let page = Page {
                after: Some(told),
                limit: PART_ORDERS,
            };
            let (store, location_id) = (Arc::clone(&self.store), self.feed.location_id().clone());
            let part = to_its_end(async move { store.list_released(&location_id, page).await }).await?;
            let Some(part) = part else {
                return Err(End::Failed(unknown(self.feed.location_id().clone())));
            };
            self.catch_up(writer, told, part.as_of).await?;
            let is_last = u32::try_from(part.orders.len()).is_ok_and(|count| count < PART_ORDERS);
            let last = part.orders.last().map(|order| order.sequence);
            for order in &part.orders {
                // With the last one, all are told.
                let told = Some(order.sequence).filter(|sequence| !is_last || Some(*sequence) != last);
                self.tell(writer, order, told).await?;
            }
            if is_last {
                self.told = None;
            }
        }
        Ok(())
    }

    /// Tells that an order is released, with which so much of the beginning is told.
    async fn tell(&mut self, writer: &Writer<Spelled>, order: &Order, told: Option<Sequence>) -> Result<(), End> {
        let before = std::mem::replace(&mut self.told, told);
        let message = self.message(Item::Release(releases::release_of(order)));
        let sent = self.send(writer, message).await;
        if sent.is_err() {
            self.told = before;
        }
        sent
    }

    /// Brings what was told up to an event.
    async fn catch_up(&mut self, writer: &Writer<Spelled>, told: Sequence, as_of: EventSequence) -> Result<(), End> {
        if told.0 == 0 {
            self.feed.after = self.feed.after.max(as_of);
        }
        while self.feed.after < as_of {
            let events = self.feed.next().await.map_err(|cut| self.cut(cut))?;
            if events.is_empty() {
                // The hub has not looked yet.
                self.pulse.wait(&self.nudge).await?;
            }
            for told in events.iter().filter(|told| told.event.event_sequence <= as_of) {
                self.pass(writer, told).await?;
            }
            self.say_alive(writer).await?;
        }
        Ok(())
    }

    /// Follows the log until nothing more is to be written.
    async fn follow(&mut self, writer: &Writer<Spelled>) -> Result<(), End> {
        loop {
            let events = self.feed.next().await.map_err(|cut| self.cut(cut))?;
            for told in &events {
                self.pass(writer, told).await?;
            }
            self.say_alive(writer).await?;
            if events.is_empty() {
                self.pulse.wait(&self.nudge).await?;
            }
        }
    }

    /// Passes an event on if it releases or revokes what was told, and moves past it.
    async fn pass(&mut self, writer: &Writer<Spelled>, told: &Told) -> Result<(), End> {
        let event = &*told.event;
        let before = std::mem::replace(&mut self.feed.after, event.event_sequence);
        let is_told = |sequence: Sequence| self.told.is_none_or(|told| sequence <= told);
        let change = match &event.payload {
            Payload::OrderReleased(released) if is_told(released.sequence) => Change::Release(released),
            Payload::ReleaseRevoked(revoked) if is_told(revoked.sequence) => Change::Revocation(revoked),
            Payload::OrderPlaced(_)
            | Payload::OrderConfirmed(_)
            | Payload::OrderLapsed(_)
            | Payload::OrderReleased(_)
            | Payload::ReleaseRevoked(_)
            | Payload::ReleaseAcknowledged(_)
            | Payload::OrderShipped(_)
            | Payload::OrderShippedAfterCancel(_)
            | Payload::OrderCancelled(_)
            | Payload::LinesCancelled(_)
            | Payload::StockReceived(_)
            | Payload::StockAdjusted(_)
            | Payload::InboundChanged(_)
            | Payload::LocationChanged(_)
            | Payload::SafetyStockChanged(_)
            | Payload::PromiseAtRisk(_)
            | Payload::PromiseRecovered(_) => return Ok(()),
        };
        let message = match self.told {
            // Past the beginning, the token is the same for all who follow.
            None => told.release.get_or_init(|| self.message(change.item(event))).clone(),
            Some(_) => self.message(change.item(event)),
        };
        let sent = self.send(writer, message).await;
        if sent.is_err() {
            self.feed.after = before;
        }
        sent
    }

    /// Sends a heartbeat when it is time for one.
    async fn say_alive(&mut self, writer: &Writer<Spelled>) -> Result<(), End> {
        if self.pulse.is_due() {
            let message = self.message(Item::Heartbeat(pb::Heartbeat {}));
            self.send(writer, message).await?;
        }
        Ok(())
    }

    /// A message with the token of this place.
    fn message(&self, item: Item) -> Spelled {
        Spelled::whole(&Message {
            resume_token: self.token(),
            item: Some(item),
        })
    }

    async fn send(&mut self, writer: &Writer<Spelled>, message: Spelled) -> Result<(), End> {
        writer.send(message).await?;
        self.pulse.beat();
        Ok(())
    }

    fn cut(&self, cut: Cut) -> End {
        cut.end(|oldest| {
            let after = EventSequence(oldest.0.saturating_sub(1));
            self.token_of(ReleasesPlace { after, told: None })
        })
    }

    fn token(&self) -> String {
        self.token_of(ReleasesPlace {
            after: self.feed.after,
            told: self.told,
        })
    }

    fn token_of(&self, place: ReleasesPlace) -> String {
        let location_id: &LocationId = self.feed.location_id();
        token::releases(self.store.epoch(), location_id, place)
    }
}
