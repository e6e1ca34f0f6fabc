//! A reader of what one unit of each of some SKUs would get.

use super::Question;
use crate::allocator::command::ReserveLine;
use crate::allocator::footprint::{self, Footprint, Wants};
use crate::allocator::quote::{self, Quote};
use crate::allocator::working_set::WorkingSet;
use crate::domain::ids::Sku;
use crate::domain::quantity::Quantity;
use crate::domain::rejection::Rejection;
use crate::grpc::availability::Watched;
use crate::grpc::view;
use crate::proto::holdfast::v1 as pb;

/// What one unit of each SKU would get.
#[derive(Debug)]
pub(crate) struct Shelf(pub(crate) Watched);

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
        for sku in &self.0.skus {
            footprint.source(self.0.location_id.as_ref(), &one(sku));
        }
        footprint
    }

    fn plan(&self, ws: &WorkingSet) -> Wants {
        let mut wants = Wants::default();
        for sku in &self.0.skus {
            let of_one = footprint::plan_of_order(ws, self.0.location_id.as_ref(), &one(sku));
            wants.inbounds.extend(of_one.inbounds);
        }
        let mut settled = Wants::default();
        settled.merge(&wants);
        settled
    }

    fn answer(&self, ws: &mut WorkingSet) -> Result<Self::Answer, Rejection> {
        let numbered = self.0.skus.iter().enumerate();
        let unknown: Vec<_> = numbered.filter(|(_, sku)| ws.find_item(sku).is_none()).collect();
        let is_located = self
            .0
            .location_id
            .as_ref()
            .is_none_or(|id| ws.locations.find(id).is_some());
        // Without its location no item is looked for.
        if is_located && !unknown.is_empty() {
            return Err(Rejection::UnknownSkus(
                unknown.into_iter().map(|(at, sku)| (at, sku.clone())).collect(),
            ));
        }
        let mut states = Vec::with_capacity(self.0.skus.len());
        for sku in &self.0.skus {
            let state = match quote::quote(ws, self.0.location_id.as_ref(), &one(sku)) {
                Ok(Some(quote)) => self.state(ws, sku, &quote),
                Ok(None) => continue,
                Err(Rejection::LocationInactive(_) | Rejection::NoActiveLocation) => closed(sku),
                Err(rejection) => return Err(rejection),
            };
            states.push(state);
        }
        Ok(states)
    }
}

impl Shelf {
    fn state(&self, ws: &WorkingSet, sku: &Sku, quote: &Quote) -> pb::ItemAvailability {
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
            available_quantity: self.0.quantity_cap.map_or(available, |cap| available.min(cap)),
            promised_ship_date: line.promised_ship_date,
        }
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
