//! Tents arrive, in parts: who gets them, and what a cancellation sets free.

use anyhow::{Context, Result};

use super::narrator::money;
use super::stage::{LOCATION, PURCHASE, Stage, TENT, check, check_day, line_of};
use crate::proto::holdfast::v1::{
    CancelOrderRequest, OrderState, ReceiptLine, ReceiveStockRequest, ReceiveStockResponse,
};

async fn receive_tents(stage: &mut Stage, receipt_id: &str, quantity: i64) -> Result<ReceiveStockResponse> {
    let request = ReceiveStockRequest {
        location_id: LOCATION.to_owned(),
        receipt_id: receipt_id.to_owned(),
        inbound_id: PURCHASE.to_owned(),
        lines: vec![ReceiptLine {
            sku: TENT.to_owned(),
            quantity,
        }],
        ..ReceiveStockRequest::default()
    };
    Ok(stage.warehouse.receive_stock(request).await?.into_inner())
}

/// A partial receipt goes to the head of the queue and stays there.
pub(super) async fn receive_a_part(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-31T10:00:00")?;
    let answer = receive_tents(stage, "R-2", 2).await?;
    let line = answer.lines.first().context("a receipt without lines")?;
    check("tents that went to the queue", &line.allocated_to_backlog, &2)?;
    check("tents available", &line.available, &0)?;
    check("orders released", &answer.released_order_ids.len(), &0)?;
    let text = format!(
        "A part of {PURCHASE} comes early: {} {TENT}. {} go to the queue, {} orders become whole, {} are for sale.",
        line.received_quantity,
        line.allocated_to_backlog,
        answer.released_order_ids.len(),
        line.available
    );
    stage.says("warehouse", &text);
    stage
        .show_queue(&[("BEA-1", 2, 1), ("CARL-1", 0, 3), ("DORA-1", 0, 1)])
        .await?;
    stage.also("Both are BEA-1's, who was first. DORA-1 needs only one, but nobody overtakes.");
    Ok(())
}

/// A cancellation refunds what was paid, and its units go to the next in the queue.
pub(super) async fn cancel_with_refund(stage: &mut Stage) -> Result<()> {
    stage.at("2026-04-01T13:45:00")?;
    let request = CancelOrderRequest {
        order_id: "BEA-1".to_owned(),
        reason: "does not want to wait".to_owned(),
        ..CancelOrderRequest::default()
    };
    let answer = stage.checkout.cancel_order(request).await?.into_inner();
    let order = answer.order.context("an answer without an order")?;
    check("the state of BEA-1", &order.state(), &OrderState::Cancelled)?;
    let refund = answer.refund.context("a cancellation without a refund")?;
    check("the refund in euros", &(refund.units, refund.nanos), &(387, 0))?;
    let total = order.total.as_ref().context("an order without a total")?;
    let cancelled = line_of(&order, 1)?.cancelled_quantity;
    let text = format!(
        "{} is cancelled: {cancelled} {TENT}. Refund {} of {} paid.",
        order.order_id,
        money(&refund),
        money(total)
    );
    stage.says("checkout", &text);
    stage.show_queue(&[("CARL-1", 2, 1), ("DORA-1", 0, 1)]).await?;
    stage.also("The tents that she held go to the next in the queue, not on sale.");
    Ok(())
}

/// The last missing unit releases the mixed order, whole.
pub(super) async fn receive_the_last(stage: &mut Stage) -> Result<()> {
    stage.at("2026-04-03T10:00:00")?;
    let answer = receive_tents(stage, "R-3", 5).await?;
    let line = answer.lines.first().context("a receipt without lines")?;
    check("tents that went to the queue", &line.allocated_to_backlog, &2)?;
    check("tents available", &line.available, &3)?;
    let released: Vec<&str> = answer.released_order_ids.iter().map(String::as_str).collect();
    check(
        "the orders released",
        &released.as_slice(),
        &["CARL-1", "DORA-1"].as_slice(),
    )?;
    let text = format!(
        "{} {TENT} more: {} for the queue, {} for sale. Whole now, and released: {}.",
        line.received_quantity,
        line.allocated_to_backlog,
        line.available,
        released.join(", ")
    );
    stage.says("warehouse", &text);
    let order = stage.order("CARL-1").await?;
    check("the state of CARL-1", &order.state(), &OrderState::Released)?;
    check("whether CARL-1 is at risk", &order.at_risk, &false)?;
    let ship_by = check_day("the ship-by date of CARL-1", order.ship_by_date, "2026-04-07")?;
    let promised = check_day("the promise of CARL-1", order.promised_ship_date, "2026-04-07")?;
    let held: Vec<String> = order
        .lines
        .iter()
        .map(|line| format!("{} {}", line.allocated_quantity, line.sku))
        .collect();
    let text = format!(
        "{} goes out whole: {}. To leave by {ship_by}, one business day after the receipt. It was promised to \
         ship {promised}: kept.",
        order.order_id,
        held.join(" and ")
    );
    stage.also(&text);
    Ok(())
}
