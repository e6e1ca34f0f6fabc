//! Item pages as streams: first the state of each SKU, then what changed of it, always ending with the latest.
//!
//! # What bounds it
//! A stream reads its SKUs together, at most once a second, so that whatever happens to a SKU in between is one message.
//! It reads when something was committed, and now and then by itself: a cut-off or midnight commits nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
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

/// Opens a stream. What there is none of is refused at once.
///
/// # Errors
/// Too many streams, an unknown location or SKU, or the first look failed.
pub(crate) async fn watch(
    context: &Arc<Context>,
    place: StreamPlace,
    watched: Watched,
) -> Result<Answers<Message>, Status> {
    let first = look(context, &watched).await?;
    let (mut writer, answers) = stream::open(context.services.shutdown.clone(), BUFFER_BYTES);
    writer.live(super::watch::lifetime(&context.services.settings));
    tokio::spawn(run(Arc::clone(context), watched, first, writer, place));
    Ok(answers)
}

async fn look(context: &Context, watched: &Watched) -> Result<Vec<pb::ItemAvailability>, Status> {
    context.ask_about(Shelf(watched.clone()), SkuField::List).await
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
    context: &Context,
    watched: &Watched,
    first: Vec<pb::ItemAvailability>,
    writer: &Writer<Message>,
) -> Result<(), End> {
    let heartbeat_interval = context.services.settings.heartbeat_interval;
    let mut nudges = context.services.sequencer.committed();
    let silence = Notify::new();
    for state in &first {
        send(writer, Item::Availability(state.clone())).await?;
    }
    let (mut told, mut last_sent) = (first, clock::monotonic());
    loop {
        writer.wait(&silence, APART).await?;
        writer.wait_for_change(&mut nudges, TICK).await?;
        let states = look(context, watched).await;
        // A store that is away, or too many reads: the next look tells what this one missed.
        let Ok(states) = states else { continue };
        for (told, state) in told.iter_mut().zip(states) {
            if *told != state {
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

async fn send(writer: &Writer<Message>, item: Item) -> Result<(), End> {
    writer.send(Message { item: Some(item) }).await
}
