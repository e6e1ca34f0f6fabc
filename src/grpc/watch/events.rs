//! The logs of one, several or all locations as one stream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost::Message as _;
use tokio::sync::Notify;
use tonic::Status;

use super::{Pulse, Tokens, before_oldest, check_not_ahead, consumers, finish, logs, unknown};
use crate::domain::ids::{EventSequence, LocationId};
use crate::grpc::codec::Spelled;
use crate::grpc::context::Context;
use crate::grpc::convert::events;
use crate::grpc::convert::logs::Events;
use crate::grpc::hub::{Feed, Hub, Told};
use crate::grpc::permits::StreamPlace;
use crate::grpc::stream::{self, Answers, End, Writer};
use crate::grpc::{status, token};
use crate::proto::holdfast::v1 as pb;
use crate::store::LogEnds;
use pb::watch_events_response::Item;

type Message = pb::WatchEventsResponse;

/// Logs that are followed together.
#[derive(Debug)]
struct EventStream {
    hub: Arc<Hub>,
    feeds: Vec<Feed>,
    /// Whether logs that are yet to come belong to it.
    is_all: bool,
    types: BTreeSet<pb::EventType>,
    nudge: Arc<Notify>,
    pulse: Pulse,
    epoch: u64,
    scope: String,
}

/// The name of a set of locations, to which tokens are bound. No id is empty, and none holds a line break.
pub(super) fn scope_of(location_ids: &BTreeSet<LocationId>) -> String {
    let ids: Vec<_> = location_ids.iter().map(LocationId::as_str).collect();
    ids.join("\n")
}

/// The logs that are asked for: all, or those named, by id.
pub(super) fn chosen(logs: Vec<LogEnds>, location_ids: &BTreeSet<LocationId>) -> Result<Vec<LogEnds>, Status> {
    if location_ids.is_empty() {
        return Ok(logs);
    }
    let mut by_id: BTreeMap<_, _> = logs.into_iter().map(|log| (log.location_id.clone(), log)).collect();
    let found = location_ids
        .iter()
        .map(|id| by_id.remove(id).ok_or_else(|| unknown(id.clone())));
    found.collect()
}

/// Where each log is followed from. Of all logs, those that the token does not know came after it.
pub(super) fn places(
    tokens: Tokens,
    scope: &str,
    logs: &[LogEnds],
    resume_token: Option<&str>,
) -> Result<Vec<EventSequence>, Status> {
    let Some(text) = resume_token else {
        return Ok(logs.iter().map(before_oldest).collect());
    };
    let mut places = tokens.parse_events(scope, text)?;
    let fits = if scope.is_empty() {
        places.len() <= logs.len()
    } else {
        places.len() == logs.len()
    };
    if !fits {
        return Err(status::resume_token_invalid("names other locations than there are"));
    }
    places.resize(logs.len(), EventSequence(0));
    for (after, log) in places.iter().zip(logs) {
        check_not_ahead(*after, log)?;
    }
    let kept: Vec<_> = places
        .iter()
        .zip(logs)
        .map(|(after, log)| (*after).max(before_oldest(log)))
        .collect();
    if kept != places {
        let oldest = token::events(tokens.epoch, scope, &kept);
        return Err(status::resume_token_expired(&oldest));
    }
    Ok(places)
}

/// Opens the logs that are asked for.
///
/// # Errors
/// There is no such location, the token is not one of these logs, or too many streams are open.
pub(crate) async fn watch(context: &Context, place: StreamPlace, asked: Events) -> Result<Answers<Spelled>, Status> {
    let Events {
        location_ids,
        types,
        mut resume_token,
        consumer_id,
    } = asked;
    let scope = scope_of(&location_ids);
    let logs = chosen(logs(context).await?, &location_ids)?;
    let epoch = context.services.store.epoch();
    if let Some(consumer_id) = consumer_id.as_ref().filter(|_| resume_token.is_none()) {
        resume_token = consumers::resumed(context, consumer_id, &scope, &logs).await?;
    }
    let places = places(Tokens { epoch }, &scope, &logs, resume_token.as_deref())?;
    if let Some(consumer_id) = &consumer_id {
        consumers::remember(context, consumer_id, &logs, &places).await?;
    }
    let (hub, nudge) = (Arc::clone(&context.hub), Arc::new(Notify::new()));
    let feeds = logs.iter().zip(places).map(|(log, after)| {
        let mut feed = hub.follow(&log.location_id, after, &nudge);
        feed.from_oldest = resume_token.is_none();
        feed
    });
    let feeds = feeds.collect();
    let is_all = location_ids.is_empty();
    if is_all {
        hub.follow_all(&nudge);
    }
    let settings = &context.services.settings;
    let (lifetime, shutdown) = (super::lifetime(settings), &context.services.shutdown);
    let stream = EventStream {
        hub,
        feeds,
        is_all,
        types,
        nudge,
        pulse: Pulse::new(settings, lifetime, shutdown),
        epoch,
        scope,
    };
    let (mut writer, answers) = stream::open(shutdown.clone(), settings.buffer_bytes_max);
    writer.live(lifetime);
    Ok(answers.written_by(stream.run(writer, place)))
}

impl EventStream {
    async fn run(mut self, writer: Writer<Spelled>, place: StreamPlace) {
        let end = self.follow(&writer).await;
        let resume_token = self.token();
        let heartbeat = Message {
            resume_token: resume_token.clone(),
            item: Some(Item::Heartbeat(pb::Heartbeat {})),
        };
        // First, so that whoever has read the end may connect again.
        drop(place);
        finish(writer, end, &resume_token, &heartbeat);
    }

    /// Follows the logs until nothing more is to be written.
    async fn follow(&mut self, writer: &Writer<Spelled>) -> Result<(), End> {
        loop {
            self.open_new_logs();
            let mut is_idle = true;
            for at in 0..self.feeds.len() {
                is_idle &= !self.pass_some(writer, at).await?;
            }
            if self.pulse.is_due() {
                let heartbeat = Message {
                    resume_token: self.token(),
                    item: Some(Item::Heartbeat(pb::Heartbeat {})),
                };
                self.send(writer, Spelled::whole(&heartbeat)).await?;
            }
            if is_idle {
                self.pulse.wait(&self.nudge).await?;
            }
        }
    }

    /// Follows the logs of locations that were created since.
    fn open_new_logs(&mut self) {
        if !self.is_all {
            return;
        }
        for log in self.hub.logs_beyond(self.feeds.len()) {
            let feed = self.hub.follow(&log.location_id, EventSequence(0), &self.nudge);
            self.feeds.push(feed);
        }
    }

    /// Passes some events of a log on; answers whether there were any.
    async fn pass_some(&mut self, writer: &Writer<Spelled>, at: usize) -> Result<bool, End> {
        let Some(feed) = self.feeds.get_mut(at) else {
            return Ok(false);
        };
        let events = match feed.next().await {
            Ok(events) => events,
            Err(cut) => return Err(cut.end(|oldest| self.token_at(at, EventSequence(oldest.0.saturating_sub(1))))),
        };
        for told in &events {
            self.pass(writer, at, told).await?;
        }
        Ok(!events.is_empty())
    }

    /// Passes an event on, unless the filter leaves it out, and moves past it.
    async fn pass(&mut self, writer: &Writer<Spelled>, at: usize, told: &Told) -> Result<(), End> {
        let Some(feed) = self.feeds.get_mut(at) else {
            return Ok(());
        };
        let before = std::mem::replace(&mut feed.after, told.event.event_sequence);
        if !self.types.is_empty() && !self.types.contains(&events::event_type(&told.event.payload)) {
            return Ok(());
        }
        let message = self.message(at, told);
        let sent = self.send(writer, message).await;
        if let (Err(_), Some(feed)) = (&sent, self.feeds.get_mut(at)) {
            feed.after = before;
        }
        sent
    }

    /// The message that brings an event of a log. All who follow that log alone get the same one; the token of several logs
    /// is each reader's own.
    fn message(&self, at: usize, told: &Told) -> Spelled {
        let of_event = |resume_token: String| Message {
            resume_token,
            item: self
                .feeds
                .get(at)
                .map(|feed| Item::Event(events::event(feed.location_id(), &told.event))),
        };
        if self.feeds.len() == 1 && !self.is_all {
            let alone = told.alone.get_or_init(|| Spelled::whole(&of_event(self.token())));
            return alone.clone();
        }
        let field = told
            .field
            .get_or_init(|| of_event(String::new()).encode_to_vec().into());
        let own = Message {
            resume_token: self.token(),
            item: None,
        };
        Spelled::joined(&own, field.clone())
    }

    async fn send(&mut self, writer: &Writer<Spelled>, message: Spelled) -> Result<(), End> {
        writer.send(message).await?;
        self.pulse.beat();
        Ok(())
    }

    fn token(&self) -> String {
        let places: Vec<_> = self.feeds.iter().map(|feed| feed.after).collect();
        token::events(self.epoch, &self.scope, &places)
    }

    /// The token with another place in one log.
    fn token_at(&self, at: usize, after: EventSequence) -> String {
        let mut places: Vec<_> = self.feeds.iter().map(|feed| feed.after).collect();
        if let Some(place) = places.get_mut(at) {
            *place = after;
        }
        token::events(self.epoch, &self.scope, &places)
    }
}
