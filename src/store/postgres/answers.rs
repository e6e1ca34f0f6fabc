//! How long the server's answers are waited for. One that was cut off without a sign, such as by a loss of power, would else
//! be waited for until the operating system gives up, which takes a quarter of an hour.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Connection as _};

use super::super::StoreError;
use super::PostgresOptions;
use super::failures::classify;

/// How long a server may be silent: longer than it lets a statement run.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(75);
/// How long to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to end a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is waited for on one connection.
#[derive(Debug)]
pub(super) struct Answers {
    /// `None` for as long as it takes.
    silence_max: Option<Duration>,
    /// Whether one did not come: the connection is of no more use.
    is_missing: bool,
}

impl Answers {
    /// Those of a server that may be silent for so long.
    pub(super) fn within(silence_max: Duration) -> Self {
        Self {
            silence_max: Some(silence_max),
            is_missing: false,
        }
    }

    /// From now on they take what they take.
    pub(super) fn be_patient(&mut self) {
        self.silence_max = None;
    }

    /// Whether one did not come: the connection is of no more use.
    pub(super) fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Waits for an answer. What is given up leaves the connection in the middle of something, so that it is only dropped.
    pub(super) async fn wait<T>(
        &mut self,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        if self.is_missing {
            return Err(timed_out());
        }
        let Some(silence_max) = self.silence_max else {
            return call.await;
        };
        let answered = within(silence_max, call).await;
        self.is_missing = answered.as_ref().is_err_and(is_timed_out);
        answered
    }
}

/// Connects.
///
/// # Errors
/// The server refuses, or cannot be reached in time.
pub(super) async fn connect(options: &PostgresOptions) -> Result<PgConnection, StoreError> {
    let connected = within(CONNECT_TIMEOUT.min(options.silence_max), options.connect.connect()).await;
    connected.map_err(|error| classify("connect", &error).passing())
}

/// Ends a connection with a word to the server.
pub(super) async fn end(connection: PgConnection) {
    drop(tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await);
}

/// Runs a few statements whose answers come soon.
///
/// # Errors
/// As theirs, or when they do not come.
pub(super) async fn in_time<T>(
    options: &PostgresOptions,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let done = tokio::time::timeout(options.silence_max, work).await;
    done.unwrap_or_else(|_| Err(classify("answer", &timed_out())))
}

/// Waits for the server for so long.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(limit, call).await;
    answered.unwrap_or_else(|_| Err(timed_out()))
}

fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(ErrorKind::TimedOut.into())
}

fn is_timed_out(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut)
}
