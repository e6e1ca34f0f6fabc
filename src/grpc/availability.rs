//! Item pages as streams: first the state of each SKU, then what changed of it, always ending with the latest.
//!
//! # Shape
//! What a SKU is worth is computed once for all who watch it, on the board: one task looks at all that is watched, at most
//! once a second, when something was committed and now and then by itself, since a cut-off or midnight commits nothing.
//! Whatever happens to a SKU in between is one message.
//!
//! # What bounds it
//! The SKUs that are watched, and of each stream what it told last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tonic::Status;

use super::context::Context;
use super::permits::StreamPlace;
use super::readers::Shelf;
use super::status::{self, SkuField};
use super::stream::{self, Answers, End, Writer};
use crate::clock;
use crate::domain::ids::{LocationId, Sku};
use crate::proto::holdfast::v1 as pb;
use pb::watch_availability_response::Item;

/// The most SKUs of a stream.
pub(crate) const SKUS_MAX: usize = 1_000;
/// The least time between two messages of a SKU.
const APART: Duration = Duration::from_secs(1);
/// The longest time between two looks where nothing is committed, beside [`APART`].
const TICK: Duration = Duration::from_secs(1);
/// Bytes of messages that wait for a slow reader. One that does not read holds up nobody: it gets the latest state once it
/// reads on.
const BUFFER_BYTES: usize = 16 * 1024;

/// What a stream is about.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Where; `None` for the best of all locations.
    pub(crate) location_id: Option<LocationId>,
    /// Of what.
    pub(crate) skus: Vec<Sku>,
    /// The most units that are told; `None` for all.
    pub(crate) quantity_cap: Option<i64>,
}

type Message = pb::WatchAvailabilityResponse;

/// What is known of a SKU that somebody watches, and since when it was looked for; `None` before the first look.
type Topic = Mutex<Option<(Instant, pb::ItemAvailability)>>;

/// States of all that is watched, computed once for all who watch it.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// How often all of it was looked at.
    looks: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    is_looked_at: bool,
    topics: BTreeMap<Option<LocationId>, BTreeMap<Sku, Arc<Topic>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step, so that a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// The topics of a stream, in the order of its SKUs; from now on they are looked at.
    fn join(context: &Arc<Context>, watched: &Watched) -> Vec<Arc<Topic>> {
        let mut state = locked(&context.board.state);
        let topics = state.topics.entry(watched.location_id.clone()).or_default();
        let joined = watched.skus.iter();
        let joined = joined.map(|sku| Arc::clone(topics.entry(sku.clone()).or_default()));
        let joined = joined.collect();
        if !std::mem::replace(&mut state.is_looked_at, true) {
            tokio::spawn(Self::look_on(Arc::clone(context)));
        }
        joined
    }

    /// Looks for as long as anybody watches.
    async fn look_on(context: Arc<Context>) {
        let shutdown = context.services.shutdown.clone();
        let mut committed = context.services.sequencer.committed();
        while let Some(shelves) = context.board.watched() {
            for (shelf, topics) in shelves {
                look_at(&context, shelf, &topics).await;
            }
            context.board.looks.send_modify(|looks| *looks = looks.wrapping_add(1));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(APART) => {}
            }
            // One that can change no more is no reason to wake.
            let _changed_or_late = tokio::time::timeout(TICK, committed.changed()).await;
        }
    }

    /// What is watched, by location, at most so many SKUs each; `None` when nobody watches.
    fn watched(&self) -> Option<Vec<(Shelf, Vec<Arc<Topic>>)>> {
        let mut state = locked(&self.state);
        for topics in state.topics.values_mut() {
            topics.retain(|_, topic| Arc::strong_count(topic) > 1);
        }
        state.topics.retain(|_, topics| !topics.is_empty());
        state.is_looked_at = !state.topics.is_empty();
        let mut shelves = Vec::new();
        for (location_id, topics) in &state.topics {
            let topics: Vec<_> = topics.iter().collect();
            for part in topics.chunks(SKUS_MAX) {
                let (skus, topics) = part
                    .iter()
                    .map(|(sku, topic)| ((*sku).clone(), Arc::clone(topic)))
                    .unzip();
                let location_id = location_id.clone();
                shelves.push((Shelf { location_id, skus }, topics));
            }
        }
        state.is_looked_at.then_some(shelves)
    }
}

/// Opens a stream. What there is none of is refused at once.
///
/// # Errors
/// Too many streams, an unknown location or SKU, or the first look failed.
pub(crate) async fn watch(
    context: &Arc<Context>,
    place: StreamPlace,
    watched: Watched,
) -> Result<Answers<Message>, Status> {
    let shelf = Shelf {
        location_id: watched.location_id.clone(),
        skus: watched.skus.clone(),
    };
    let first = look(context, shelf).await?;
    let (mut writer, answers) = stream::open(context.services.shutdown.clone(), BUFFER_BYTES);
    writer.live(super::watch::lifetime(&context.services.settings));
    tokio::spawn(run(Arc::clone(context), watched, first, writer, place));
    Ok(answers)
}

/// Brings topics up to date. A store that is away, or too many reads: the next look tells what this one missed.
async fn look_at(context: &Context, shelf: Shelf, topics: &[Arc<Topic>]) {
    let begun = clock::monotonic();
    let states = look(context, shelf).await.unwrap_or_default();
    for (topic, state) in topics.iter().zip(states) {
        *locked(topic) = Some((begun, state));
    }
}

async fn look(context: &Context, shelf: Shelf) -> Result<Vec<pb::ItemAvailability>, Status> {
    context.ask_about(shelf, SkuField::List).await
}

async fn run(
    context: Arc<Context>,
    watched: Watched,
    first: Vec<pb::ItemAvailability>,
    writer: Writer<Message>,
    place: StreamPlace,
) {
    let end = follow(&context, &watched, first, &writer).await;
    drop(place);
    // A stream that begins anew tells the state first: it needs no token.
    writer.end(end.map_err(|end| match end {
        End::Lived => End::Failed(status::stream_ended("")),
        other @ (End::Left | End::Failed(_)) => other,
    }));
}

async fn follow(
    context: &Arc<Context>,
    watched: &Watched,
    first: Vec<pb::ItemAvailability>,
    writer: &Writer<Message>,
) -> Result<(), End> {
    let heartbeat_interval = context.services.settings.heartbeat_interval;
    let mut looks = context.board.looks.subscribe();
    let (topics, joined_at) = (Board::join(context, watched), clock::monotonic());
    let silence = Notify::new();
    let mut told: Vec<_> = first.into_iter().map(|state| watched.capped(state)).collect();
    for state in &told {
        send(writer, Item::Availability(state.clone())).await?;
    }
    let mut last_sent = clock::monotonic();
    loop {
        writer.wait(&silence, APART).await?;
        writer.wait_for_change(&mut looks, APART + TICK).await?;
        looks.mark_unchanged();
        for (told, topic) in told.iter_mut().zip(&topics) {
            // A look that began before the first one ended may show what was before that.
            let state = locked(topic).clone().filter(|(begun, _)| *begun >= joined_at);
            let state = state.map(|(_, state)| watched.capped(state));
            if let Some(state) = state.filter(|state| told != state) {
                send(writer, Item::Availability(state.clone())).await?;
                *told = state;
                last_sent = clock::monotonic();
            }
        }
        if clock::monotonic().saturating_duration_since(last_sent) >= heartbeat_interval {
            send(writer, Item::Heartbeat(pb::Heartbeat {})).await?;
            last_sent = clock::monotonic();
        }
    }
}

impl Watched {
    /// A state with no more units than are told.
    fn capped(&self, state: pb::ItemAvailability) -> pb::ItemAvailability {
        let available_quantity = self
            .quantity_cap
            .map_or(state.available_quantity, |cap| state.available_quantity.min(cap));
        pb::ItemAvailability {
            available_quantity,
            ..state
        }
    }
}

async fn send(writer: &Writer<Message>, item: Item) -> Result<(), End> {
    writer.send(Message { item: Some(item) }).await
}
