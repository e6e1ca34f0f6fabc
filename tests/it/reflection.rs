//! The server describes itself, so that tools need no proto files.

use std::collections::BTreeSet;

use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::databases::Kind;
use crate::support::shop::Shop;

async fn ask(shop: &Shop, question: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    let mut client = ServerReflectionClient::new(shop.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("a stream").into_inner().message().await;
    let answer = answer.expect("no failure").expect("an answer");
    answer.message_response.expect("what was asked for")
}

#[tokio::test]
async fn every_service_is_listed() {
    let shop = Shop::empty(Kind::Sqlite).await;
    let MessageResponse::ListServicesResponse(listed) = ask(&shop, MessageRequest::ListServices(String::new())).await
    else {
        panic!("another answer than was asked for")
    };
    let listed: BTreeSet<_> = listed.service.into_iter().map(|service| service.name).collect();
    let ours = holdfast::grpc::SERVICE_NAMES.into_iter();
    for name in ours.chain(["grpc.health.v1.Health"]) {
        assert!(listed.contains(name), "{name} is not listed in {listed:?}");
    }
    shop.close().await;
}

#[tokio::test]
async fn every_message_is_described() {
    let shop = Shop::empty(Kind::Sqlite).await;
    for name in [
        "holdfast.v1.ReserveRequest",
        "google.type.Date",
        "google.protobuf.Timestamp",
        "google.rpc.ErrorInfo",
        "google.rpc.BadRequest",
    ] {
        let question = MessageRequest::FileContainingSymbol(name.to_owned());
        let answer = ask(&shop, question).await;
        assert!(
            matches!(answer, MessageResponse::FileDescriptorResponse(_)),
            "{name}: {answer:?}"
        );
    }
    shop.close().await;
}
