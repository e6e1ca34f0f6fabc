//! Places for what is under way: so many streams in all and of each connection, so many reads, so many checks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::status;

/// A place of a stream; it is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    _in_all: OwnedSemaphorePermit,
    _of_connection: Option<ConnectionPlace>,
}

/// How many streams each connection has.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<BTreeMap<SocketAddr, usize>>);

#[derive(Debug)]
struct ConnectionPlace {
    connections: Arc<Connections>,
    peer: SocketAddr,
}

impl Connections {
    fn counts<T>(&self, count: impl FnOnce(&mut BTreeMap<SocketAddr, usize>) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn enter(self: &Arc<Self>, peer: SocketAddr, limit: usize) -> Result<ConnectionPlace, Status> {
        let entered = self.counts(|counts| {
            let count = counts.entry(peer).or_default();
            let fits = *count < limit;
            *count = count.saturating_add(usize::from(fits));
            fits
        });
        if !entered {
            return Err(status::too_many("streams of one connection", limit));
        }
        Ok(ConnectionPlace {
            connections: Arc::clone(self),
            peer,
        })
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.counts(|counts| {
            let left = counts.get(&self.peer).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                counts.remove(&self.peer);
            } else {
                counts.insert(self.peer, left);
            }
        });
    }
}

/// A place among the streams in all, and among those of the connection with a peer.
///
/// # Errors
/// All are taken.
pub(crate) fn stream_place(
    in_all: (&Arc<Semaphore>, usize),
    connections: &Arc<Connections>,
    of_connection: (Option<SocketAddr>, usize),
) -> Result<StreamPlace, Status> {
    let (peer, limit) = of_connection;
    let of_connection = peer.map(|peer| connections.enter(peer, limit)).transpose()?;
    Ok(StreamPlace {
        _in_all: permit(in_all.0, "streams", in_all.1)?,
        _of_connection: of_connection,
    })
}

/// One of so many permits.
///
/// # Errors
/// All are taken.
pub(crate) fn permit(of: &Arc<Semaphore>, what: &str, limit: usize) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(of)
        .try_acquire_owned()
        .map_err(|_| status::too_many(what, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_its_share_of_streams_and_gives_them_back() {
        let (in_all, connections) = (Arc::new(Semaphore::new(3)), Arc::new(Connections::default()));
        let place = |port: u16| {
            let peer = Some(SocketAddr::from(([127, 0, 0, 1], port)));
            stream_place((&in_all, 3), &connections, (peer, 2))
        };
        let taken = (place(1).expect("a place"), place(1).expect("a place"));
        let refused = place(1).expect_err("two are the limit");
        assert!(refused.message().contains("streams of one connection"), "{refused}");
        let other = place(2).expect("a place");
        let refused = place(3).expect_err("three are the limit");
        assert_eq!(refused.code(), tonic::Code::Unavailable);
        drop((taken, other));
        assert!(connections.counts(|counts| counts.is_empty()));
        assert!(place(1).is_ok());
    }
}
