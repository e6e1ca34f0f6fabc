//! Hearing of what other instances commit: every round ends with a notification, and one task for a store waits for them.
//!
//! A notification says that something was committed, not what, and may be lost: who follows a log looks at the log. What this
//! store commits itself is no news.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::StoreError;
use super::connection::classify;

/// Where rounds notify.
const CHANNEL: &str = "holdfast";
/// How long it may be silent. A connection can be gone without a sign, such as a reset that is not reported or a network
/// that swallows everything: after this time it is made anew, and whoever follows is told to look.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long to connect, or to end a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to rest after a connection that failed.
const REST: Duration = Duration::from_millis(500);

/// A task that listens, until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Listener {
    nudges: watch::Receiver<u64>,
    own: OwnSessions,
    stop: CancellationToken,
}

/// The sessions that run the store's own rounds.
#[derive(Debug, Clone, Default)]
struct OwnSessions(Arc<Mutex<BTreeSet<u32>>>);

impl OwnSessions {
    fn sessions(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that runs the store's own rounds, until it is dropped.
#[derive(Debug)]
pub(super) struct OwnSession {
    session: u32,
    own: OwnSessions,
}

impl Drop for OwnSession {
    fn drop(&mut self) {
        self.own.sessions().remove(&self.session);
    }
}

impl Listener {
    /// Listens in the background.
    pub(super) fn start(options: &PgConnectOptions) -> Self {
        let (nudge, nudges) = watch::channel(0);
        let (own, stop) = (OwnSessions::default(), CancellationToken::new());
        tokio::spawn(listen(options.clone(), nudge, own.clone(), stop.clone()));
        Self { nudges, own, stop }
    }

    /// Passes over what a session notifies of.
    pub(super) fn pass_over(&self, session: u32) -> OwnSession {
        self.own.sessions().insert(session);
        let own = self.own.clone();
        OwnSession { session, own }
    }

    /// A number that changes with every notification of others, and with every connection, for what was missed between two of them.
    pub(super) fn nudges(&self) -> watch::Receiver<u64> {
        self.nudges.clone()
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(options: PgConnectOptions, nudge: watch::Sender<u64>, own: OwnSessions, stop: CancellationToken) {
    let mut is_heard = true;
    while !stop.is_cancelled() {
        let Err(error) = hear(&options, (&nudge, &own), &stop, &mut is_heard).await else {
            continue;
        };
        if is_heard {
            tracing::warn!(%error, "other instances are not heard, streams follow by polling: {error}");
        }
        is_heard = false;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Listens on one connection until that is silent for too long.
///
/// # Errors
/// It cannot be made, or ends.
async fn hear(
    options: &PgConnectOptions,
    (nudge, own): (&watch::Sender<u64>, &OwnSessions),
    stop: &CancellationToken,
    is_heard: &mut bool,
) -> Result<(), StoreError> {
    // A pool of its own: the library listens on nothing else, and would keep a place of the readers.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_lazy_with(options.clone());
    let heard = async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        if !*is_heard {
            tracing::info!("other instances are heard again");
        }
        *is_heard = true;
        let mut is_news = true;
        loop {
            if is_news {
                nudge.send_modify(|count| *count = count.wrapping_add(1));
            }
            match tokio::time::timeout(SILENCE_MAX, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => is_news = !own.sessions().contains(&notification.process_id()),
                Ok(Ok(None)) => return Err(sqlx::Error::Io(ErrorKind::UnexpectedEof.into())),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(()),
            }
        }
    };
    let heard = tokio::select! {
        () = stop.cancelled() => Ok(()),
        heard = heard => heard.map_err(|error| classify("listen", &error)),
    };
    // A connection that is gone without a sign does not end either.
    drop(tokio::time::timeout(CONNECT_TIMEOUT, pool.close()).await);
    heard
}
