//! Hearing of what other instances commit, and telling them: one task for a store tells, one waits for what others tell.
//!
//! A notification says that something was committed and by which instance, not what, and may be lost: who follows a log looks
//! at the log. What this instance committed itself is no news to it. It is told after the commit, on a connection of its own: transactions that notify commit one after the other, each until it
//! is on the disk, so that one that is part of a round would make the rounds of all lanes and instances wait in line.

use std::io::ErrorKind;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::StoreError;
use super::answers::{end, within};
use super::failures::classify;

/// Where rounds notify.
const CHANNEL: &str = "holdfast";
/// How long it may be silent. A connection can be gone without a sign, such as a reset that is not reported or a network
/// that swallows everything: after this time it is made anew, and whoever follows is told to look.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long to connect, or to end what listens.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to rest after a connection that failed.
const REST: Duration = Duration::from_millis(500);

/// Tasks that tell and listen, until they are stopped or dropped.
#[derive(Debug)]
pub(super) struct Nudges {
    commits: watch::Sender<u64>,
    /// Absent behind a pooler: notifications would reach whoever gets the session next.
    nudges: Option<watch::Receiver<u64>>,
    stop: CancellationToken,
}

impl Nudges {
    /// Tells in the background, and listens if its session is its own.
    pub(super) fn start(options: &PgConnectOptions, is_persistent: bool) -> Self {
        let stop = CancellationToken::new();
        let name = format!("{:016x}", StdRng::from_os_rng().random::<u64>());
        let (commits, committed) = watch::channel(0);
        tokio::spawn(tell(options.clone(), name.clone(), committed, stop.clone()));
        let nudges = is_persistent.then(|| {
            let (nudge, nudges) = watch::channel(0);
            tokio::spawn(listen(options.clone(), name, nudge, stop.clone()));
            nudges
        });
        Self { commits, nudges, stop }
    }

    /// Has it told that something was committed.
    pub(super) fn tell(&self) {
        self.commits.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A number that changes with every notification of another instance, and with every connection, for what was missed between two of them.
    pub(super) fn nudges(&self) -> Option<watch::Receiver<u64>> {
        self.nudges.clone()
    }

    /// Ends it.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Nudges {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells what was committed since it last did. Who is not told finds it by polling, so a failure is passed over.
async fn tell(options: PgConnectOptions, name: String, mut committed: watch::Receiver<u64>, stop: CancellationToken) {
    let mut connection: Option<PgConnection> = None;
    // Nothing is prepared for it: it is to work behind any pooler.
    let told = format!("-- tell\nSELECT pg_notify('{CHANNEL}', '{name}')::text");
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = committed.changed() => if changed.is_err() { break },
        }
        let telling = async {
            let mut opened = match connection.take() {
                Some(opened) => opened,
                None => options.connect().await?,
            };
            let executed = sqlx::raw_sql(AssertSqlSafe(told.as_str())).execute(&mut opened);
            executed.await.map(|_| opened)
        };
        match within(SILENCE_MAX, telling).await {
            Ok(opened) => connection = Some(opened),
            Err(error) => {
                tracing::debug!(%error, "other instances were not told of a commit: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
    if let Some(opened) = connection {
        end(opened).await;
    }
}

async fn listen(options: PgConnectOptions, name: String, nudge: watch::Sender<u64>, stop: CancellationToken) {
    let mut is_heard = true;
    while !stop.is_cancelled() {
        let Err(error) = hear(&options, (&name, &nudge), &stop, &mut is_heard).await else {
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
    (name, nudge): (&str, &watch::Sender<u64>),
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
                Ok(Ok(Some(notification))) => is_news = notification.payload() != name,
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
