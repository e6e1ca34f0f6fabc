//! Plain values of the trade: parsed once at the edge, valid ever after.
//!
//! # Words
//!
//! One word per thing, the same in proto, Rust, SQL and documents.
//!
//! | word | means |
//! |---|---|
//! | location | one warehouse: an id, a time zone, a business calendar, a daily cut-off |
//! | item, SKU | one sellable product variant |
//! | on hand | units physically in the building and not shipped |
//! | allocated | on-hand units tied to a line of an open order |
//! | backlog | units that open orders still lack |
//! | available | units that a new order would get at once |
//! | safety stock | on-hand units never allocated |
//! | inbound | an expected receipt: lines of SKU and quantity, an expected date |
//! | receipt | units that arrived |
//! | order | paid demand with a place in the queue; its lines ship together |
//! | sequence | an order's place: grows by one for each order accepted at its location |
//! | promised ship date | fixed when the order is accepted; never changes |
//! | estimated ship date | what the dates are worth today; changes with supply |
//! | release | the instruction to the warehouse to ship an order whole |
//!
//! Nothing here does I/O, reads a clock or uses a float.
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

pub mod calendar;
pub mod catalog;
mod date_text;
pub mod event;
pub mod ids;
pub mod inbound;
pub mod money;
pub mod order;
pub mod quantity;
pub mod rejection;
pub mod risk;
pub mod stock;

/// An instant, always UTC.
pub type Instant = chrono::DateTime<chrono::Utc>;
/// A civil date, in the zone of the location it belongs to.
pub type Date = chrono::NaiveDate;
