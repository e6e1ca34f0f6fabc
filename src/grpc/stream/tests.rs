//! A stream misses nothing, says that it lives, and ends with a reason.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::allocator::command::ContinueRefill;
use crate::domain::catalog::{Item as CatalogItem, Location};
use crate::domain::event::{Payload, SafetyStockChanged};
use crate::domain::ids::{InboundId, LineNumber, Sequence, Sku};
use crate::domain::inbound::Inbound;
use crate::domain::quantity::Units;
use crate::store::{InboundFilter, InvariantReport, OrderAt, OrderFilter, QueuedLine, Round};

/// A store that has a log and nothing else.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Event>>);

impl Log {
    fn append(&self, numbers: std::ops::RangeInclusive<i64>) {
        let payload = || {
            let sku = Sku::parse("SCREW").expect("a SKU");
            Payload::SafetyStockChanged(SafetyStockChanged {
                sku,
                safety_stock: Units::ZERO,
            })
        };
        let at = Instant::default();
        let events = numbers.map(|n| Event {
            event_sequence: EventSequence(n),
            at,
            order_id: None,
            payload: payload(),
        });
        self.0.lock().expect("no holder panics").extend(events);
    }
}

type Instant = crate::domain::Instant;

fn nothing<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable(
        "this store has a log and nothing else".to_owned(),
    ))
}

#[async_trait]
impl Store for Log {
    async fn round(&self, _: &mut dyn Round) -> Result<(), StoreError> {
        nothing()
    }

    async fn observe(&self, _: &mut dyn Round) -> Result<(), StoreError> {
        nothing()
    }

    async fn list_orders(&self, _: &OrderFilter, _: Page<Sequence>) -> Result<Vec<OrderAt>, StoreError> {
        nothing()
    }

    async fn list_backlog(
        &self,
        _: &LocationId,
        _: &Sku,
        _: Page<(Sequence, LineNumber)>,
    ) -> Result<Vec<QueuedLine>, StoreError> {
        nothing()
    }

    async fn list_stock(&self, _: &LocationId, _: bool, _: Page<Sku>) -> Result<Vec<Sku>, StoreError> {
        nothing()
    }

    async fn list_inbounds(&self, _: &InboundFilter, _: Page<InboundId>) -> Result<Vec<Inbound>, StoreError> {
        nothing()
    }

    async fn list_locations(&self, _: Page<LocationId>) -> Result<Vec<Location>, StoreError> {
        nothing()
    }

    async fn list_items(&self, _: Page<Sku>) -> Result<Vec<CatalogItem>, StoreError> {
        nothing()
    }

    async fn list_events(&self, _: &LocationId, page: Page<EventSequence>) -> Result<Option<Vec<Event>>, StoreError> {
        let limit = usize::try_from(page.limit).expect("small");
        let log = self.0.lock().expect("no holder panics");
        let after = log
            .iter()
            .filter(|event| page.after.is_none_or(|after| event.event_sequence > after));
        Ok(Some(after.take(limit).cloned().collect()))
    }

    async fn last_event(&self, _: &LocationId) -> Result<Option<EventSequence>, StoreError> {
        nothing()
    }

    async fn pending_refills(&self) -> Result<Vec<ContinueRefill>, StoreError> {
        nothing()
    }

    async fn lapsed_locations(&self, _: Instant) -> Result<Vec<LocationId>, StoreError> {
        nothing()
    }

    fn invariants(&self) -> Vec<&'static str> {
        Vec::new()
    }

    async fn check_invariant(&self, _: &str, _: Option<&LocationId>) -> Result<InvariantReport, StoreError> {
        nothing()
    }

    fn epoch(&self) -> u64 {
        7
    }

    async fn close(&self) {}
}

struct Watched {
    log: Arc<Log>,
    nudge: watch::Sender<u64>,
    shutdown: CancellationToken,
    streams: Arc<Semaphore>,
    answers: Answers<pb::WatchEventsResponse>,
}

impl Watched {
    /// A log of so many events, followed after one of them.
    fn new(log: Log, after: Option<i64>, types: &[pb::EventType], settings: StreamSettings) -> Self {
        let log = Arc::new(log);
        let (nudge, nudges) = watch::channel(0);
        let shutdown = CancellationToken::new();
        let stream = EventStream {
            store: Arc::clone(&log) as Arc<dyn Store>,
            settings,
            nudges,
            location_id: location_id(),
            types: types.iter().copied().collect(),
            after: EventSequence(after.unwrap_or(0)),
            from_oldest: after.is_none(),
            sent_at: clock::monotonic(),
        };
        let streams = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&streams).try_acquire_owned().expect("a free place");
        let (writer, answers) = open(shutdown.clone(), BUFFERED_MAX).expect("a buffer");
        tokio::spawn(stream.run(writer, permit));
        Self {
            log,
            nudge,
            shutdown,
            streams,
            answers,
        }
    }

    async fn next(&mut self) -> Result<pb::WatchEventsResponse, Status> {
        let next = tokio::time::timeout(Duration::from_secs(10), self.answers.next()).await;
        next.expect("in time").expect("the stream goes on")
    }

    /// The number of the next event, whose token must lead back to it.
    async fn next_number(&mut self) -> i64 {
        let message = self.next().await.expect("a message");
        let Some(Item::Event(event)) = message.item else {
            panic!("not an event: {message:?}")
        };
        let after = token::parse_resume(7, &location_id(), &message.resume_token);
        assert_eq!(after, Some(EventSequence(event.event_sequence)));
        event.event_sequence
    }
}

fn location_id() -> LocationId {
    LocationId::parse("BRU").expect("an id")
}

fn log(numbers: std::ops::RangeInclusive<i64>) -> Log {
    let log = Log::default();
    log.append(numbers);
    log
}

/// Neither polls nor sends heartbeats within a test.
fn patient() -> StreamSettings {
    let (poll_interval, heartbeat_interval) = (Duration::from_mins(10), Duration::from_mins(10));
    StreamSettings {
        poll_interval,
        heartbeat_interval,
        ..StreamSettings::default()
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("a reason").reason
}

#[tokio::test]
async fn a_slow_reader_gets_every_event_in_order() {
    let mut watched = Watched::new(log(1..=1_000), None, &[], patient());
    tokio::time::sleep(Duration::from_millis(50)).await;
    for expected in 1..=1_000 {
        assert_eq!(watched.next_number().await, expected);
    }
}

#[tokio::test]
async fn a_commit_wakes_the_stream_and_polling_needs_no_commit() {
    let mut watched = Watched::new(log(1..=2), Some(1), &[], patient());
    assert_eq!(watched.next_number().await, 2);
    watched.log.append(3..=4);
    watched.nudge.send_modify(|commits| *commits += 1);
    assert_eq!((watched.next_number().await, watched.next_number().await), (3, 4));

    let settings = StreamSettings {
        poll_interval: Duration::from_millis(10),
        ..patient()
    };
    let mut watched = Watched::new(log(1..=1), Some(1), &[], settings);
    watched.log.append(2..=2);
    assert_eq!(watched.next_number().await, 2);
}

#[tokio::test]
async fn a_heartbeat_moves_the_token_past_what_the_filter_left_out() {
    let settings = StreamSettings {
        heartbeat_interval: Duration::from_millis(20),
        ..patient()
    };
    let mut watched = Watched::new(log(1..=500), None, &[pb::EventType::OrderPlaced], settings);
    for _ in 0..3 {
        let message = watched.next().await.expect("a message");
        assert_eq!(message.item, Some(Item::Heartbeat(pb::Heartbeat {})));
        assert_eq!(
            token::parse_resume(7, &location_id(), &message.resume_token),
            Some(EventSequence(500))
        );
    }
}

#[tokio::test]
async fn events_that_are_gone_are_never_passed_over_in_silence() {
    let mut from_oldest = Watched::new(log(40..=41), None, &[], patient());
    assert_eq!(
        (from_oldest.next_number().await, from_oldest.next_number().await),
        (40, 41)
    );
    let mut resumed = Watched::new(log(40..=41), Some(12), &[], patient());
    let status = resumed.next().await.expect_err("events are gone");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::OutOfRange, "RESUME_TOKEN_EXPIRED")
    );
    let info = status.get_details_error_info().expect("a reason");
    let oldest = info.metadata.get("oldest_resume_token").expect("the oldest token");
    assert_eq!(token::parse_resume(7, &location_id(), oldest), Some(EventSequence(39)));
}

#[tokio::test]
async fn shutdown_ends_the_stream_with_a_reason_even_for_a_reader_that_does_not_read() {
    let mut watched = Watched::new(log(1..=1_000), None, &[], patient());
    tokio::time::sleep(Duration::from_millis(50)).await;
    watched.shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(watched.streams.available_permits(), 1);
    let mut messages = 0;
    let status = loop {
        match watched.next().await {
            Ok(_) => messages += 1,
            Err(status) => break status,
        }
    };
    assert!((1..=BUFFERED_MAX).contains(&messages), "{messages} messages");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "SHUTTING_DOWN")
    );
    assert!(watched.answers.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_leaves_frees_its_place() {
    let watched = Watched::new(log(1..=1_000), None, &[], patient());
    drop(watched.answers);
    for _ in 0..1_000 {
        if watched.streams.available_permits() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the stream goes on without its reader");
}

#[tokio::test]
async fn a_stream_whose_task_panics_does_not_end_as_if_all_were_well() {
    let (writer, mut answers) = open::<()>(CancellationToken::new(), BUFFERED_MAX).expect("a buffer");
    drop(writer);
    let status = answers.next().await.expect("a status").expect_err("a status");
    assert_eq!(reason(&status), "INTERNAL");
}

#[test]
fn a_resume_token_is_of_this_log_and_not_beyond_its_end() {
    let token = |after| token::resume(7, &location_id(), EventSequence(after));
    let resumed = |text: &str| resumed(7, &location_id(), EventSequence(5), text);
    assert_eq!(resumed(&token(5)).expect("a place"), EventSequence(5));
    assert_eq!(resumed(&token(0)).expect("a place"), EventSequence(0));
    for bad in [
        token(6),
        "junk".to_owned(),
        token::resume(8, &location_id(), EventSequence(1)),
    ] {
        let status = resumed(&bad).expect_err("no place");
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "RESUME_TOKEN_INVALID")
        );
    }
}
