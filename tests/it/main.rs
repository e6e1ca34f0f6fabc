//! Holdfast as a whole: over gRPC, on real databases, against a reference model, with real clients.

mod bad_input;
mod conformance;
mod copy;
mod crash;
mod demo;
mod doctor;
mod import;
mod load;
mod logs;
mod model;
mod postgres;
mod python_client;
mod readme;
mod reflection;
mod scenarios;
mod sequencer;
mod support;
mod typescript_client;
mod warehouse_client;
mod watch;
