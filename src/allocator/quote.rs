//! What an order placed now would get, without placing it.

use super::command::ReserveLine;
use super::promise::{self, LineOffer};
use super::working_set::WorkingSet;
use super::{Refusal, lapse, location_of, stocks_of};
use crate::domain::ids::LocationId;
use crate::domain::rejection::Rejection;
use crate::domain::{Date, Instant};

/// What an order placed now would get.
#[derive(Debug, Clone)]
pub struct Quote {
    /// When it was computed.
    pub at: Instant,
    /// What each line would get.
    pub offers: Vec<LineOffer>,
    /// The order's ship date; `None` when a line cannot be promised.
    pub ship_date: Option<Date>,
    /// When the lines that are whole in stock would ship as an order of their own; `None` when there are none.
    pub in_stock_ship_date: Option<Date>,
}

/// Computes what [`Reserve`](super::command::Reserve) would promise. `Ok(None)` means that rows are missing: the
/// working set names them.
///
/// # Errors
/// As for an order: an unknown or inactive location, unknown SKUs. Lines that cannot be promised are no error.
pub fn quote(ws: &mut WorkingSet, location_id: &LocationId, lines: &[ReserveLine]) -> Result<Option<Quote>, Rejection> {
    lapse::everywhere(ws);
    if !ws.missing.is_empty() {
        return Ok(None);
    }
    let location = location_of(ws, location_id)?;
    if !ws.location(location).location.active {
        return Err(Rejection::LocationInactive(location_id.clone()));
    }
    let stocks = match stocks_of(ws, location, lines.iter().map(|line| &line.sku)) {
        Ok(stocks) => stocks,
        Err(Refusal::Rejected(rejection)) => return Err(rejection),
        // A quote holds nothing: while a refill goes on it is what the counters say.
        Err(Refusal::Deferred) => lines
            .iter()
            .filter_map(|line| ws.find_stock_of(location_id, &line.sku))
            .collect(),
    };
    if !ws.missing.is_empty() {
        return Ok(None);
    }
    let offers = promise::assess(ws, location, lines, &stocks, false);
    if !ws.missing.is_empty() {
        return Ok(None);
    }
    let whole = offers.iter().any(|offer| offer.lacking.is_zero());
    let in_stock_ship_date = whole.then_some(ws.location(location).today.ship);
    Ok(Some(Quote {
        at: ws.now,
        ship_date: promise::ship_date(&offers),
        offers,
        in_stock_ship_date,
    }))
}
