//! What commands want beside what they name.

use std::collections::BTreeMap;

use super::estimate::Share;
use crate::domain::ids::{LocationId, OrderId, Sku};

/// Sorts a list and drops repeats.
pub(super) fn settle<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// Rows that only some commands need, of one location and SKU each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// Heads of queues, each with the number of lines to load.
    pub queues: BTreeMap<(LocationId, Sku), i64>,
    /// Open inbounds.
    pub inbounds: Vec<(LocationId, Sku)>,
    /// Every line of an open order that holds units.
    pub holders: Vec<(LocationId, Sku)>,
    /// Counters that the commands did not name.
    pub stocks: Vec<(LocationId, Sku)>,
    /// Orders that a command names and that were not there when they were looked for by their ids.
    pub named: Vec<OrderId>,
    /// Loaded orders of which units ahead are to be told. Only readers ask: it costs a walk along the queue.
    pub ahead: Vec<OrderId>,
    /// Lines of queues that are estimated anew, each with how many from where its walk is, in the order of their steps: the
    /// first ones use the round's share up.
    pub estimates: Vec<((LocationId, Sku), i64)>,
    /// What the round may look at and change of these lines.
    pub share: Share,
    /// Locations that are gone through, from where their walk is.
    pub location_walks: Vec<LocationId>,
    /// Loaded orders of which the calendar of their promise is to be told. Only readers ask.
    pub explained: Vec<OrderId>,
}

impl Wants {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another wants; of two queue heads the longer counts.
    pub fn merge(&mut self, other: &Self) {
        for (key, lines) in &other.queues {
            let wanted = self.queues.entry(key.clone()).or_default();
            *wanted = (*wanted).max(*lines);
        }
        self.inbounds.extend_from_slice(&other.inbounds);
        self.holders.extend_from_slice(&other.holders);
        self.stocks.extend_from_slice(&other.stocks);
        settle(&mut self.inbounds);
        settle(&mut self.holders);
        settle(&mut self.stocks);
        self.named.extend_from_slice(&other.named);
        settle(&mut self.named);
        self.ahead.extend_from_slice(&other.ahead);
        settle(&mut self.ahead);
        self.explained.extend_from_slice(&other.explained);
        settle(&mut self.explained);
    }
}
