//! Streams that are read, not read, cut, and given up.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_stream::StreamExt;
use tonic_types::StatusExt;

use super::*;
use crate::proto::holdfast::v1 as pb;

fn message(bytes: usize) -> pb::WatchEventsResponse {
    pb::WatchEventsResponse {
        resume_token: "t".repeat(bytes),
        item: None,
    }
}

/// Messages that fit while nobody reads.
async fn fitting(writer: &Writer<pb::WatchEventsResponse>, bytes: usize) -> usize {
    let mut fitting = 0;
    while tokio::time::timeout(Duration::from_millis(50), writer.send(message(bytes)))
        .await
        .is_ok()
    {
        fitting += 1;
    }
    fitting
}

#[tokio::test]
async fn a_buffer_is_bounded_in_bytes_and_taking_a_message_makes_room() {
    let (writer, mut answers) = open(CancellationToken::new(), 10_000);
    let fit = fitting(&writer, 1_000).await;
    assert!((5..=9).contains(&fit), "{fit} messages of 1,000 bytes in 10,000");
    answers.next().await.expect("a message").expect("a message");
    writer.send(message(100)).await.expect("room");
    // A message larger than the buffer goes through alone.
    let (writer, mut answers) = open(CancellationToken::new(), 10_000);
    writer.send(message(50_000)).await.expect("room");
    assert_eq!(fitting(&writer, 1).await, 0);
    answers.next().await.expect("a message").expect("a message");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_told_the_end_of_the_server_and_of_its_time() {
    let shutdown = CancellationToken::new();
    let (mut writer, mut answers) = open(shutdown.clone(), 300);
    writer.send(message(200)).await.expect("room");
    writer.live(Duration::from_millis(20));
    assert!(matches!(writer.send(message(200)).await, Err(End::Lived)));
    writer.send_last(message(200));
    shutdown.cancel();
    let end = writer.send(message(200)).await;
    assert!(matches!(&end, Err(End::Failed(status)) if status.code() == tonic::Code::Unavailable));
    writer.end(end);
    assert!(answers.next().await.expect("a message").is_ok());
    assert!(answers.next().await.expect("a message").is_ok());
    assert!(answers.next().await.expect("a status").is_err());
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_stream_whose_task_panics_does_not_end_as_if_all_were_well() {
    let (writer, mut answers) = open::<pb::WatchEventsResponse>(CancellationToken::new(), 100);
    drop(writer);
    let status = answers.next().await.expect("a status").expect_err("a status");
    assert_eq!(status.get_details_error_info().expect("a reason").reason, "INTERNAL");
}

#[tokio::test]
async fn a_reader_that_leaves_is_noticed() {
    let (writer, answers) = open(CancellationToken::new(), 300);
    writer.send(message(200)).await.expect("room");
    drop(answers);
    assert!(matches!(writer.send(message(1)).await, Err(End::Left)));
    assert!(matches!(
        writer.wait(&Notify::new(), Duration::from_mins(1)).await,
        Err(End::Left)
    ));
}

#[tokio::test]
async fn a_stream_without_a_task_is_written_as_it_is_read_and_given_up_with_its_reader() {
    let (writer, answers) = open(CancellationToken::new(), 1_000);
    let held = Arc::new(());
    let place = Arc::clone(&held);
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let mut answers = answers.written_by(async move {
        loop {
            writer.send(message(100)).await.expect("room");
            count.fetch_add(Arc::strong_count(&place) - 1, Ordering::Relaxed);
        }
    });
    assert_eq!(written.load(Ordering::Relaxed), 0, "nobody has asked");
    answers.next().await.expect("a message").expect("a message");
    let fit = written.load(Ordering::Relaxed);
    assert!((3..=9).contains(&fit), "{fit} messages of 100 bytes in 1,000");
    for _ in 0..20 {
        answers.next().await.expect("a message").expect("a message");
    }
    drop(answers);
    assert_eq!(Arc::strong_count(&held), 1, "what wrote is gone");
}

#[tokio::test]
async fn a_stream_without_a_task_ends_as_its_writer_says() {
    let (writer, answers) = open::<pb::WatchEventsResponse>(CancellationToken::new(), 1_000);
    let mut answers = answers.written_by(async move {
        writer.send(message(1)).await.expect("room");
        writer.end(Err(End::Failed(status::shutting_down())));
    });
    assert!(answers.next().await.expect("a message").is_ok());
    assert!(answers.next().await.expect("a status").is_err());
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_leaves_a_stream_without_a_task_is_no_incident() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let written_to = log.reopen().expect("the same file");
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(written_to)).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let logged = || std::fs::read_to_string(log.path()).expect("a log");
    let (writer, answers) = open::<pb::WatchEventsResponse>(CancellationToken::new(), 1_000);
    let mut answers = answers.written_by(async move {
        writer.send(message(1)).await.expect("room");
        std::future::pending::<()>().await;
        drop(writer);
    });
    answers.next().await.expect("a message").expect("a message");
    drop(answers);
    assert_eq!(logged(), "");
    let (writer, answers) = open::<pb::WatchEventsResponse>(CancellationToken::new(), 1_000);
    drop(writer);
    assert!(logged().contains("incident"), "a reader that stayed is told of one");
    drop(answers);
}
