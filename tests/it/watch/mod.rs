//! Streams over gRPC: what they tell, that they miss nothing and repeat nothing, and where they go on after a cut.

mod consumers;
mod control;
mod events;
mod follower;
mod races;
mod receipts;
mod releases;
mod retention;
mod validators;
