//! Readers of orders, with what they have to look forward to.

use super::{Question, location_named};
use crate::allocator::footprint::{Footprint, Wants};
use crate::allocator::promise::{self, Today};
use crate::allocator::working_set::{OrderSlot, StockSlot, WorkingSet};
use crate::domain::catalog::Location;
use crate::domain::ids::{LocationId, OrderId};
use crate::domain::order::{Order, OrderLine};
use crate::domain::quantity::Units;
use crate::domain::rejection::Rejection;
use crate::grpc::view::{self, Outlook};
use crate::proto::holdfast::v1 as pb;

/// Orders, as they stand.
#[derive(Debug)]
pub(crate) struct OrdersById(pub(crate) Vec<OrderId>);

impl Question for OrdersById {
    /// Those that there are, in the order asked.
    type Answer = Vec<pb::Order>;

    fn footprint(&self) -> Footprint {
        Footprint {
            orders: self.0.clone(),
            ..Footprint::default()
        }
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let mut wanted = Wants::default();
        for slot in self.0.iter().filter_map(|id| ws.order_of(id)) {
            add_wants(&mut wanted, ws, location_of(ws, slot), &slot.order);
        }
        settled(&wanted)
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Vec<pb::Order>, Rejection> {
        let mut missing = Wants::default();
        let slots = self.0.iter().filter_map(|id| ws.order_of(id));
        let views = slots.map(|slot| {
            let location = location_of(ws, slot);
            let outlook = outlook(ws, location, &slot.order, &slot.units_ahead, &mut missing);
            view::order(&location.location_id, &slot.order, &outlook)
        });
        let views = views.collect();
        ws.missing.merge(&missing);
        Ok(views)
    }
}

/// What an order, as it was decided, has to look forward to.
#[derive(Debug)]
pub(crate) struct OutlookOf {
    /// Where it is filled.
    pub(crate) location_id: LocationId,
    /// The order.
    pub(crate) order: Order,
}

impl Question for OutlookOf {
    type Answer = Outlook;

    fn footprint(&self) -> Footprint {
        // A queue tells the dates of an order that waits; the calendar alone those of any other.
        let orders = if self.order.state.is_waiting() {
            vec![self.order.order_id.clone()]
        } else {
            Vec::new()
        };
        Footprint {
            locations: vec![self.location_id.clone()],
            orders,
            ..Footprint::default()
        }
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let mut wanted = Wants::default();
        if let Some(index) = ws.locations.find(&self.location_id) {
            add_wants(&mut wanted, ws, &ws.location(index).location, &self.order);
        }
        settled(&wanted)
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Outlook, Rejection> {
        let mut missing = Wants::default();
        let location = location_named(ws, &self.location_id)?;
        let ahead = ws
            .order_of(&self.order.order_id)
            .map_or(&[][..], |slot| &slot.units_ahead);
        let outlook = outlook(ws, location, &self.order, ahead, &mut missing);
        ws.missing.merge(&missing);
        Ok(outlook)
    }
}

fn location_of<'a>(ws: &'a WorkingSet, slot: &OrderSlot) -> &'a Location {
    &ws.location(slot.location).location
}

fn lacking_lines(order: &Order) -> impl Iterator<Item = &OrderLine> {
    order
        .lines
        .iter()
        .filter(|line| order.state.is_waiting() && !line.lacking.is_zero())
}

/// Adds what dates an order that waits: open inbounds of what it lacks, and who is ahead of it.
fn add_wants(wants: &mut Wants, ws: &WorkingSet, location: &Location, order: &Order) {
    wants
        .inbounds
        .extend(lacking_lines(order).map(|line| (location.location_id.clone(), line.sku.clone())));
    if order.state.is_waiting() && ws.orders.find(&order.order_id).is_some() {
        wants.ahead.push(order.order_id.clone());
    }
}

/// Wants with each list sorted, and without repeats.
fn settled(wanted: &Wants) -> Wants {
    let mut wants = Wants::default();
    wants.merge(wanted);
    wants
}

/// What an order has to look forward to; rows that are not loaded are noted.
pub(super) fn outlook(
    ws: &WorkingSet,
    location: &Location,
    order: &Order,
    ahead: &[Units],
    missing: &mut Wants,
) -> Outlook {
    for line in lacking_lines(order) {
        let key = (location.location_id.clone(), line.sku.clone());
        match ws.stock_of(&location.location_id, &line.sku) {
            None => missing.stocks.push(key),
            Some(StockSlot { inbounds: None, .. }) => missing.inbounds.push(key),
            Some(_) => {}
        }
    }
    let today = Today::of(&location.calendar, ws.now);
    let estimated_ship_date = promise::estimate(&location.calendar, today, order, |line| {
        let coming = ws
            .stock_of(&location.location_id, &line.sku)
            .map(|slot| promise::outlook(ws, slot));
        let position = usize::try_from(line.number.0)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let ahead = position.and_then(|at| ahead.get(at)).copied().unwrap_or(Units::ZERO);
        (coming.unwrap_or_else(promise::Outlook::nothing), ahead)
    });
    Outlook {
        estimated_ship_date,
        units_ahead: ahead.to_vec(),
    }
}
