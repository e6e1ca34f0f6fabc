//! What several tests need.

pub(crate) mod databases;
pub(crate) mod errors;
pub(crate) mod grpcurl;
pub(crate) mod guide;
pub(crate) mod instances;
pub(crate) mod partitions;
pub(crate) mod pooler;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod recompute;
mod requests;
mod risk;
pub(crate) mod shop;

use holdfast::domain::Instant;

/// An instant from its text.
pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect("tests name instants that exist")
}
