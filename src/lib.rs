//! Holdfast: inventory allocation for shops that sell on backorder.
//!
//! One request walks one way through seven layers, and each layer knows only those below it:
//!
//! ```text
//! main → server → grpc → sequencer → store → allocator → domain
//! ```
//!
//! `docs/ARCHITECTURE.md` walks one `Reserve` and one `ReceiveStock` through them; `tests/tidy.rs` keeps the shape.

pub mod allocator;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod proto;
pub mod sequencer;
pub mod server;
pub mod store;
pub mod telemetry;
