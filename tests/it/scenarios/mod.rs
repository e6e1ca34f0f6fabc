//! The worked cases, by their numbers, over gRPC.

mod at_risk;
mod availability;
mod days;
mod deadlines;
mod errors;
mod explain;
mod faults;
mod promises;
mod queue;
mod releases;
mod shipping;
mod sourcing;
mod tentative;
