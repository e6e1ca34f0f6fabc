//! The requests of lists, and of streams, with their filters.

use std::collections::BTreeSet;

use super::fields;
use super::violations::Violations;
use crate::domain::ids::{InboundId, LineNumber, LocationId, Sequence, Sku};
use crate::domain::inbound::InboundState;
use crate::domain::order::OrderState;
use crate::grpc::paging::Paging;
use crate::proto::holdfast::v1 as pb;
use crate::store::{InboundFilter, OrderFilter};

/// The most entries of a filter by states or types: far more than there are.
pub(crate) const FILTER_ENTRIES_MAX: usize = 100;

/// Which orders to list.
#[derive(Debug)]
pub(crate) struct Orders {
    /// The filters that the store knows.
    pub(crate) filter: OrderFilter,
    /// The page.
    pub(crate) paging: Paging<Sequence>,
}

/// Parses which orders to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn orders(request: &pb::ListOrdersRequest) -> Result<Orders, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    fields::at_most(&mut v, "states", request.states.len(), FILTER_ENTRIES_MAX);
    let numbered = request.states.iter().take(FILTER_ENTRIES_MAX).enumerate();
    let states: BTreeSet<_> = numbered
        .filter_map(|(at, state)| fields::specified(&mut v, format_args!("states[{at}]"), *state, order_state))
        .collect();
    let sku = optional_sku(&mut v, &request.sku);
    let at_risk = request.at_risk;
    let list = format!(
        "ListOrders\n{}\n{states:?}\n{}\n{at_risk:?}",
        request.location_id, request.sku
    );
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    let states = states.into_iter().collect();
    v.finish(location_id.map(|location_id| {
        let filter = OrderFilter {
            location_id,
            states,
            sku,
            at_risk,
        };
        Orders { filter, paging }
    }))
}

fn order_state(state: pb::OrderState) -> Option<OrderState> {
    match state {
        pb::OrderState::Unspecified => None,
        pb::OrderState::Tentative => Some(OrderState::Tentative),
        pb::OrderState::Waiting => Some(OrderState::Waiting),
        pb::OrderState::Released => Some(OrderState::Released),
        pb::OrderState::Shipped => Some(OrderState::Shipped),
        pb::OrderState::Cancelled => Some(OrderState::Cancelled),
    }
}

fn optional_sku(v: &mut Violations, sku: &str) -> Option<Sku> {
    if sku.is_empty() {
        None
    } else {
        v.take("sku", Sku::parse(sku))
    }
}

/// Parses which inbounds to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn inbounds(request: &pb::ListInboundsRequest) -> Result<(InboundFilter, Paging<InboundId>), Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let sku = optional_sku(&mut v, &request.sku);
    let state = fields::specified(&mut v, "state", request.state, |state| Some(inbound_state(state))).flatten();
    let list = format!("ListInbounds\n{}\n{}\n{state:?}", request.location_id, request.sku);
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    v.finish(location_id.map(|location_id| {
        (
            InboundFilter {
                location_id,
                sku,
                state,
            },
            paging,
        )
    }))
}

/// The state of a filter; `None` for every state.
fn inbound_state(state: pb::InboundState) -> Option<InboundState> {
    match state {
        pb::InboundState::Unspecified => None,
        pb::InboundState::Open => Some(InboundState::Open),
        pb::InboundState::Received => Some(InboundState::Received),
        pb::InboundState::Closed => Some(InboundState::Closed),
    }
}

/// Parses which held stock to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn held_stock(request: &pb::ListHeldStockRequest) -> Result<(LocationId, Paging<Sequence>), Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let list = format!("ListHeldStock\n{}", request.location_id);
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    v.finish(location_id.map(|location_id| (location_id, paging)))
}

/// Which counters to list.
#[derive(Debug)]
pub(crate) struct Stocks {
    /// At which location.
    pub(crate) location_id: LocationId,
    /// Only those with a backlog.
    pub(crate) only_backlogged: bool,
    /// The page.
    pub(crate) paging: Paging<Sku>,
}

/// Parses which counters to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn stocks(request: &pb::ListStockRequest) -> Result<Stocks, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let only_backlogged = request.only_backlogged;
    let list = format!("ListStock\n{}\n{only_backlogged}", request.location_id);
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    v.finish(location_id.map(|location_id| Stocks {
        location_id,
        only_backlogged,
        paging,
    }))
}

/// Which queue to list.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// At which location.
    pub(crate) location_id: LocationId,
    /// Of what.
    pub(crate) sku: Sku,
    /// The page.
    pub(crate) paging: Paging<(Sequence, LineNumber)>,
}

/// Parses which queue to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn backlog(request: &pb::ListBacklogRequest) -> Result<Backlog, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let sku = v.take("sku", Sku::parse(&request.sku));
    let list = format!("ListBacklog\n{}\n{}", request.location_id, request.sku);
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    v.finish(location_id.zip(sku).map(|(location_id, sku)| Backlog {
        location_id,
        sku,
        paging,
    }))
}

/// Parses which page of the locations to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn locations(request: &pb::ListLocationsRequest) -> Result<Paging<LocationId>, Violations> {
    let mut v = Violations::default();
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, "ListLocations");
    v.finish(Some(paging))
}

/// Parses which page of the items to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn items(request: &pb::ListItemsRequest) -> Result<Paging<Sku>, Violations> {
    let mut v = Violations::default();
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, "ListItems");
    v.finish(Some(paging))
}

/// Parses where invariants are checked; `None` for everywhere.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn invariants(request: &pb::CheckInvariantsRequest) -> Result<Option<LocationId>, Violations> {
    if request.location_id.is_empty() {
        return Ok(None);
    }
    super::catalog::location_id(&request.location_id).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::tests::faults;

    #[test]
    fn every_fault_of_a_filter_is_named_in_one_answer() {
        let request = pb::ListOrdersRequest {
            states: vec![2, 0, 42],
            sku: " ".to_owned(),
            page_size: -1,
            page_token: "p".to_owned(),
            ..pb::ListOrdersRequest::default()
        };
        let expected = [
            "location_id",
            "states[1]",
            "states[2]",
            "sku",
            "page_size",
            "page_token",
        ];
        assert_eq!(faults(orders(&request)), expected);
    }

    #[test]
    fn a_page_token_serves_only_the_filters_that_it_came_from() {
        let mut request = pb::ListOrdersRequest {
            location_id: "BRU".to_owned(),
            ..pb::ListOrdersRequest::default()
        };
        let asked = orders(&request).expect("no fault");
        request.page_token = asked.paging.token(&Sequence(9));
        request.page_size = 7;
        assert!(orders(&request).is_ok());
        request.at_risk = Some(true);
        assert_eq!(faults(orders(&request)), ["page_token"]);
    }
}
