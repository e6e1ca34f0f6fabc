//! Receipts as a stream: each message a command, each answer in the order of the messages.
//!
//! # What bounds it
//! [`UNDER_WAY_MAX`] receipts are under way at a time, so that rounds take many of them together. While that many are, while
//! the sequencer's queue is full, or while answers are not read, no further message is taken, and flow control holds the
//! sender back.

use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::context::Context;
use super::convert::answers::{self, Expected};
use super::convert::warehouse;
use super::layers;
use super::permits::StreamPlace;
use super::status::{self, SkuField};
use super::stream::{self, Answers, End, Writer};
use crate::allocator::command::Command;
use crate::allocator::decision::Received;
use crate::proto::holdfast::v1 as pb;
use crate::sequencer::{Pending, Reply};
use pb::stream_receipts_response::Result as StreamResult;

/// Receipts of one stream that are under way at a time.
const UNDER_WAY_MAX: usize = 64;

type Message = pb::StreamReceiptsResponse;

/// A receipt on its way to its answer.
#[derive(Debug)]
struct UnderWay {
    receipt_id: String,
    pending: Result<Pending, Status>,
}

/// Takes receipts in as they come.
pub(crate) fn stream(
    context: &Arc<Context>,
    place: StreamPlace,
    receipts: Streaming<pb::ReceiveStockRequest>,
) -> Answers<Message> {
    let services = &context.services;
    let (writer, answers) = stream::open(services.shutdown.clone(), services.settings.buffer_bytes_max);
    tokio::spawn(run(Arc::clone(context), receipts, writer, place));
    answers
}

async fn run(
    context: Arc<Context>,
    receipts: Streaming<pb::ReceiveStockRequest>,
    writer: Writer<Message>,
    place: StreamPlace,
) {
    // One more is in the hands of the taker, and one in those of the answerer.
    let (queue, under_way) = mpsc::channel(UNDER_WAY_MAX.saturating_sub(2));
    let (taken, answered) = tokio::join!(
        take(&context, receipts, queue, &writer),
        answer_in_order(under_way, &writer),
    );
    // First, so that whoever has read the end may connect again.
    drop(place);
    writer.end(answered.and(taken));
}

/// Takes messages until the caller has ended its side. A bad one is refused by itself; one that is none ends the stream.
async fn take(
    context: &Context,
    mut receipts: Streaming<pb::ReceiveStockRequest>,
    queue: mpsc::Sender<UnderWay>,
    writer: &Writer<Message>,
) -> Result<(), End> {
    loop {
        let taken = tokio::select! {
            biased;
            end = writer.over() => return Err(end),
            taken = receipts.message() => taken,
        };
        let taken = taken.map_err(|status| End::Failed(layers::documented_status(&status).unwrap_or(status)))?;
        let Some(receipt) = taken else {
            return Ok(());
        };
        let receipt_id = receipt.receipt_id.clone();
        let pending = match warehouse::receive(receipt) {
            Ok(command) => {
                let queued = context.services.sequencer.enqueue(Command::Receive(command)).await;
                queued.map_err(status::failed)
            }
            Err(violations) => Err(violations.into()),
        };
        let sent = queue.send(UnderWay { receipt_id, pending }).await;
        sent.map_err(|_| End::Left)?;
    }
}

/// Answers each receipt once it is decided and durable, in the order in which they came.
async fn answer_in_order(mut under_way: mpsc::Receiver<UnderWay>, writer: &Writer<Message>) -> Result<(), End> {
    while let Some(UnderWay { receipt_id, pending }) = under_way.recv().await {
        let outcome = match pending {
            Ok(pending) => outcome(pending).await,
            Err(status) => Err(status),
        };
        let result = match outcome {
            Ok(received) => StreamResult::Outcome(answers::received(&received)),
            Err(status) => StreamResult::Error(status::as_message(&status)),
        };
        let result = Some(result);
        writer.send(Message { receipt_id, result }).await?;
    }
    Ok(())
}

async fn outcome(pending: Pending) -> Result<Received, Status> {
    match pending.reply().await.map_err(status::failed)? {
        Reply::Accepted(answer) => {
            Received::of(answer).ok_or_else(|| status::internal(&"a receipt got the answer of another kind of command"))
        }
        Reply::Rejected(rejection) => Err(status::rejected(rejection, SkuField::Lines)),
    }
}
