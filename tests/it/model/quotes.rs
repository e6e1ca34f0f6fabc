//! A reader that asks what an order would be promised.

use holdfast::allocator::command::Reserve;
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::quote::{Quote, quote};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::rejection::Rejection;
use holdfast::store::{Round, Verdict};

use super::system::System;

/// Asks for a quote.
pub(super) struct QuoteRound<'a> {
    now: Instant,
    order: &'a Reserve,
    missed: Wants,
    quote: Option<Result<Quote, Rejection>>,
}

impl<'a> QuoteRound<'a> {
    /// What the order would be promised at an instant.
    pub(super) fn ask(system: &mut dyn System, order: &'a Reserve, now: Instant) -> Result<Quote, Rejection> {
        let mut round = Self {
            now,
            order,
            missed: Wants::default(),
            quote: None,
        };
        system.observe(&mut round);
        round.quote.expect("a reader runs until it has an answer")
    }
}

impl Round for QuoteRound<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        footprint.source(self.order.location_id.as_ref(), &self.order.lines);
        footprint.settle();
        footprint
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        self.missed.clone()
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        match quote(ws, self.order.location_id.as_ref(), &self.order.lines) {
            Ok(None) => {
                self.missed.merge(&ws.missing);
                return Verdict::Again;
            }
            Ok(Some(quote)) => self.quote = Some(Ok(quote)),
            Err(rejection) => self.quote = Some(Err(rejection)),
        }
        Verdict::Abandon
    }
}
