//! What callers read of their answers. A message skips fields that it does not have, so an answer costs its reader no more
//! than what is checked.

use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::grpc::codec::{Codec, Spell};
use crate::proto::google::r#type::Date;
use crate::proto::holdfast::v1::Availability;

/// Of a `ReserveResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Reserved {
    #[prost(message, optional, tag = "1")]
    pub(super) order: Option<Placed>,
    #[prost(bool, tag = "2")]
    pub(super) replayed: bool,
}

/// Of an `Order`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Placed {
    #[prost(string, tag = "1")]
    pub(super) order_id: String,
    #[prost(int64, tag = "3")]
    pub(super) sequence: i64,
    #[prost(message, optional, tag = "6")]
    pub(super) promised_ship_date: Option<Date>,
}

/// Of a `ReceiveStockResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Received {
    #[prost(string, tag = "1")]
    pub(super) receipt_id: String,
    #[prost(int64, tag = "5")]
    pub(super) event_sequence: i64,
    #[prost(bool, tag = "6")]
    pub(super) replayed: bool,
}

/// Of a `QuoteResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Quoted {
    #[prost(message, optional, tag = "1")]
    pub(super) quote: Option<QuotedLines>,
}

/// Of a `Quote`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct QuotedLines {
    #[prost(enumeration = "Availability", tag = "2")]
    pub(super) availability: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) promised_ship_date: Option<Date>,
    #[prost(message, repeated, tag = "4")]
    pub(super) lines: Vec<()>,
}

/// Calls a method whose answer is read in part.
pub(super) async fn call<Q, A>(client: &mut Grpc<Channel>, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: Spell + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static(path);
    let answer = client.unary(Request::new(request), path, Codec::default()).await?;
    Ok(answer.into_inner())
}
