//! Streams of answers: a task writes, a buffer bounded in bytes carries, a slow reader delays itself alone. A stream that
//! only tells has no task of its own: it is written by the one that sends it ([`Answers::written_by`]).
//!
//! Reads of the database are driven to their end; only waiting is given up when the reader leaves, the stream has lived
//! its time, or the server ends.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::codec::Spell;
use super::hub::Cut;
use super::status;
use crate::clock;
use crate::domain::ids::EventSequence;
use crate::store::StoreError;

/// What a message takes beside its bytes, at least.
const MESSAGE_BYTES: usize = 128;

#[derive(Debug)]
struct Buffered<M> {
    message: Result<M, Status>,
    /// Given back when the message is taken.
    room: Option<OwnedSemaphorePermit>,
}

/// The stream of a call.
pub(crate) struct Answers<M> {
    /// Dropped before what writes, which so learns that its reader left.
    written: mpsc::UnboundedReceiver<Buffered<M>>,
    /// What writes it, if no task of its own does.
    writing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<M> fmt::Debug for Answers<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

impl<M> Answers<M> {
    /// Has the stream written whenever it is asked for more than was written: what is told wakes one task, not two. Nothing
    /// is written while nobody reads, and what writes is dropped when the reader leaves.
    pub(crate) fn written_by(mut self, writing: impl Future<Output = ()> + Send + 'static) -> Self {
        self.writing = Some(Box::pin(writing));
        self
    }

    fn take(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<M, Status>>> {
        let polled = self.written.poll_recv(context);
        polled.map(|taken| {
            taken.map(|Buffered { message, room }| {
                drop(room);
                message
            })
        })
    }
}

impl<M> Stream for Answers<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let taken = self.take(context);
        let Some(writing) = self.writing.as_mut().filter(|_| taken.is_pending()) else {
            return taken;
        };
        if writing.as_mut().poll(context).is_ready() {
            self.writing = None;
        }
        self.take(context)
    }
}

/// Reads in a task of its own: what the reader of a stream leaves behind is read to its end, and never dropped midway.
///
/// # Errors
/// What the read fails with.
pub(crate) async fn to_its_end<T, E>(read: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let read = tokio::spawn(read).await;
    read.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// The writing end of a stream.
#[derive(Debug)]
pub(crate) struct Writer<M> {
    messages: mpsc::UnboundedSender<Buffered<M>>,
    room: Arc<Semaphore>,
    room_bytes: usize,
    /// When the stream has lived its time, if it has one.
    lives_until: Option<Instant>,
    shutdown: CancellationToken,
    is_ended: bool,
}

/// Why nothing more is to be written.
#[derive(Debug)]
pub(crate) enum End {
    /// The reader left: nobody is to be told.
    Left,
    /// The stream has lived its time: the reader is to connect again.
    Lived,
    /// The stream failed, or the server ends.
    Failed(Status),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Failed(status::unreadable(&error))
    }
}

impl Cut {
    /// The end of a stream that cannot go on, with the token of the oldest place that still can.
    pub(crate) fn end(self, oldest_token: impl FnOnce(EventSequence) -> String) -> End {
        End::Failed(match self {
            Self::Gone(oldest) => status::resume_token_expired(&oldest_token(oldest)),
            Self::Failed(error) => status::unreadable(&error),
        })
    }
}

/// A stream that buffers so many bytes, and its writing end.
pub(crate) fn open<M>(shutdown: CancellationToken, room_bytes: usize) -> (Writer<M>, Answers<M>) {
    let (messages, answers) = mpsc::unbounded_channel();
    let room_bytes = room_bytes.clamp(MESSAGE_BYTES, Semaphore::MAX_PERMITS);
    let writer = Writer {
        messages,
        room: Arc::new(Semaphore::new(room_bytes)),
        room_bytes,
        lives_until: None,
        shutdown,
        is_ended: false,
    };
    let answers = Answers {
        written: answers,
        writing: None,
    };
    (writer, answers)
}

impl<M: Spell> Writer<M> {
    /// Writes a message, once there is room for it.
    ///
    /// # Errors
    /// Nothing more is to be written; this message was not.
    pub(crate) async fn send(&self, message: M) -> Result<(), End> {
        let bytes = message
            .spelled_bytes()
            .saturating_add(MESSAGE_BYTES)
            .min(self.room_bytes);
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.shutdown.is_cancelled() {
            return Err(End::Failed(status::shutting_down()));
        }
        let room = match Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            Ok(room) => Some(room),
            Err(_) => self.room_for(wanted).await?,
        };
        let message = Ok(message);
        self.messages.send(Buffered { message, room }).map_err(|_| End::Left)
    }

    /// Waits for room.
    async fn room_for(&self, bytes: u32) -> Result<Option<OwnedSemaphorePermit>, End> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(End::Failed(status::shutting_down())),
            () = self.messages.closed() => Err(End::Left),
            room = Arc::clone(&self.room).acquire_many_owned(bytes) => Ok(room.ok()),
            () = passed(self.lives_until) => Err(End::Lived),
        }
    }

    /// Writes the last message, for which there is always room.
    pub(crate) fn send_last(&self, message: M) {
        let (message, room) = (Ok(message), None);
        // A reader that left needs no last message.
        drop(self.messages.send(Buffered { message, room }));
    }
}

impl<M> Writer<M> {
    /// Gives the stream so long to live.
    pub(crate) fn live(&mut self, lifetime: Duration) {
        self.lives_until = Instant::from_std(clock::monotonic()).checked_add(lifetime);
    }

    /// Waits for a nudge, but no longer than a time.
    ///
    /// # Errors
    /// Nothing more is to be written.
    pub(crate) async fn wait(&self, nudge: &Notify, at_most: Duration) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(End::Failed(status::shutting_down())),
            () = self.messages.closed() => Err(End::Left),
            () = passed(self.lives_until) => Err(End::Lived),
            () = nudge.notified() => Ok(()),
            () = tokio::time::sleep(at_most) => Ok(()),
        }
    }

    /// Waits until a number changes, but no longer than a time.
    ///
    /// # Errors
    /// Nothing more is to be written.
    pub(crate) async fn wait_for_change(
        &self,
        number: &mut watch::Receiver<u64>,
        at_most: Duration,
    ) -> Result<(), End> {
        let nudge = Notify::new();
        tokio::select! {
            waited = self.wait(&nudge, at_most) => waited,
            // One that can change no more is no reason to wake.
            Ok(()) = number.changed() => Ok(()),
        }
    }

    /// Waits until the reader has left or the server ends.
    pub(crate) async fn over(&self) -> End {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => End::Failed(status::shutting_down()),
            () = self.messages.closed() => End::Left,
        }
    }

    /// Ends the stream with its status; without one the stream ends as it should.
    pub(crate) fn end(mut self, end: Result<(), End>) {
        self.is_ended = true;
        if let Err(End::Failed(status)) = end {
            self.tell(status);
        }
    }

    fn tell(&self, status: Status) {
        let (message, room) = (Err(status), None);
        // A reader that left needs no status.
        drop(self.messages.send(Buffered { message, room }));
    }
}

/// Waits for an instant; for ever without one.
async fn passed(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// A writer that was never ended belonged to a task that panicked: its reader must not take that for the end. One whose reader
/// left is given up with its stream.
impl<M> Drop for Writer<M> {
    fn drop(&mut self) {
        if !self.is_ended && !self.messages.is_closed() {
            self.tell(status::internal(&"the task of a stream ended without saying why"));
        }
    }
}

#[cfg(test)]
mod tests;
