//! The hub behind streams: one reader of the logs for all who follow them.
//!
//! # Shape
//! One task hears what this process commits ([`crate::sequencer::news`]), and passes on what is next in its log. When there is a
//! gap, when another process committed, and by itself now and then, it asks the store where the logs end, and reads what is
//! new of each log that somebody follows: once, however many follow it. The newest events of such a log are its [`Tail`],
//! shared by all with the bytes of the messages that bring them; whoever is further behind reads the table from its own
//! place, and so loses nothing.
//!
//! # What bounds it
//! The bytes of each tail. A follower holds its place and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stream::to_its_end;
use crate::clock;
use crate::domain::ids::{EventSequence, LocationId};
use crate::sequencer::Sequencer;
use crate::sequencer::news::Appended;
use crate::store::{LogEnds, Page, Store, StoreError};
use tail::{Heard, Reach, Tail};
pub(crate) use told::Told;

mod tail;
mod told;

/// The least time between two looks at the logs: other processes commit far more often than anybody needs to hear of it.
const LOOKS_APART: Duration = Duration::from_millis(2);
/// Events that the hub reads at once.
const READ_EVENTS: u32 = 256;
/// Events that a follower takes at once. An event is at most some 100 KiB, and mostly some hundred bytes.
const TAKEN_EVENTS: u32 = 32;

/// Reads logs for those who follow them.
#[derive(Debug)]
pub(crate) struct Hub {
    store: Arc<dyn Store>,
    sequencer: Sequencer,
    poll_interval: Duration,
    tail_bytes_max: usize,
    shutdown: CancellationToken,
    state: Mutex<State>,
    /// Somebody began to follow.
    joined: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    topics: BTreeMap<LocationId, Arc<Topic>>,
    /// Those who follow every log, the ones included that are yet to come.
    everyone: Vec<Weak<Notify>>,
    /// Where the logs ended at the last look.
    ends: Vec<LogEnds>,
}

/// A log that somebody follows.
#[derive(Debug)]
struct Topic {
    location_id: LocationId,
    tail: Mutex<Tail>,
    followers: Mutex<Vec<Weak<Notify>>>,
}

/// A place in a log, from which it is followed.
#[derive(Debug)]
pub(crate) struct Feed {
    hub: Arc<Hub>,
    topic: Arc<Topic>,
    /// The last event that was dealt with.
    pub(crate) after: EventSequence,
    /// Whether the log may begin later than with the event after that.
    pub(crate) from_oldest: bool,
}

/// Why a log cannot be followed on.
#[derive(Debug)]
pub(crate) enum Cut {
    /// The events after the place are no longer kept; this is the oldest that is.
    Gone(EventSequence),
    /// The store does not answer.
    Failed(Arc<StoreError>),
}

impl From<StoreError> for Cut {
    fn from(error: StoreError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes those who are still there.
fn wake(followers: &mut Vec<Weak<Notify>>) {
    followers.retain(|follower| follower.upgrade().inspect(|follower| follower.notify_one()).is_some());
}

impl Hub {
    /// A hub that reads nothing until somebody follows.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        sequencer: Sequencer,
        (poll_interval, tail_bytes_max): (Duration, usize),
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            sequencer,
            poll_interval,
            tail_bytes_max,
            shutdown,
            state: Mutex::default(),
            joined: Notify::new(),
        })
    }

    /// Follows a location's log after an event; news of it wake the follower.
    pub(crate) fn follow(
        self: &Arc<Self>,
        location_id: &LocationId,
        after: EventSequence,
        follower: &Arc<Notify>,
    ) -> Feed {
        let mut state = locked(&self.state);
        let topic = state.topics.entry(location_id.clone()).or_insert_with(|| {
            Arc::new(Topic {
                location_id: location_id.clone(),
                tail: Mutex::new(Tail::new(self.tail_bytes_max)),
                followers: Mutex::default(),
            })
        });
        let topic = Arc::clone(topic);
        locked(&topic.followers).push(Arc::downgrade(follower));
        self.run_in_background(&mut state);
        Feed {
            hub: Arc::clone(self),
            topic,
            after,
            from_oldest: false,
        }
    }

    /// Wakes the follower when any log has news, those included that are yet to come.
    pub(crate) fn follow_all(self: &Arc<Self>, follower: &Arc<Notify>) {
        let mut state = locked(&self.state);
        state.everyone.push(Arc::downgrade(follower));
        self.run_in_background(&mut state);
    }

    /// The logs beyond the first so many, as of the last look.
    pub(crate) fn logs_beyond(&self, count: usize) -> Vec<LogEnds> {
        let state = locked(&self.state);
        state.ends.get(count..).unwrap_or_default().to_vec()
    }

    fn run_in_background(self: &Arc<Self>, state: &mut State) {
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(Arc::clone(self).run());
        }
        self.joined.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut elsewhere = self.store.nudges();
        while !self.shutdown.is_cancelled() {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = self.joined.notified() => self.attend(elsewhere.as_mut()).await,
            }
        }
    }

    /// Looks and listens as long as anybody follows.
    async fn attend(self: &Arc<Self>, mut elsewhere: Option<&mut watch::Receiver<u64>>) {
        // Before the first look: what is committed from now on is heard, what was before is read.
        let mut news = self.sequencer.news().listen();
        while !self.shutdown.is_cancelled() && self.drop_unwatched() {
            if let Some(elsewhere) = &mut elsewhere {
                elsewhere.mark_unchanged();
            }
            let looked_at = clock::monotonic();
            self.look().await;
            self.listen(&mut news, elsewhere.as_deref_mut(), looked_at).await;
        }
    }

    /// Passes on what this process commits, until it is time to look.
    async fn listen(
        &self,
        news: &mut broadcast::Receiver<Arc<Appended>>,
        mut elsewhere: Option<&mut watch::Receiver<u64>>,
        looked_at: std::time::Instant,
    ) {
        let soon = later(looked_at, LOOKS_APART);
        let mut look_at = later(looked_at, self.poll_interval);
        loop {
            let is_due = look_at <= soon;
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep_until(look_at) => return,
                () = self.joined.notified() => look_at = soon,
                () = changed(elsewhere.as_deref_mut()), if !is_due => look_at = soon,
                heard = news.recv() => match heard {
                    Ok(appended) if self.pass_on(&appended) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => look_at = soon,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// Adds what a round appended to the logs that are followed; answers whether that is all that there is to tell.
    fn pass_on(&self, appended: &Appended) -> bool {
        let mut state = locked(&self.state);
        let State {
            topics, ends, everyone, ..
        } = &mut *state;
        let (mut is_all, mut touched) = (true, BTreeMap::new());
        for (location_id, event) in appended {
            let Some(topic) = topics.get(location_id) else {
                // A log that is new belongs to those who follow all.
                is_all &= everyone.is_empty() || ends.iter().any(|log| log.location_id == *location_id);
                continue;
            };
            match locked(&topic.tail).hear(event) {
                Heard::Next => drop(touched.insert(location_id, topic)),
                Heard::Known => {}
                Heard::Ahead => is_all = false,
            }
        }
        for topic in touched.into_values() {
            wake(&mut locked(&topic.followers));
        }
        is_all
    }

    /// Forgets logs that nobody follows; answers whether anybody follows any.
    fn drop_unwatched(&self) -> bool {
        let mut state = locked(&self.state);
        state.topics.retain(|_, topic| Arc::strong_count(topic) > 1);
        state.everyone.retain(|follower| follower.strong_count() > 0);
        !state.topics.is_empty() || !state.everyone.is_empty()
    }

    /// Asks where the logs end, and reads what is new of those that are followed.
    async fn look(self: &Arc<Self>) {
        let ends = match self.store.logs().await {
            Ok(ends) => ends,
            Err(error) => return self.fail(&Arc::new(error)),
        };
        let mut reads = JoinSet::new();
        for (topic, last) in self.behind(ends) {
            let hub = Arc::clone(self);
            reads.spawn(async move { hub.read(&topic, last).await });
        }
        while let Some(read) = reads.join_next().await {
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.fail(&Arc::new(error)),
                Err(error) => tracing::error!(%error, "a log could not be read: {error}"),
            }
        }
    }

    /// The logs that are followed and go on after what is known of them, each with its end.
    fn behind(&self, ends: Vec<LogEnds>) -> Vec<(Arc<Topic>, EventSequence)> {
        let mut behind = Vec::new();
        let mut state = locked(&self.state);
        let followed = ends
            .iter()
            .filter_map(|log| Some((state.topics.get(&log.location_id)?, log.last)));
        for (topic, last) in followed {
            let mut tail = locked(&topic.tail);
            if tail.begin(last) {
                wake(&mut locked(&topic.followers));
            } else if tail.last() < Some(last) {
                behind.push((Arc::clone(topic), last));
            }
        }
        if state.ends != ends {
            wake(&mut state.everyone);
            state.ends = ends;
        }
        behind
    }

    /// Reads a log up to an event, into its tail.
    async fn read(&self, topic: &Topic, last: EventSequence) -> Result<(), StoreError> {
        loop {
            let after = locked(&topic.tail).last();
            if after >= Some(last) {
                return Ok(());
            }
            let page = Page {
                after,
                limit: READ_EVENTS,
            };
            let events = self.store.list_events(&topic.location_id, page).await?;
            let events = events.unwrap_or_default();
            if events.is_empty() {
                return Ok(());
            }
            locked(&topic.tail).extend(events);
            wake(&mut locked(&topic.followers));
        }
    }

    /// Tells all who follow that the store does not answer. Whoever comes after them begins anew.
    fn fail(&self, error: &Arc<StoreError>) {
        let mut state = locked(&self.state);
        for topic in std::mem::take(&mut state.topics).into_values() {
            locked(&topic.tail).fail(error);
            wake(&mut locked(&topic.followers));
        }
        wake(&mut state.everyone);
    }
}

/// An instant so much later than another of the clock.
fn later(than: std::time::Instant, by: Duration) -> Instant {
    let than = Instant::from_std(than);
    than.checked_add(by).unwrap_or(than)
}

/// Waits for a change; for ever where nobody tells of any.
async fn changed(nudges: Option<&mut watch::Receiver<u64>>) {
    if let Some(nudges) = nudges
        && nudges.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

impl Feed {
    /// Whose log it is.
    pub(crate) fn location_id(&self) -> &LocationId {
        &self.topic.location_id
    }

    /// The next events after the place, some of them; none when there are none yet. Whoever deals with one moves the place.
    ///
    /// # Errors
    /// They are no longer kept, or cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Told>>, Cut> {
        let taken = usize::try_from(TAKEN_EVENTS).unwrap_or(usize::MAX);
        let reach = locked(&self.topic.tail).after(self.after, taken);
        match reach {
            Reach::Nothing => Ok(Vec::new()),
            Reach::Events(events) => {
                self.from_oldest = false;
                Ok(events)
            }
            Reach::Failed(error) => Err(Cut::Failed(error)),
            Reach::Table => self.read().await,
        }
    }

    async fn read(&mut self) -> Result<Vec<Arc<Told>>, Cut> {
        let page = Page {
            after: Some(self.after),
            limit: TAKEN_EVENTS,
        };
        let (store, topic) = (Arc::clone(&self.hub.store), Arc::clone(&self.topic));
        let events = to_its_end(async move { store.list_events(&topic.location_id, page).await }).await?;
        let events = events.unwrap_or_default();
        let Some(first) = events.first() else {
            return Ok(Vec::new());
        };
        let is_next = self.after.0.checked_add(1) == Some(first.event_sequence.0);
        if !is_next && !self.from_oldest {
            return Err(Cut::Gone(first.event_sequence));
        }
        self.from_oldest = false;
        Ok(events
            .into_iter()
            .map(|event| Arc::new(Told::new(Arc::new(event))))
            .collect())
    }
}
