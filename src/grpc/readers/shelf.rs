//! A reader of what one unit of each of some SKUs would get.

use super::{Question, each};
use crate::allocator::command::ReserveLine;
use crate::allocator::footprint::{self, Footprint, Wants};
use crate::allocator::quote::{self, Quote};
use crate::allocator::working_set::WorkingSet;
use crate::domain::ids::{LocationId, Sku};
use crate::domain::quantity::Quantity;
use crate::domain::rejection::Rejection;
use crate::grpc::view;
use crate::proto::holdfast::v1 as pb;

/// What one unit of each SKU would get.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// Where; `None` for the best of all locations.
    pub(crate) location_id: Option<LocationId>,
    /// Of what.
    pub(crate) skus: Vec<Sku>,
}

fn one(sku: &Sku) -> [ReserveLine; 1] {
    let quantity = Quantity::parse(1).expect("one is a quantity");
    [ReserveLine {
        sku: sku.clone(),
        quantity,
        price: None,
    }]
}

impl Question for Shelf {
    /// In the order asked.
    type Answer = Vec<pb::ItemAvailability>;

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        for sku in &self.skus {
            footprint.source(self.location_id.as_ref(), &one(sku));
        }
        footprint
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let units: Vec<_> = self.skus.iter().map(one).collect();
        let location_id = self.location_id.as_ref();
        footprint::plan_of_each(ws, units.iter().map(|line| (location_id, line.as_slice())))
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Self::Answer, Rejection> {
        let numbered = self.skus.iter().enumerate();
        let unknown: Vec<_> = numbered.filter(|(_, sku)| ws.find_item(sku).is_none()).collect();
        let is_located = self
            .location_id
            .as_ref()
            .is_none_or(|id| ws.locations.find(id).is_some());
        // Without its location no item is looked for.
        if is_located && !unknown.is_empty() {
            return Err(Rejection::UnknownSkus(
                unknown.into_iter().map(|(at, sku)| (at, sku.clone())).collect(),
            ));
        }
        let states = each(ws, self.skus.iter(), |ws, sku| {
            match quote::quote(ws, self.location_id.as_ref(), &one(sku)) {
                Ok(Some(quote)) => Ok(state(ws, sku, &quote)),
                // Rows are missing, and the answer is not looked at.
                Ok(None) => Ok(pb::ItemAvailability::default()),
                Err(Rejection::LocationInactive(_) | Rejection::NoActiveLocation) => Ok(closed(sku)),
                Err(rejection) => Err(rejection),
            }
        });
        states.into_iter().collect()
    }
}

fn state(ws: &WorkingSet, sku: &Sku, quote: &Quote) -> pb::ItemAvailability {
    let available = ws
        .stock_of(&quote.location_id, sku)
        .map_or(0, |slot| ws.available(slot).get());
    let line = quote
        .offers
        .first()
        .map(|offer| view::quote_line(ws, offer))
        .unwrap_or_default();
    pb::ItemAvailability {
        sku: sku.to_string(),
        location_id: quote.location_id.to_string(),
        availability: line.availability,
        unavailable_reason: line.unavailable_reason,
        available_quantity: available,
        promised_ship_date: line.promised_ship_date,
    }
}

/// Nobody takes orders.
fn closed(sku: &Sku) -> pb::ItemAvailability {
    pb::ItemAvailability {
        sku: sku.to_string(),
        availability: pb::Availability::Unavailable.into(),
        unavailable_reason: "LOCATION_INACTIVE".to_owned(),
        ..pb::ItemAvailability::default()
    }
}
