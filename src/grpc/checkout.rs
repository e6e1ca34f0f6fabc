//! `CheckoutService`: what can be had, placing orders, cancelling them.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::availability;
use super::context::Context;
use super::convert::lists::{self, Orders};
use super::convert::{checkout, values};
use super::layers::deadline_of;
use super::paging::Filling;
use super::readers::{LocationOf, OrdersById};
use super::status::{self, SkuField};
use super::stream::Answers;
use crate::allocator::command::Command;
use crate::allocator::decision::OrderAnswer;
use crate::domain::ids::{OrderId, Sequence};
use crate::domain::rejection::Rejection;
use crate::proto::holdfast::v1 as pb;
use crate::store::{OrderAt, OrderFilter, Page};
use pb::checkout_service_server::CheckoutService;

/// Orders that are looked at together: a snapshot of them is held while they are spelled out.
const CHUNK: u32 = 200;
/// The most orders that one call looks at.
const LOOKED_AT_MAX: u32 = 10_000;

/// The service.
#[derive(Debug)]
pub(crate) struct Checkout(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl CheckoutService for Checkout {
    type WatchAvailabilityStream = Answers<pb::WatchAvailabilityResponse>;

    async fn watch_availability(
        &self,
        request: Request<pb::WatchAvailabilityRequest>,
    ) -> Result<Response<Self::WatchAvailabilityStream>, Status> {
        let watched = checkout::watched(request.get_ref())?;
        let place = self.0.stream_place(request.remote_addr())?;
        Ok(Response::new(availability::watch(&self.0, place, watched).await?))
    }

    async fn quote(&self, request: Request<pb::QuoteRequest>) -> Result<Response<pb::QuoteResponse>, Status> {
        let cart = checkout::quote(request.into_inner())?;
        let quote = self.0.quote(cart).await?;
        Ok(Response::new(pb::QuoteResponse { quote: Some(quote) }))
    }

    async fn reserve(&self, request: Request<pb::ReserveRequest>) -> Result<Response<pb::ReserveResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::Reserve(checkout::reserve(request.into_inner())?);
        let answer: Box<OrderAnswer> = self.0.submit(command, deadline).await?;
        let replayed = answer.replayed;
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::ReserveResponse {
            order: Some(order),
            replayed,
        }))
    }

    async fn confirm_order(
        &self,
        request: Request<pb::ConfirmOrderRequest>,
    ) -> Result<Response<pb::ConfirmOrderResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::Confirm(checkout::order_id(&request.get_ref().order_id)?);
        let answer: Box<OrderAnswer> = self.0.submit(command, deadline).await?;
        let replayed = answer.replayed;
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::ConfirmOrderResponse {
            order: Some(order),
            replayed,
        }))
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::Cancel(checkout::cancel(request.into_inner())?);
        let answer: Box<OrderAnswer> = self.0.submit(command, deadline).await?;
        let (replayed, refund) = (answer.replayed, answer.refund.map(values::money));
        let order = self.0.view(*answer).await?;
        Ok(Response::new(pb::CancelOrderResponse {
            order: Some(order),
            refund,
            replayed,
        }))
    }

    async fn get_order(&self, request: Request<pb::GetOrderRequest>) -> Result<Response<pb::GetOrderResponse>, Status> {
        let order_id = checkout::order_id(&request.get_ref().order_id)?;
        let order = self.0.ask(OrdersById(vec![order_id.clone()])).await?.pop();
        let order = order.ok_or_else(|| status::rejected(Rejection::UnknownOrder(order_id), SkuField::Lines))?;
        Ok(Response::new(pb::GetOrderResponse { order: Some(order) }))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let asked = lists::orders(request.get_ref())?;
        Ok(Response::new(list_orders(&self.0, asked).await?))
    }
}

/// Goes through the orders that the store's filters let pass, by chunks, and keeps those that pass every filter as
/// they stand when they are looked at.
async fn list_orders(context: &Context, asked: Orders) -> Result<pb::ListOrdersResponse, Status> {
    context.ask(LocationOf(asked.filter.location_id.clone())).await?;
    let limit = asked.paging.limit.saturating_add(1).min(CHUNK);
    let mut filling = Filling::new(asked.paging.limit);
    let mut after = asked.paging.after;
    let mut looked_at = 0;
    while looked_at < LOOKED_AT_MAX {
        let listed = candidates(context, &asked.filter, Page { after, limit }).await?;
        let ends = u32::try_from(listed.len()).is_ok_and(|count| count < limit);
        let last = listed.last().map(|(sequence, _)| *sequence);
        let ids: Vec<OrderId> = listed.into_iter().map(|(_, id)| id).collect();
        for order in context.ask(OrdersById(ids)).await? {
            let sequence = Sequence(order.sequence);
            if passes(&order, &asked.filter) && !filling.push(order) {
                let next_page_token = after.map(|after| asked.paging.token(&after)).unwrap_or_default();
                return Ok(pb::ListOrdersResponse {
                    orders: filling.entries,
                    next_page_token,
                });
            }
            after = Some(sequence);
        }
        after = last.or(after);
        looked_at = looked_at.saturating_add(limit);
        if ends {
            return Ok(pb::ListOrdersResponse {
                orders: filling.entries,
                next_page_token: String::new(),
            });
        }
    }
    let next_page_token = after.map(|after| asked.paging.token(&after)).unwrap_or_default();
    Ok(pb::ListOrdersResponse {
        orders: filling.entries,
        next_page_token,
    })
}

async fn candidates(context: &Context, filter: &OrderFilter, page: Page<Sequence>) -> Result<Vec<OrderAt>, Status> {
    let filter = filter.clone();
    context
        .read(move |store| async move { store.list_orders(&filter, page).await })
        .await
}

/// Whether an order passes the filters still: it may have moved on since it was listed, and its date since it was last
/// estimated.
fn passes(order: &pb::Order, filter: &OrderFilter) -> bool {
    let in_state = filter.states.is_empty()
        || filter
            .states
            .iter()
            .any(|state| values::order_state(*state) == order.state());
    in_state && filter.at_risk.is_none_or(|at_risk| at_risk == order.at_risk)
}
