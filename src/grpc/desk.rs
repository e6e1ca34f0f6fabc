//! The desk where quotes are asked for: whatever waits there is answered together, from one snapshot.
//!
//! # Shape
//! As in a round, one quote is a batch of one, and nobody waits for company: while one batch is read, the next one gathers.
//! Whoever asks finds the desk at work or sets it to work; with nobody waiting nothing runs.
//!
//! # What bounds it
//! The reads that may be under way ([`StreamSettings::reads_max`](super::StreamSettings)), and the lines of a batch. Whoever
//! comes while a batch takes long does not wait for it: another one begins beside it.

use std::fmt::Display;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tonic::Status;

use super::convert::checkout::Cart;
use super::readers::{Carts, Reader};
use super::status;
use crate::clock::Clock;
use crate::domain::rejection::Rejection;
use crate::proto::holdfast::v1 as pb;
use crate::store::{Store, StoreError};

/// Lines that are read together, unless one cart alone has more: beyond some hundred more company saves little, and all of
/// it waits for the longest.
const LINES_MAX: usize = 512;

/// How long a batch may take before those who came meanwhile are answered beside it.
const PATIENCE: Duration = Duration::from_millis(100);

/// A quote, or why there is none.
type Quoted = Result<pb::Quote, Rejection>;

/// Answers quotes.
#[derive(Debug)]
pub(crate) struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_at_work: bool,
    waiting: Vec<Asked>,
}

/// Somebody who waits. Whoever leaves is no reason to stop.
#[derive(Debug)]
struct Asked {
    cart: Arc<Cart>,
    reply: oneshot::Sender<Result<Quoted, Status>>,
    _permit: OwnedSemaphorePermit,
}

/// Why a batch could not be read.
#[derive(Debug)]
enum Unread {
    /// The database does not answer: nobody could be read for.
    Away(Status),
    /// One of the batch may be why.
    Failed(Status),
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        let status = status::unreadable(&error);
        match error {
            StoreError::Unavailable(_)
            | StoreError::Exhausted
            | StoreError::CommitUnknown(_)
            | StoreError::Storage(_) => Self::Away(status),
            StoreError::Refused { .. }
            | StoreError::Corrupt { .. }
            | StoreError::RowCount { .. }
            | StoreError::NeverLoaded(_) => Self::Failed(status),
        }
    }
}

impl Desk {
    /// A desk where nobody waits.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            state: Mutex::default(),
        })
    }

    /// What an order of a cart would get, at a moment between the call and its answer.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn ask(self: &Arc<Self>, cart: Cart, permit: OwnedSemaphorePermit) -> Result<Quoted, Status> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            cart: Arc::new(cart),
            reply,
            _permit: permit,
        };
        let is_idle = {
            let mut state = self.state();
            state.waiting.push(asked);
            !std::mem::replace(&mut state.is_at_work, true)
        };
        if is_idle {
            tokio::spawn(Arc::clone(self).work());
        }
        answer
            .await
            .unwrap_or_else(|_| Err(status::internal(&"a quote was left without an answer")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step, so that a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>) {
        while let Some(batch) = self.take() {
            let mut answered = pin!(self.answer(batch));
            if tokio::time::timeout(PATIENCE, &mut answered).await.is_err() {
                tokio::spawn(Arc::clone(&self).work_beside());
                return answered.await;
            }
        }
    }

    /// Goes on for one whose batch takes long.
    fn work_beside(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.work())
    }

    /// The next batch, in the order in which they came; `None` when nobody waits.
    fn take(&self) -> Option<Vec<Asked>> {
        let mut state = self.state();
        state.waiting.retain(|asked| !asked.reply.is_closed());
        let mut lines = 0_usize;
        let fits = |asked: &Asked| {
            lines = lines.saturating_add(asked.cart.lines.len());
            lines <= LINES_MAX
        };
        let count = state.waiting.iter().map(fits).take_while(|fits| *fits).count();
        let count = count.max(1).min(state.waiting.len());
        state.is_at_work = count > 0;
        (count > 0).then(|| state.waiting.drain(..count).collect())
    }

    async fn answer(&self, batch: Vec<Asked>) {
        let carts = batch.iter().map(|asked| Arc::clone(&asked.cart)).collect();
        match self.read(carts).await {
            Ok(quotes) => {
                assert_eq!(quotes.len(), batch.len(), "every cart is quoted");
                for (asked, quoted) in batch.into_iter().zip(quotes) {
                    drop(asked.reply.send(Ok(quoted)));
                }
            }
            // One cart must not cost the others their quotes: each is read by itself.
            Err(Unread::Failed(_)) if batch.len() > 1 => {
                for asked in batch.into_iter().filter(|asked| !asked.reply.is_closed()) {
                    Box::pin(self.answer(vec![asked])).await;
                }
            }
            Err(Unread::Away(status) | Unread::Failed(status)) => {
                for asked in batch {
                    drop(asked.reply.send(Err(status.clone())));
                }
            }
        }
    }

    /// Reads in a task of its own, so that a panic ends the task alone.
    async fn read(&self, carts: Vec<Arc<Cart>>) -> Result<Vec<Quoted>, Unread> {
        let failed = |why: &dyn Display| Unread::Failed(status::internal(&why));
        let mut reader = Reader::new(self.clock.now(), Carts(carts));
        let store = Arc::clone(&self.store);
        let read = tokio::spawn(async move { store.observe(&mut reader).await.map(|()| reader.into_answer()) });
        let answer = read.await.map_err(|error| failed(&error))??;
        let answer = answer.ok_or_else(|| failed(&"a reader was observed and gave no answer"))?;
        answer.map_err(|rejection| failed(&format_args!("{rejection:?}")))
    }
}
