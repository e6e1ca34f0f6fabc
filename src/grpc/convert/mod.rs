//! Conversions between messages and plain values: requests are parsed with every fault of a message named in one
//! answer, answers and events are spelled out.

pub(crate) mod answers;
pub(crate) mod catalog;
pub(crate) mod checkout;
pub(crate) mod events;
pub(crate) mod fields;
pub(crate) mod lists;
pub(crate) mod logs;
pub(crate) mod releases;
pub(crate) mod supply;
pub(crate) mod values;
pub(crate) mod violations;
pub(crate) mod warehouse;

#[cfg(test)]
mod tests;
