//! Held stock: units that wait in orders for a missing sibling, by what they wait for.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tonic::Status;

use super::context::Context;
use super::paging::Paging;
use super::readers::{LocationOf, OrdersById};
use crate::domain::ids::{LocationId, OrderId, Sequence};
use crate::domain::order::OrderState;
use crate::proto::holdfast::v1 as pb;
use crate::store::{OrderFilter, Page};

/// Orders that are looked at together.
const CHUNK: u32 = 200;
/// The most orders that are looked at.
const LOOKED_AT_MAX: u32 = 10_000;
/// The most lines that are named of one missing SKU.
const LINES_MAX: usize = 100;
/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// A page of what holds stock at a location.
///
/// # Errors
/// There is no such location, or rows cannot be read.
pub(crate) async fn list(
    context: &Context,
    location_id: LocationId,
    paging: Paging<Sequence>,
) -> Result<pb::ListHeldStockResponse, Status> {
    context.ask(LocationOf(location_id.clone())).await?;
    let now = context.services.clock.now().timestamp();
    let mut held = collect(context, location_id).await?;
    held.sort_by(|a, b| (Reverse(a.held_quantity), &a.missing_sku).cmp(&(Reverse(b.held_quantity), &b.missing_sku)));
    for entry in &mut held {
        let oldest = entry.oldest_placed_time.as_ref().map_or(now, |time| time.seconds);
        entry.oldest_age_days = now.saturating_sub(oldest).max(0).div_euclid(DAY_SECONDS);
    }
    // The key of an entry is its place in the list.
    let numbered = (1..).map(Sequence).zip(held);
    let after = paging.after.unwrap_or(Sequence(0));
    let (held, next_page_token) = paging.fill(numbered.filter(|(place, _)| *place > after));
    Ok(pb::ListHeldStockResponse { held, next_page_token })
}

async fn collect(context: &Context, location_id: LocationId) -> Result<Vec<pb::HeldStock>, Status> {
    let filter = OrderFilter {
        location_id,
        states: vec![OrderState::Tentative, OrderState::Waiting],
        sku: None,
        at_risk: None,
    };
    let mut held: BTreeMap<String, pb::HeldStock> = BTreeMap::new();
    let (mut after, mut looked_at) = (None, 0);
    while looked_at < LOOKED_AT_MAX {
        let page = Page { after, limit: CHUNK };
        let of = filter.clone();
        let listed = context
            .read(move |store| async move { store.list_orders(&of, page).await })
            .await?;
        let ends = u32::try_from(listed.len()).is_ok_and(|count| count < CHUNK);
        after = listed.last().map(|(sequence, _)| *sequence);
        let ids: Vec<OrderId> = listed.into_iter().map(|(_, id)| id).collect();
        for order in context.ask(OrdersById(ids)).await? {
            add(&mut held, &order);
        }
        looked_at = looked_at.saturating_add(CHUNK);
        if ends {
            break;
        }
    }
    Ok(held.into_values().collect())
}

/// Adds an order that holds units to each SKU that it waits for.
fn add(held: &mut BTreeMap<String, pb::HeldStock>, order: &pb::Order) {
    let holding = order.lines.iter().filter(|line| line.allocated_quantity > 0);
    let holding: Vec<_> = holding
        .map(|line| pb::HeldLine {
            order_id: order.order_id.clone(),
            line_number: line.line_number,
            sku: line.sku.clone(),
            held_quantity: line.allocated_quantity,
            placed_time: order.placed_time,
        })
        .collect();
    if holding.is_empty() {
        return;
    }
    let mut missing: BTreeMap<&str, i64> = BTreeMap::new();
    for line in order.lines.iter().filter(|line| line.backordered_quantity > 0) {
        let units = missing.entry(line.sku.as_str()).or_default();
        *units = units.saturating_add(line.backordered_quantity);
    }
    let units = holding
        .iter()
        .map(|line| line.held_quantity)
        .fold(0_i64, i64::saturating_add);
    for (sku, lacking) in missing {
        let entry = held.entry(sku.to_owned()).or_insert_with(|| pb::HeldStock {
            missing_sku: sku.to_owned(),
            // Orders come by their places: the first is the oldest.
            oldest_placed_time: order.placed_time,
            ..pb::HeldStock::default()
        });
        entry.missing_quantity = entry.missing_quantity.saturating_add(lacking);
        entry.held_quantity = entry.held_quantity.saturating_add(units);
        entry.orders = entry.orders.saturating_add(1);
        let room = LINES_MAX.saturating_sub(entry.lines.len());
        entry.lines.extend(holding.iter().take(room).cloned());
    }
}
