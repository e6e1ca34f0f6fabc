//! Deadlines that pass while a call is under way.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use holdfast::sequencer::Limits;
use holdfast::store::faulty::Fault;
use http::Request;
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use super::errors::faulty_shop;
use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::assert_error;
use crate::support::shop::{Shop, W1, order};

on_every_database! {
    a_deadline_that_passes_is_said_and_the_repeat_tells_what_became_of_the_call
    a_deadline_that_passes_in_the_queue_says_that_the_call_had_no_effect
}

/// Calls `Reserve` with a timeout that only the server looks at: tonic's own client would give up by itself.
async fn reserve_within(shop: &Shop, timeout: &str, message: &impl Message) -> Status {
    let address = shop.address();
    let socket = TcpStream::connect(address).await.expect("a connection");
    let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = client.ready().await.expect("room for a call");
    let request = Request::post(format!("http://{address}/holdfast.v1.CheckoutService/Reserve"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(())
        .expect("a request");
    let (answer, mut body) = client.send_request(request, false).expect("a call");
    let bytes = message.encode_to_vec();
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(bytes.len().try_into().expect("a short message"));
    framed.put_slice(&bytes);
    body.send_data(framed.freeze(), true).expect("the message is sent");
    let answer = answer.await.expect("an answer");
    Status::from_header_map(answer.headers()).expect("a status without a message")
}

async fn a_deadline_that_passes_is_said_and_the_repeat_tells_what_became_of_the_call(kind: Kind) {
    let slow = |round| (round == 3).then_some(Fault::Slow(Duration::from_millis(500)));
    let mut shop = faulty_shop(kind, Limits::default(), slow).await;
    let request = order("O1", W1, &[("A", 1)]);
    let late = reserve_within(&shop, "100m", &request).await;
    assert_error(&late, Code::DeadlineExceeded, "DEADLINE_PASSED");
    let repeated = shop.try_reserve(request).await.expect("an order");
    assert!(repeated.replayed, "the call went on without its caller");
    assert_eq!(shop.counters("A").await, [0, 0, 1, 0]);
    shop.close().await;
}

async fn a_deadline_that_passes_in_the_queue_says_that_the_call_had_no_effect(kind: Kind) {
    let slow = |round| (round == 3).then_some(Fault::Slow(Duration::from_millis(500)));
    let limits = Limits {
        round_commands_max: 1,
        ..Limits::default()
    };
    let mut shop = faulty_shop(kind, limits, slow).await;
    let (first, second) = (order("O1", W1, &[("A", 1)]), order("O2", W1, &[("A", 1)]));
    let under_way = reserve_within(&shop, "100m", &first);
    let queued = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        reserve_within(&shop, "100m", &second).await
    };
    let (under_way, queued) = tokio::join!(under_way, queued);
    assert_error(&under_way, Code::DeadlineExceeded, "DEADLINE_PASSED");
    assert_error(&queued, Code::DeadlineExceeded, "DEADLINE_PASSED_IN_QUEUE");
    let placed = shop.try_reserve(second).await.expect("an order");
    assert!(!placed.replayed, "the id may be used again");
    assert!(shop.try_reserve(first).await.expect("an order").replayed);
    shop.close().await;
}
