//! Random commands against a reference model: naive, obviously right, and without a line of the allocator's.
//!
//! # Shape
//! [`reference`] is the model, written from `RULES.md`. [`commands`] draws commands, [`runner`] sends them to a
//! [`system::System`] and to the model and compares everything after each round. [`core`] is the system of the
//! pure core alone; any [`holdfast::store::Store`] is another. What was once wrong stays in [`regressions`].

mod acknowledge;
mod arrivals;
mod calendar;
mod changes;
mod commands;
mod core;
mod core_estimates;
mod core_load;
mod coverage;
mod instances;
mod invariants;
mod orders;
mod promises;
mod properties;
mod quotes;
mod records;
mod reference;
mod regressions;
mod repeated;
mod repeats;
mod risks;
mod runner;
mod runs;
mod stores;
mod supply;
mod system;
mod tentative;
