//! A reader that asks what an order would be promised.

use holdfast::allocator::command::{Command, Reserve};
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::quote::{Quote, quote};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::{CommandRound, Outcome};
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

/// Runs rounds of one command each, asks for a quote before each order, and compares it with what is promised. Answers how
/// many orders were placed.
pub(super) fn quote_then_place(system: &mut dyn System, rounds: &[(Instant, Vec<Command>)], of: &str) -> usize {
    let mut compared = 0;
    for (now, commands) in rounds {
        let quoted = match commands.first() {
            // A quote counts on what is coming too: of one that may not wait, somewhere else may have all in stock.
            Some(Command::Reserve(order)) if !order.terms.in_stock_only || order.location_id.is_some() => {
                Some((order, QuoteRound::ask(system, order, *now)))
            }
            _ => None,
        };
        let mut round = CommandRound::new(*now, commands);
        system.round(&mut round);
        let outcomes = round.into_outcomes().expect("no invariant is broken");
        let Some((order, quote)) = quoted else { continue };
        if let Some(Outcome::Decided(Decision::Accepted(Answer::Order(answer)))) = outcomes.first()
            && !answer.replayed
        {
            let quote =
                quote.unwrap_or_else(|refused| panic!("{of}: {order:?} is accepted, and was refused by {refused:?}"));
            compared += 1;
            assert_eq!(
                (quote.ship_date, &quote.location_id),
                (Some(answer.order.promised_ship_date), &answer.location_id),
                "{of}: {order:?}"
            );
            let offers = quote.offers.iter().map(|offer| (offer.allocated, offer.units_ahead));
            let lines = answer.order.lines.iter();
            let placed = lines.map(|line| (line.basis.units_on_hand, line.basis.units_ahead));
            assert!(offers.eq(placed), "{of}: {order:?}");
        }
    }
    compared
}
