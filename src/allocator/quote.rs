//! What an order placed now would get, without placing it.

use super::command::ReserveLine;
use super::promise::LineOffer;
use super::sourcing::{self, Demand, Source, Unsettled};
use super::working_set::WorkingSet;
use super::{Refusal, lapse};
use crate::domain::ids::LocationId;
use crate::domain::rejection::Rejection;
use crate::domain::{Date, Instant};

/// What an order placed now would get.
#[derive(Debug, Clone)]
pub struct Quote {
    /// When it was computed.
    pub at: Instant,
    /// Where it would be filled.
    pub location_id: LocationId,
    /// What each line would get.
    pub offers: Vec<LineOffer>,
    /// The order's ship date; `None` when a line cannot be promised.
    pub ship_date: Option<Date>,
    /// When the lines that are whole in stock would ship as an order of their own; `None` when there are none.
    pub in_stock_ship_date: Option<Date>,
}

/// Computes what [`Reserve`](super::command::Reserve) would promise, at a location or at the best of all. `Ok(None)` means
/// that rows are missing: the working set names them.
///
/// # Errors
/// As for an order: an unknown or inactive location, unknown SKUs. Lines that cannot be promised are no error.
pub fn quote(
    ws: &mut WorkingSet,
    location_id: Option<&LocationId>,
    lines: &[ReserveLine],
) -> Result<Option<Quote>, Rejection> {
    lapse::everywhere(ws);
    if !ws.missing.is_empty() {
        return Ok(None);
    }
    let demand = Demand {
        lines,
        in_stock_only: false,
        // A quote holds nothing: while a refill goes on it is what the counters say.
        unsettled: Unsettled::Take,
    };
    let source = match sourcing::source(ws, location_id, demand) {
        Err(Refusal::Rejected(rejection)) => return Err(rejection),
        Ok(source) if ws.missing.is_empty() => source,
        Ok(_) | Err(Refusal::Deferred) => return Ok(None),
    };
    let Source {
        location,
        offers,
        ship_date,
    } = source;
    let whole = offers.iter().any(|offer| offer.lacking.is_zero());
    let in_stock_ship_date = whole.then_some(ws.location(location).today.ship);
    Ok(Some(Quote {
        at: ws.now,
        location_id: ws.location(location).location.location_id.clone(),
        ship_date,
        offers,
        in_stock_ship_date,
    }))
}
