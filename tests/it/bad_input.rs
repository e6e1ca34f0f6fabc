//! Bytes that are no message, on every call that the contract declares.

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

use crate::support::databases::Kind;
use crate::support::errors::assert_error;
use crate::support::shop::Shop;

/// Sends bytes as they are.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Every call of our own services, as the descriptor declares them.
fn calls() -> Vec<String> {
    let set = FileDescriptorSet::decode(holdfast::proto::FILE_DESCRIPTOR_SET).expect("a descriptor");
    let ours = set.file.into_iter().filter(|file| file.package() == "holdfast.v1");
    let services = ours.flat_map(|file| file.service);
    let methods = services.flat_map(|service| {
        let name = service.name().to_owned();
        service
            .method
            .into_iter()
            .map(move |method| format!("/holdfast.v1.{name}/{}", method.name()))
    });
    methods.collect()
}

async fn call(shop: &Shop, path: &str, bytes: Bytes) -> Result<(), Status> {
    let mut client = Grpc::new(shop.channel.clone());
    client.ready().await.expect("a connection");
    let path: PathAndQuery = path.parse().expect("a path");
    let mut answers = client
        .server_streaming(Request::new(bytes), path, Raw)
        .await?
        .into_inner();
    answers.message().await.map(drop)
}

#[tokio::test]
async fn undecodable_bytes_are_refused_as_bad_input_on_every_call() {
    let shop = Shop::with_items(Kind::Sqlite, &[]).await;
    let calls = calls();
    assert!(calls.len() >= 24, "{calls:?}");
    for path in &calls {
        for bytes in [
            &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            b"\x0a\x7f",
            b"\x0a\x02\xff\xfe",
            b"\x0b",
        ] {
            let error = call(&shop, path, Bytes::from_static(bytes)).await.expect_err(path);
            assert_error(&error, Code::InvalidArgument, "INVALID_FIELD");
        }
    }
    shop.close().await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_connection_goes_on() {
    let shop = Shop::with_items(Kind::Sqlite, &[]).await;
    let path = "/holdfast.v1.CheckoutService/Reserve";
    let error = call(&shop, path, Bytes::from(vec![0x0a; 5 * 1024 * 1024]))
        .await
        .expect_err("too large");
    assert_error(&error, Code::InvalidArgument, "INVALID_FIELD");
    shop.close().await;
}

#[tokio::test]
async fn an_empty_message_is_refused_by_field_where_fields_are_needed() {
    let shop = Shop::with_items(Kind::Sqlite, &[]).await;
    let mut taken = Vec::new();
    for path in calls() {
        match call(&shop, &path, Bytes::new()).await {
            Ok(()) => taken.push(path),
            Err(error) => assert_error(&error, Code::InvalidArgument, "INVALID_FIELD"),
        }
    }
    taken.sort();
    let whole_lists = [
        "/holdfast.v1.CatalogService/ListItems",
        "/holdfast.v1.CatalogService/ListLocations",
        "/holdfast.v1.EventService/WatchEvents",
        "/holdfast.v1.OperationsService/CheckInvariants",
        "/holdfast.v1.OperationsService/ListConsumers",
        // Its answer says what is wrong with the message.
        "/holdfast.v1.WarehouseService/StreamReceipts",
    ];
    assert_eq!(taken, whole_lists);
    shop.close().await;
}

#[tokio::test]
async fn an_unknown_call_is_unimplemented() {
    let shop = Shop::with_items(Kind::Sqlite, &[]).await;
    let error = call(&shop, "/holdfast.v1.CheckoutService/Nothing", Bytes::new())
        .await
        .expect_err("no such call");
    assert_eq!(error.code(), Code::Unimplemented);
    shop.close().await;
}
