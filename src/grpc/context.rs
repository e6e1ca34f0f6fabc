//! What every handler works with: it submits commands, asks the store in tasks of their own, and opens streams.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::availability::Board;
use super::convert::answers::Expected;
use super::convert::checkout::Cart;
use super::desk::Desk;
use super::hub::Hub;
use super::permits::{self, Connections, StreamPlace, permit};
use super::readers::{OutlookOf, Question, Reader};
use super::status::{self, SkuField};
use super::view::{self, Outlook};
use super::{Services, StreamSettings};
use crate::allocator::command::Command;
use crate::allocator::decision::OrderAnswer;
use crate::domain::order::OrderState;
use crate::proto::holdfast::v1 as pb;
use crate::sequencer::Reply;
use crate::store::{Store, StoreError};

/// Checks of the invariants at a time: each reads every row that there is.
const CHECKS_MAX: usize = 1;

/// The services and how much of each is under way.
#[derive(Debug)]
pub(crate) struct Context {
    /// The services.
    pub(crate) services: Services,
    /// Whoever follows logs follows them here.
    pub(crate) hub: Arc<Hub>,
    /// What item pages watch.
    pub(crate) board: Board,
    desk: Arc<Desk>,
    reads: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    connections: Arc<Connections>,
    checks: Arc<Semaphore>,
}

impl Context {
    /// A context with nothing under way.
    pub(crate) fn new(services: Services) -> Self {
        let StreamSettings {
            streams_max,
            reads_max,
            poll_interval,
            tail_bytes_max,
            ..
        } = services.settings;
        let hub = Hub::new(
            Arc::clone(&services.store),
            services.sequencer.clone(),
            (poll_interval, tail_bytes_max),
            services.shutdown.clone(),
        );
        let permits = |max: usize| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        let desk = Desk::new(Arc::clone(&services.store), Arc::clone(&services.clock));
        Self {
            services,
            hub,
            board: Board::default(),
            desk,
            reads: permits(reads_max),
            streams: permits(streams_max),
            connections: Arc::default(),
            checks: permits(CHECKS_MAX),
        }
    }

    /// Submits a command, and waits for its answer.
    ///
    /// # Errors
    /// Its refusal, or why there is no answer.
    pub(crate) async fn submit<A: Expected>(&self, command: Command, deadline: Option<Instant>) -> Result<A, Status> {
        let sku_field = match &command {
            Command::PutInbound(_) => SkuField::InboundLines,
            Command::Adjust(_) => SkuField::Single,
            Command::Reserve(_)
            | Command::Confirm(_)
            | Command::Lapse(_)
            | Command::Cancel(_)
            | Command::Receive(_)
            | Command::AcknowledgeRelease(_)
            | Command::ConfirmShipment(_)
            | Command::ReportShippedAfterCancel(_)
            | Command::CloseInbound(_)
            | Command::PutLocation(_)
            | Command::PutItem(_)
            | Command::ContinueRefill(_)
            | Command::Reestimate(_) => SkuField::Lines,
        };
        match self
            .services
            .sequencer
            .submit(command, deadline)
            .await
            .map_err(status::failed)?
        {
            Reply::Accepted(answer) => {
                A::of(answer).ok_or_else(|| status::internal(&"a command got the answer of another kind of command"))
            }
            Reply::Rejected(rejection) => Err(status::rejected(rejection, sku_field)),
        }
    }

    /// Reads from the store, in a task that goes on when the caller leaves.
    ///
    /// # Errors
    /// Too many reads are under way, or this one failed.
    pub(crate) async fn read<T, F>(&self, read: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Status>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let permit = permit(&self.reads, "reads", self.services.settings.reads_max)?;
        let future = read(Arc::clone(&self.services.store));
        let task = tokio::spawn(async move {
            let _permit = permit;
            future.await
        });
        let read = task.await.map_err(|error| status::internal(&error))?;
        read.map_err(|error| status::unreadable(&error))
    }

    /// Asks a question that names SKUs as `lines[i].sku`.
    ///
    /// # Errors
    /// What there is none of, or why there is no answer.
    pub(crate) async fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, Status> {
        self.ask_about(question, SkuField::Lines).await
    }

    /// Asks a question.
    ///
    /// # Errors
    /// What there is none of, or why there is no answer.
    pub(crate) async fn ask_about<Q: Question>(&self, question: Q, sku_field: SkuField) -> Result<Q::Answer, Status> {
        let mut reader = Reader::new(self.services.clock.now(), question);
        let observed = self.read(move |store| async move {
            store.observe(&mut reader).await?;
            Ok(reader.into_answer())
        });
        let answer = observed
            .await?
            .ok_or_else(|| status::internal(&"a reader was observed and gave no answer"))?;
        answer.map_err(|rejection| status::rejected(rejection, sku_field))
    }

    /// What an order of a cart would get.
    ///
    /// # Errors
    /// Its refusal, or why there is no answer.
    pub(crate) async fn quote(&self, cart: Cart) -> Result<pb::Quote, Status> {
        let permit = permit(&self.reads, "reads", self.services.settings.reads_max)?;
        let quoted = self.desk.ask(cart, permit).await?;
        quoted.map_err(|rejection| status::rejected(rejection, SkuField::Lines))
    }

    /// The view of an order that was decided. An order just accepted brings its dates with it; any other is looked up.
    ///
    /// # Errors
    /// Its dates cannot be read. What was decided stays, so the caller is told to repeat the call.
    pub(crate) async fn view(&self, answer: OrderAnswer) -> Result<pb::Order, Status> {
        let OrderAnswer {
            location_id,
            order,
            estimated_ship_date,
            units_ahead,
            ..
        } = answer;
        let outlook = match units_ahead {
            Some(units_ahead) => Outlook {
                estimated_ship_date,
                units_ahead,
            },
            None if order.state == OrderState::Cancelled => Outlook::default(),
            None => {
                // Boxed: a call that needs no look-up must not carry the room for one.
                let outlook = self.ask(OutlookOf {
                    location_id: location_id.clone(),
                    order: order.clone(),
                });
                Box::pin(outlook).await.map_err(status::unanswered)?
            }
        };
        Ok(view::order(&location_id, &order, &outlook))
    }

    /// A place among the streams, in all and of the connection with a peer.
    ///
    /// # Errors
    /// All are taken, or the server is ending.
    pub(crate) fn stream_place(&self, peer: Option<SocketAddr>) -> Result<StreamPlace, Status> {
        if self.services.shutdown.is_cancelled() {
            return Err(status::shutting_down());
        }
        let StreamSettings {
            streams_max,
            streams_per_connection_max,
            ..
        } = self.services.settings;
        let of_connection = (peer, streams_per_connection_max);
        permits::stream_place((&self.streams, streams_max), &self.connections, of_connection)
    }

    /// The place of a check of the invariants.
    ///
    /// # Errors
    /// It is taken.
    pub(crate) fn check_permit(&self) -> Result<OwnedSemaphorePermit, Status> {
        permit(&self.checks, "checks of the invariants", CHECKS_MAX)
    }
}
