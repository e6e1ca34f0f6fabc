//! Receipts as a stream: in order, with errors inside, held back when they come too fast, counted once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use holdfast::proto::holdfast::v1::stream_receipts_response::Result as Outcome;
use holdfast::proto::holdfast::v1::{self as pb};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::databases::{Kind, on_every_database};
use crate::support::shop::{Shop, W1};

on_every_database! {
    answers_come_in_the_order_of_the_messages_and_an_error_costs_its_own_message_alone
    after_a_cut_what_was_not_answered_is_sent_again_and_counted_once
    a_sender_that_reads_no_answers_is_held_back
    orders_are_released_as_their_units_come
}

fn receipt(receipt_id: &str, sku: &str, quantity: i64) -> pb::ReceiveStockRequest {
    pb::ReceiveStockRequest {
        location_id: W1.to_owned(),
        receipt_id: receipt_id.to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: sku.to_owned(),
            quantity,
        }],
        ..pb::ReceiveStockRequest::default()
    }
}

/// Sends receipts and reads the first so many answers.
async fn send(shop: &mut Shop, receipts: Vec<pb::ReceiveStockRequest>, answers: usize) -> Vec<(String, Outcome)> {
    let stream = shop.warehouse.stream_receipts(tokio_stream::iter(receipts)).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut read = Vec::new();
    while read.len() < answers
        && let Some(answer) = stream.message().await.expect("an answer")
    {
        read.push((answer.receipt_id, answer.result.expect("what became of it")));
    }
    read
}

fn reason(outcome: &Outcome) -> Option<(Code, String)> {
    let Outcome::Error(error) = outcome else { return None };
    let status = Status::with_details(Code::from(error.code), &error.message, error.encode_to_vec().into());
    let info = status.get_details_error_info().expect("a reason");
    Some((status.code(), info.reason))
}

async fn answers_come_in_the_order_of_the_messages_and_an_error_costs_its_own_message_alone(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let mut receipts: Vec<_> = (1..=300).map(|number| receipt(&format!("S{number}"), "A", 1)).collect();
    receipts[9] = receipt("S10", "NOTHING", 1);
    receipts[19] = receipt("S20", "A", 0);
    receipts[29] = receipt("S1", "A", 2);
    receipts[39] = receipt("S39", "A", 1);
    receipts[49] = pb::ReceiveStockRequest {
        location_id: "W9".to_owned(),
        ..receipt("S50", "A", 1)
    };
    let ids: Vec<_> = receipts.iter().map(|receipt| receipt.receipt_id.clone()).collect();
    let answers = send(&mut shop, receipts, usize::MAX).await;
    let answered: Vec<_> = answers.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(answered, ids);
    let errors: Vec<_> = answers
        .iter()
        .enumerate()
        .filter_map(|(at, (_, outcome))| reason(outcome).map(|(code, reason)| (at, code, reason)))
        .collect();
    let expected = [
        (9, Code::NotFound, "UNKNOWN_SKU"),
        (19, Code::InvalidArgument, "INVALID_FIELD"),
        (29, Code::AlreadyExists, "ID_REUSED"),
        (49, Code::NotFound, "UNKNOWN_LOCATION"),
    ];
    assert_eq!(errors, expected.map(|(at, code, reason)| (at, code, reason.to_owned())));
    let mut on_hand = 0;
    for (at, (_, outcome)) in answers.iter().enumerate() {
        let Outcome::Outcome(outcome) = outcome else { continue };
        on_hand += i64::from(at != 39);
        assert_eq!(
            (outcome.replayed, outcome.lines[0].on_hand),
            (at == 39, on_hand),
            "message {at}"
        );
    }
    assert_eq!(shop.stock("A").await.on_hand, 295);
    shop.close().await;
}

async fn after_a_cut_what_was_not_answered_is_sent_again_and_counted_once(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let receipts: Vec<_> = (0..400).map(|number| receipt(&format!("S{number}"), "A", 3)).collect();
    let mut answered = 0;
    let mut cuts = 0;
    while answered < receipts.len() {
        let read = send(&mut shop, receipts[answered..].to_vec(), 37).await;
        assert!(read.iter().all(|(_, outcome)| matches!(outcome, Outcome::Outcome(_))));
        answered += read.len();
        cuts += 1;
    }
    assert!(cuts >= 10);
    assert_eq!(shop.stock("A").await.on_hand, 1_200);
    shop.close().await;
}

async fn a_sender_that_reads_no_answers_is_held_back(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    // Ids as long as ids may be, so that answers are not small.
    let receipts = tokio_stream::iter(0..200_000).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        receipt(&format!("{number:0>128}"), "A", 1)
    });
    let mut stream = shop
        .warehouse
        .stream_receipts(receipts)
        .await
        .expect("a stream")
        .into_inner();
    let mut before = 0;
    let held = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before && now > 0 {
            break now;
        }
        before = now;
    };
    assert!(
        held < 50_000,
        "{held} receipts were taken from a sender that reads no answers"
    );
    // It goes on as answers are read.
    for _ in 0..held {
        stream.message().await.expect("an answer").expect("the stream goes on");
    }
    assert!(sent.load(Ordering::Relaxed) > held);
    drop(stream);
    shop.close().await;
}

async fn orders_are_released_as_their_units_come(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    for number in 1..=3 {
        shop.reserve(&format!("O{number}"), &[("A", 2)]).await;
    }
    let receipts = (1..=6).map(|number| receipt(&format!("S{number}"), "A", 1)).collect();
    let released: Vec<_> = send(&mut shop, receipts, usize::MAX)
        .await
        .into_iter()
        .map(|(_, outcome)| match outcome {
            Outcome::Outcome(outcome) => outcome.released_order_ids.join(","),
            Outcome::Error(error) => panic!("{error:?}"),
        })
        .collect();
    assert_eq!(released, ["", "O1", "", "O2", "", "O3"]);
    shop.close().await;
}
