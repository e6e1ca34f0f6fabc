//! Streams over gRPC: what they tell, that they miss nothing and repeat nothing, and where they go on after a cut.

mod consumers;
mod control;
mod events;
pub(crate) mod follower;
mod instances;
mod races;
mod receipts;
mod releases;
mod retention;
mod validators;
