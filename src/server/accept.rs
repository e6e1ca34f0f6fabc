//! Accepting connections: bounded in number, and calm when the process runs out of descriptors.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long accepting rests after an error: without a rest, a process out of descriptors would spin.
const REST: Duration = Duration::from_millis(50);

/// A connection that gives its place back when it ends.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

/// Accepts connections until it is stopped, at most so many at a time: the next ones wait in the kernel's backlog.
pub(super) fn connections(
    listener: TcpListener,
    connections_max: usize,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(connections_max));
    let (accepted, incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let stream = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match stream {
                Ok((stream, peer)) if configure(&stream, peer) => {
                    // The server that takes them ends after this task: nobody is left to tell.
                    drop(accepted.send(Ok(Connection { stream, _place: place })).await);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted: {error}");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    });
    ReceiverStream::new(incoming)
}

/// Answers are small: they must not wait for company in the kernel.
fn configure(stream: &TcpStream, peer: SocketAddr) -> bool {
    let configured = stream.set_nodelay(true);
    if let Err(error) = &configured {
        tracing::debug!(%error, %peer, "a connection ended before it began: {error}");
    }
    configured.is_ok()
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

/// Without vectored writes on purpose: HTTP/2 then copies answers below a kilobyte into its buffer, and sends what one
/// round answers in few writes; with them each answer of 256 bytes and more is a write of its own.
impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
