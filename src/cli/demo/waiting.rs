//! Customers wait: what each is promised, what holds an order whole, and a supplier who is late.

use std::time::Duration;

use anyhow::{Result, bail};

use super::opening::put_purchase;
use super::stage::{LANTERN, LOCATION, Stage, TENT, check, check_day, date, line_of, order_of, reason, shown};
use crate::cli::output::Style;
use crate::proto::holdfast::v1::{Availability, ListOrdersRequest, OrderState, ReserveRequest};

/// A backorder is promised by the purchase order that covers it.
pub(super) async fn promise_from_inbound(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-24T10:00:00")?;
    let quote = stage.quote(&[(TENT, 3)]).await?;
    check(
        "the availability of tents",
        &quote.availability(),
        &Availability::Backorder,
    )?;
    let order = stage.reserve(order_of("BEA-1", &[(TENT, 3, 387)])).await?;
    check(
        "the promise, as it was quoted",
        &order.promised_ship_date,
        &quote.promised_ship_date,
    )?;
    check("the state of BEA-1", &order.state(), &OrderState::Waiting)?;
    let line = line_of(&order, 1)?;
    let ready = check_day("the ready date of BEA-1", line.ready_date, "2026-04-03")?;
    let promised = check_day("the promise of BEA-1", order.promised_ship_date, "2026-04-07")?;
    let text = format!(
        "{} buys {} {TENT}: {} on hand for her, {} to wait for. {} covers them, ready {ready}. Promised to ship \
         {promised}: one business day later, Easter Monday is none.",
        order.order_id,
        line.quantity,
        line.allocated_quantity,
        line.backordered_quantity,
        quote.lines.first().map_or("", |line| line.inbound_id.as_str()),
    );
    stage.says("checkout", &text);
    Ok(())
}

/// A mixed order waits whole; the quote says what its in-stock part alone would get.
pub(super) async fn hold_whole(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-24T11:20:00")?;
    let cart = [(LANTERN, 1, 49), (TENT, 3, 387)];
    let quote = stage.quote(&[(LANTERN, 1), (TENT, 3)]).await?;
    check("whether the cart ships together", &quote.ships_together, &true)?;
    let whole = check_day("the quote of the cart", quote.promised_ship_date, "2026-04-07")?;
    let alone = check_day("the lantern alone", quote.in_stock_lines_ship_date, "2026-03-25")?;
    let text = format!(
        "The cart of CARL-1, 1 {LANTERN} and 3 {TENT}: \"ships together {whole}. The part in stock, as an order of \
         its own, would ship {alone}.\" He wants it together."
    );
    stage.says("checkout", &text);
    let order = stage.reserve(order_of("CARL-1", &cart)).await?;
    check("the state of CARL-1", &order.state(), &OrderState::Waiting)?;
    let (in_stock, missing) = (line_of(&order, 1)?, line_of(&order, 2)?);
    check("lanterns held for CARL-1", &in_stock.allocated_quantity, &1)?;
    check("tents that CARL-1 lacks", &missing.backordered_quantity, &3)?;
    check("tents ahead of CARL-1", &missing.units_ahead, &3)?;
    let promised = check_day("the promise of CARL-1", order.promised_ship_date, "2026-04-07")?;
    let text = format!(
        "{} is held whole: {} {LANTERN} is put aside for him, {} {TENT} are missing, {} go to older orders first. \
         Promised to ship {promised}.",
        order.order_id, in_stock.allocated_quantity, missing.backordered_quantity, missing.units_ahead
    );
    stage.also(&text);

    stage.at("2026-03-24T12:10:00")?;
    let order = stage.reserve(order_of("DORA-1", &[(TENT, 1, 129)])).await?;
    let ahead = line_of(&order, 1)?.units_ahead;
    check("tents ahead of DORA-1", &ahead, &6)?;
    let promised = check_day("the promise of DORA-1", order.promised_ship_date, "2026-04-07")?;
    let text = format!(
        "{} buys 1 {TENT}, {ahead} are ahead of it. Promised to ship {promised}.",
        order.order_id
    );
    stage.says("checkout", &text);
    stage
        .show_queue(&[("BEA-1", 0, 3), ("CARL-1", 0, 3), ("DORA-1", 0, 1)])
        .await
}

/// More than the purchase order brings: dated by the lead time, and refused as later than the customer accepts.
pub(super) async fn refuse_later_than_accepted(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-24T14:00:00")?;
    let quote = stage.quote(&[(TENT, 5)]).await?;
    let day = check_day("the quote of five more tents", quote.promised_ship_date, "2026-04-24")?;
    let request = ReserveRequest {
        latest_acceptable_ship_date: Some(date(2026, 4, 10)),
        ..order_of("ERIK-1", &[(TENT, 5, 645)])
    };
    let latest = shown(request.latest_acceptable_ship_date);
    let Err(refused) = stage.checkout.reserve(request).await else {
        bail!("the story expects ERIK-1 to be refused, and it was accepted");
    };
    check(
        "the reason",
        &reason(&refused),
        &"PROMISE_LATER_THAN_ACCEPTED".to_owned(),
    )?;
    let text = format!(
        "ERIK-1 wants 5 {TENT}. The purchase order does not cover that many, and by the lead time they would ship {day}. He \
         accepts {latest} at the latest: refused as {}, nothing is reserved.",
        reason(&refused)
    );
    stage.says("checkout", &text);
    Ok(())
}

/// How often, and how long apart, the list of orders at risk is asked for.
const LOOKS_MAX: u32 = 500;
const LOOKS_APART: Duration = Duration::from_millis(10);

/// The supplier is late: today's date moves, promises that were made do not.
pub(super) async fn move_inbound(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-26T16:00:00")?;
    let inbound = put_purchase(stage, date(2026, 4, 10)).await?;
    let text = format!(
        "{} is late: it is now expected {}.",
        inbound.inbound_id,
        shown(inbound.expected_date)
    );
    stage.says("buyer", &text);

    stage.at("2026-03-26T16:05:00")?;
    let quote = stage.quote(&[(TENT, 1)]).await?;
    let today = check_day("the quote for an order today", quote.promised_ship_date, "2026-04-13")?;
    stage.says(
        "checkout",
        &format!("The item page of {TENT} now says \"order today, ships {today}\"."),
    );

    let order = stage.order("BEA-1").await?;
    let promised = check_day("the promise of BEA-1", order.promised_ship_date, "2026-04-07")?;
    let estimated = check_day("the estimate of BEA-1", order.estimated_ship_date, "2026-04-13")?;
    check("whether BEA-1 is at risk", &order.at_risk, &true)?;
    let text = format!(
        "{} was promised {promised}, and that stays on record. Estimated today: {estimated}.",
        order.order_id
    );
    stage.says("checkout", &text);
    let request = ListOrdersRequest {
        location_id: LOCATION.to_owned(),
        at_risk: Some(true),
        ..ListOrdersRequest::default()
    };
    // Queues are estimated anew in the background.
    let mut orders = Vec::new();
    for _ in 0..LOOKS_MAX {
        orders = stage.checkout.list_orders(request.clone()).await?.into_inner().orders;
        if orders.len() >= 3 {
            break;
        }
        tokio::time::sleep(LOOKS_APART).await;
    }
    let at_risk: Vec<&str> = orders.iter().map(|order| order.order_id.as_str()).collect();
    check(
        "the orders at risk",
        &at_risk.as_slice(),
        &["BEA-1", "CARL-1", "DORA-1"].as_slice(),
    )?;
    stage
        .narrator
        .also(Style::Yellow, &format!("At risk: {}.", at_risk.join(", ")));
    Ok(())
}
