//! Readers: questions to a snapshot of the store, each a [`Round`] that is observed and never written.

use std::fmt::Debug;
use std::sync::Arc;

use super::convert::checkout::Cart;
use super::convert::values;
use super::view;
mod explain;
mod orders;
mod shelf;
mod what_if;

pub(crate) use explain::Explain;
pub(crate) use orders::{OrdersById, OutlookOf};
pub(crate) use shelf::Shelf;
pub(crate) use what_if::WhatIf;

use crate::allocator::footprint::{self, Footprint, Wants};
use crate::allocator::lapse::{self, Foreseen};
use crate::allocator::quote;
use crate::allocator::working_set::WorkingSet;
use crate::domain::Instant;
use crate::domain::catalog::Location;
use crate::domain::ids::{InboundId, LocationId, Sku};
use crate::domain::rejection::Rejection;
use crate::proto::holdfast::v1 as pb;
use crate::store::{QueuedLine, Round, Verdict};

/// Something to look up.
pub(crate) trait Question: Debug + Send + 'static {
    /// What is found.
    type Answer: Send;

    /// What is to be loaded, as far as can be said before anything is.
    fn footprint(&self) -> Footprint;

    /// What is to be loaded beside it, now that that is.
    fn plan(&self, _ws: &WorkingSet) -> Wants {
        Wants::default()
    }

    /// Learns which lines lack less than is stored, because what has lapsed is not cancelled there yet.
    fn foreseen(&mut self, _foreseen: &Foreseen, _ws: &WorkingSet) {}

    /// What is found, once what has lapsed is cancelled. Rows that it lacks are noted in the working set's `missing`, and it is asked again with them.
    ///
    /// # Errors
    /// What there is none of.
    fn answer(&self, ws: &mut WorkingSet) -> Result<Self::Answer, Rejection>;
}

/// The round of a question.
#[derive(Debug)]
pub(crate) struct Reader<Q: Question> {
    now: Instant,
    question: Q,
    missed: Wants,
    answer: Option<Result<Q::Answer, Rejection>>,
}

impl<Q: Question> Reader<Q> {
    /// A question asked at an instant.
    pub(crate) fn new(now: Instant, question: Q) -> Self {
        Self {
            now,
            question,
            missed: Wants::default(),
            answer: None,
        }
    }

    /// What was found, once the round was observed; `None` when it was not.
    pub(crate) fn into_answer(self) -> Option<Result<Q::Answer, Rejection>> {
        self.answer
    }
}

impl<Q: Question> Round for Reader<Q>
where
    Q::Answer: Send,
{
    fn now(&self) -> Instant {
        self.now
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = self.question.footprint();
        footprint.skus.extend(self.missed.stocks.iter().cloned());
        footprint.settle();
        footprint
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        let mut wants = self.question.plan(ws);
        wants.merge(&self.missed);
        wants
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        self.question.foreseen(&lapse::foresee(ws), ws);
        let answer = self.question.answer(ws);
        if !ws.missing.is_empty() {
            self.missed.merge(&ws.missing);
            return Verdict::Again;
        }
        self.answer = Some(answer);
        Verdict::Commit
    }
}

/// What orders of some carts would get, each as if it came alone.
#[derive(Debug)]
pub(crate) struct Carts(pub(crate) Vec<Arc<Cart>>);

impl Question for Carts {
    /// In the order asked.
    type Answer = Vec<Result<pb::Quote, Rejection>>;

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        for cart in &self.0 {
            footprint.source(cart.location_id.as_ref(), &cart.lines);
        }
        footprint
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let carts = self.0.iter();
        footprint::plan_of_each(ws, carts.map(|cart| (cart.location_id.as_ref(), cart.lines.as_slice())))
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Self::Answer, Rejection> {
        let carts = self.0.iter();
        Ok(each(ws, carts, |ws, cart| {
            let quote = quote::quote(ws, cart.location_id.as_ref(), &cart.lines)?;
            // Without a quote rows are missing, and the answer is not looked at.
            Ok(quote.map(|quote| view::quote(ws, cart, &quote)).unwrap_or_default())
        }))
    }
}

/// Asks for each of some things, and notes all that is missing for any.
fn each<T, A>(
    ws: &mut WorkingSet,
    things: impl Iterator<Item = T>,
    mut ask: impl FnMut(&mut WorkingSet, T) -> A,
) -> Vec<A> {
    let mut missing = Wants::default();
    let answers = things.map(|thing| {
        let answer = ask(ws, thing);
        if !ws.missing.is_empty() {
            missing.merge(&std::mem::take(&mut ws.missing));
        }
        answer
    });
    let answers = answers.collect();
    ws.missing = missing;
    answers
}

fn location_named<'a>(ws: &'a WorkingSet, location_id: &LocationId) -> Result<&'a Location, Rejection> {
    let found = ws.locations.find(location_id).map(|index| &ws.location(index).location);
    found.ok_or_else(|| Rejection::UnknownLocation(location_id.clone()))
}

/// Counters of SKUs at a location.
#[derive(Debug)]
pub(crate) struct StocksOf {
    /// Where.
    pub(crate) location_id: LocationId,
    /// Of what.
    pub(crate) skus: Vec<Sku>,
}

impl StocksOf {
    fn keys(&self) -> Vec<(LocationId, Sku)> {
        self.skus
            .iter()
            .map(|sku| (self.location_id.clone(), sku.clone()))
            .collect()
    }
}

impl Question for StocksOf {
    /// In the order asked.
    type Answer = Vec<pb::Stock>;

    fn footprint(&self) -> Footprint {
        Footprint {
            locations: vec![self.location_id.clone()],
            skus: self.keys(),
            ..Footprint::default()
        }
    }

    fn plan(&self, _ws: &WorkingSet) -> Wants {
        Wants {
            inbounds: self.keys(),
            ..Wants::default()
        }
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Vec<pb::Stock>, Rejection> {
        location_named(ws, &self.location_id)?;
        let numbered = self.skus.iter().enumerate();
        let unknown: Vec<_> = numbered.filter(|(_, sku)| ws.find_item(sku).is_none()).collect();
        if !unknown.is_empty() {
            return Err(Rejection::UnknownSkus(
                unknown.into_iter().map(|(at, sku)| (at, sku.clone())).collect(),
            ));
        }
        let mut missing = Wants::default();
        let found = self.skus.iter().map(|sku| {
            let slot = ws.stock_of(&self.location_id, sku);
            if slot.is_none() {
                missing.stocks.push((self.location_id.clone(), sku.clone()));
            }
            slot.map(|slot| view::stock(ws, slot)).unwrap_or_default()
        });
        let found = found.collect();
        ws.missing.merge(&missing);
        Ok(found)
    }
}

/// Lines of the queue of a SKU.
#[derive(Debug)]
pub(crate) struct BacklogOf {
    /// Where.
    pub(crate) location_id: LocationId,
    /// Of what.
    pub(crate) sku: Sku,
    /// The lines, as they were listed.
    pub(crate) queued: Vec<QueuedLine>,
}

impl Question for BacklogOf {
    /// In the order asked; `None` for a line that no longer lacks anything.
    type Answer = Vec<Option<pb::BacklogLine>>;

    fn foreseen(&mut self, foreseen: &Foreseen, ws: &WorkingSet) {
        let location = ws.locations.find(&self.location_id);
        let Some((location, item)) = location.zip(ws.find_item(&self.sku)) else {
            return;
        };
        for line in &mut self.queued {
            let gained = foreseen.ahead_of(location, ws.item(item).key, (line.sequence, line.line_number));
            line.units_ahead = line.units_ahead.less(gained);
        }
    }

    fn footprint(&self) -> Footprint {
        let orders = self.queued.iter().map(|line| line.order_id.clone()).collect();
        let skus = vec![(self.location_id.clone(), self.sku.clone())];
        Footprint {
            locations: vec![self.location_id.clone()],
            skus,
            orders,
            ..Footprint::default()
        }
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Self::Answer, Rejection> {
        location_named(ws, &self.location_id)?;
        if ws.find_item(&self.sku).is_none() {
            return Err(Rejection::UnknownSkus(vec![(0, self.sku.clone())]));
        }
        let lines = self.queued.iter();
        Ok(lines
            .map(|line| view::backlog_line(&ws.order_of(&line.order_id)?.order, line))
            .collect())
    }
}

/// One inbound.
#[derive(Debug)]
pub(crate) struct InboundOf(pub(crate) LocationId, pub(crate) InboundId);

impl Question for InboundOf {
    type Answer = pb::Inbound;

    fn footprint(&self) -> Footprint {
        let Self(location_id, inbound_id) = self;
        let inbounds = vec![(location_id.clone(), inbound_id.clone())];
        Footprint {
            locations: vec![location_id.clone()],
            inbounds,
            ..Footprint::default()
        }
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<pb::Inbound, Rejection> {
        let Self(location_id, inbound_id) = self;
        let location = ws.locations.find(location_id);
        let location = location.ok_or_else(|| Rejection::UnknownLocation(location_id.clone()))?;
        let inbound = ws.inbounds.find(&(location, inbound_id.clone()));
        let inbound = inbound.ok_or_else(|| Rejection::UnknownInbound(inbound_id.clone()))?;
        Ok(values::inbound(location_id, &ws.inbounds.get(inbound).inbound))
    }
}

/// One location.
#[derive(Debug)]
pub(crate) struct LocationOf(pub(crate) LocationId);

impl Question for LocationOf {
    type Answer = pb::Location;

    fn footprint(&self) -> Footprint {
        Footprint {
            locations: vec![self.0.clone()],
            ..Footprint::default()
        }
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<pb::Location, Rejection> {
        location_named(ws, &self.0).map(values::location)
    }
}

/// One item.
#[derive(Debug)]
pub(crate) struct ItemOf(pub(crate) Sku);

impl Question for ItemOf {
    type Answer = pb::Item;

    fn footprint(&self) -> Footprint {
        Footprint {
            items: vec![self.0.clone()],
            ..Footprint::default()
        }
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<pb::Item, Rejection> {
        let item = ws
            .find_item(&self.0)
            .ok_or_else(|| Rejection::UnknownSkus(vec![(0, self.0.clone())]))?;
        Ok(values::item(&ws.item(item).item))
    }
}

#[cfg(test)]
mod tests;
