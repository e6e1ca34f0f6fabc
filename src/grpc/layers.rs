//! Layers around the services: what tonic refuses by itself gets documented statuses, and deadlines become instants
//! that are kept.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Status};
use tower::Layer;
use tower::util::MapResponseLayer;

use super::convert::violations::Violations;
use super::{MESSAGE_BYTES_MAX, status};
use crate::clock;

const GRPC_TIMEOUT: &str = "grpc-timeout";
const GRPC_STATUS: &str = "grpc-status";
const GRPC_STATUS_DETAILS: &str = "grpc-status-details-bin";
/// The most digits of a timeout, by the protocol.
const TIMEOUT_DIGITS_MAX: usize = 8;
/// How long before a call's deadline it is answered that it passes. At the deadline tonic itself ends the call, as
/// `CANCELLED` and without a reason.
const HEAD_START: Duration = Duration::from_millis(2);

/// The instant by which a call is answered: a moment before its deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

/// The instant by which a request is answered, if its caller said until when it waits.
pub(crate) fn deadline_of<T>(request: &tonic::Request<T>) -> Option<Instant> {
    request.extensions().get::<Deadline>().map(|deadline| deadline.0)
}

/// A layer that turns the `grpc-timeout` of a call into an instant for its handler, and answers when it passes. A call
/// without one costs it one look for a header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines;

impl<S> Layer<S> for Deadlines {
    type Service = WithDeadlines<S>;

    fn layer(&self, inner: S) -> WithDeadlines<S> {
        WithDeadlines { inner }
    }
}

/// A service whose calls are answered by their deadlines.
#[derive(Debug, Clone)]
pub(crate) struct WithDeadlines<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for WithDeadlines<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ByDeadline<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let deadline = timeout_of(&request).and_then(|timeout| {
            // Of a short time only half is given up.
            let given_up = timeout.checked_div(2).unwrap_or_default().min(HEAD_START);
            clock::monotonic().checked_add(timeout.saturating_sub(given_up))
        });
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(Deadline(deadline));
        }
        let timer = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
        ByDeadline {
            answer: self.inner.call(request),
            timer,
        }
    }
}

/// The answer of a call, or that its deadline passes.
#[derive(Debug)]
pub(crate) struct ByDeadline<F> {
    answer: F,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F, E> Future for ByDeadline<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // First, for at this very instant it may know that the call had no effect.
        let polled = Pin::new(&mut self.answer).poll(context);
        let Some(timer) = self.timer.as_mut().filter(|_| polled.is_pending()) else {
            return polled;
        };
        timer
            .as_mut()
            .poll(context)
            .map(|()| Ok(status::deadline_passed().into_http()))
    }
}

fn timeout_of(request: &Request<Body>) -> Option<Duration> {
    let value = request.headers().get(GRPC_TIMEOUT)?;
    value.to_str().ok().and_then(timeout)
}

/// A timeout as the protocol writes it: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = !digits.is_empty() && digits.len() <= TIMEOUT_DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| plain)?;
    match unit {
        "H" => number.checked_mul(3_600).map(Duration::from_secs),
        "M" => number.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// A layer that documents the refusals of messages that reach no handler. A call that succeeds costs it one look for a
/// header.
pub(crate) fn documented() -> MapResponseLayer<fn(Response<Body>) -> Response<Body>> {
    MapResponseLayer::new(documented_response)
}

/// A status stands in the headers only when there is no message, so when the call failed before it sent any.
fn documented_response(response: Response<Body>) -> Response<Body> {
    if !response.headers().contains_key(GRPC_STATUS) || response.headers().contains_key(GRPC_STATUS_DETAILS) {
        return response;
    }
    let refused = Status::from_header_map(response.headers());
    refused
        .and_then(|refused| documented_status(&refused))
        .map_or(response, Status::into_http)
}

/// What tonic says by itself, in the words of the contract; `None` for what stands as it is.
pub(crate) fn documented_status(refused: &Status) -> Option<Status> {
    match refused.code() {
        // Its length is announced, or reached while it is unpacked, before it is read to its end.
        Code::OutOfRange | Code::ResourceExhausted => Some(status::too_large(MESSAGE_BYTES_MAX)),
        // No message, half a message, or one whose frame says what cannot be.
        Code::Internal => Some(status::undecodable(refused.message())),
        Code::InvalidArgument => Some(Violations::one("message", "cannot be used").into()),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;

    fn documented_of(status: Status) -> Status {
        let response = documented_response(status.into_http());
        Status::from_header_map(response.headers()).expect("a status")
    }

    #[test]
    fn a_message_that_is_too_large_is_a_bad_message_with_the_limit() {
        let status = documented_of(Status::out_of_range("Error, decoded message length too large"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let info = status.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, "INVALID_FIELD");
        assert_eq!(info.metadata.get("limit_bytes").map(String::as_str), Some("4194304"));
    }

    #[test]
    fn a_missing_message_is_a_bad_message() {
        let status = documented_of(Status::internal("Missing request message."));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("Missing request message."));
    }

    #[test]
    fn what_is_documented_or_unknown_stays_as_it_is() {
        assert_eq!(documented_of(Status::unimplemented("")).code(), Code::Unimplemented);
        let status = documented_of(status::internal(&"a detail for the log"));
        assert_eq!(status.code(), Code::Internal);
        assert!(status.get_details_error_info().is_some());
        let response = documented_response(Response::new(Body::empty()));
        assert!(response.headers().is_empty());
    }

    /// What a service answers within a timeout when it takes so long.
    async fn answered_after(delay: Duration, timeout: &str) -> Response<Body> {
        let slow = tower::service_fn(move |_: Request<Body>| {
            Box::pin(async move {
                tokio::time::sleep(delay).await;
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            })
        });
        let mut request = Request::new(Body::empty());
        let timeout = timeout.parse().expect("a header");
        request.headers_mut().insert(GRPC_TIMEOUT, timeout);
        let answer = Deadlines.layer(slow).call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    #[tokio::test]
    async fn a_call_that_outlasts_its_timeout_is_told_so_before_it_is_over() {
        let began = clock::monotonic();
        let late = answered_after(Duration::from_mins(1), "50m").await;
        assert!(clock::monotonic().duration_since(began) < Duration::from_secs(30));
        let status = Status::from_header_map(late.headers()).expect("a status");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let info = status.get_details_error_info().expect("a reason");
        assert_eq!(info.reason, "DEADLINE_PASSED");
        let in_time = answered_after(Duration::ZERO, "10S").await;
        assert!(in_time.headers().is_empty());
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(timeout("1H"), Some(Duration::from_hours(1)));
        assert_eq!(timeout("2M"), Some(Duration::from_mins(2)));
        assert_eq!(timeout("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(timeout("5m"), Some(Duration::from_millis(5)));
        assert_eq!(timeout("7u"), Some(Duration::from_micros(7)));
        assert_eq!(timeout("9n"), Some(Duration::from_nanos(9)));
        for text in ["", "S", "1", "-1S", "+1S", "1s", "123456789S", "é", "1é"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
