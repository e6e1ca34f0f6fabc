//! Readers that cost next to nothing, so that what a message costs the server can be seen on a machine that both share: they
//! take the bytes of HTTP/2, count messages by their lengths, and decode none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use h2::client::SendRequest;
use holdfast::proto::holdfast::v1 as pb;
use http::Request;
use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::server::Server;

/// Flow control that never stops a server within a measurement, in bytes.
const WINDOW: u32 = (1 << 31) - 1;
/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Streams of releases that are read.
#[derive(Debug)]
pub(crate) struct Readers {
    tasks: JoinSet<()>,
    messages: Arc<AtomicU64>,
}

impl Readers {
    /// So many streams on so many connections, each of the next of so many locations from the first one on.
    pub(crate) async fn open(server: &Server, connections: u64, each: u64, locations: std::ops::Range<u64>) -> Self {
        let mut readers = Self {
            tasks: JoinSet::new(),
            messages: Arc::default(),
        };
        let span = locations.end.saturating_sub(locations.start);
        for _ in 0..connections {
            let mut sender = readers.connect(server).await;
            for at in 0..each {
                let location = locations.start.saturating_add(at.rem_euclid(span));
                readers.follow(&mut sender, &server.address, location).await;
            }
        }
        readers
    }

    async fn connect(&mut self, server: &Server) -> SendRequest<Bytes> {
        let socket = TcpStream::connect(&server.address).await.expect("a connection");
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let (sender, connection) = builder.handshake(socket).await.expect("HTTP/2");
        // It ends with its server.
        self.tasks.spawn(async move { drop(connection.await) });
        sender
    }

    async fn follow(&mut self, sender: &mut SendRequest<Bytes>, address: &str, location: u64) {
        let asked = pb::WatchReleasesRequest {
            location_id: format!("L{location}"),
            ..pb::WatchReleasesRequest::default()
        };
        let request = Request::post(format!("http://{address}/holdfast.v1.WarehouseService/WatchReleases"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        *sender = sender.clone().ready().await.expect("room for a stream");
        let (answer, mut body) = sender.send_request(request, false).expect("a stream");
        let mut framed = BytesMut::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(asked.encoded_len()).expect("a short message"));
        asked.encode(&mut framed).expect("a buffer that grows has room");
        body.send_data(framed.freeze(), true)
            .expect("a stream takes its message");
        let mut answer = answer.await.expect("an answer").into_body();
        let messages = Arc::clone(&self.messages);
        self.tasks.spawn(async move {
            let mut counter = Counter::default();
            while let Some(Ok(data)) = answer.data().await {
                messages.fetch_add(counter.count(&data), Ordering::Relaxed);
            }
        });
    }

    /// Messages that came.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }
}

/// Counts messages in bytes that come in pieces of any size.
#[derive(Debug, Default)]
struct Counter {
    prefix: Vec<u8>,
    /// Bytes of the current message that are yet to come.
    left: usize,
}

impl Counter {
    fn count(&mut self, mut data: &[u8]) -> u64 {
        let mut messages = 0_u64;
        while !data.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(data.len());
                self.left = self.left.saturating_sub(taken);
                data = &data[taken..];
            } else {
                let taken = PREFIX.saturating_sub(self.prefix.len()).min(data.len());
                self.prefix.extend_from_slice(&data[..taken]);
                data = &data[taken..];
            }
            if let [_, length @ ..] = self.prefix.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.left = usize::try_from(u32::from_be_bytes(length)).expect("a length in memory");
                self.prefix.clear();
                messages = messages.saturating_add(1);
            }
        }
        messages
    }
}
