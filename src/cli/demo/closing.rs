//! The end of the story: parcels leave, calls are repeated, and the books are checked.

use anyhow::{Context, Result, bail};

use super::stage::{LANTERN, LOCATION, Stage, TENT, check, check_day, order_of, reason};
use crate::cli::output::Style;
use crate::proto::holdfast::v1::{
    CheckInvariantsRequest, ConfirmShipmentRequest, ConfirmShipmentResponse, GetStockRequest, ListStockRequest,
    OrderState, Parcel, Stock,
};

fn shipment(order_id: &str, tracking_number: &str) -> ConfirmShipmentRequest {
    let parcel = Parcel {
        carrier: "bpost".to_owned(),
        tracking_number: tracking_number.to_owned(),
    };
    ConfirmShipmentRequest {
        order_id: order_id.to_owned(),
        parcels: vec![parcel],
        ship_time: None,
    }
}

async fn confirm(stage: &mut Stage, order_id: &str, tracking: &str) -> Result<ConfirmShipmentResponse> {
    let answer = stage.warehouse.confirm_shipment(shipment(order_id, tracking)).await?;
    Ok(answer.into_inner())
}

async fn tents(stage: &mut Stage) -> Result<Stock> {
    let request = GetStockRequest {
        location_id: LOCATION.to_owned(),
        sku: TENT.to_owned(),
    };
    let answer = stage.operator.get_stock(request).await?.into_inner();
    answer.stock.context("an answer without counters")
}

/// The released orders leave, on the day that was promised.
pub(super) async fn ship(stage: &mut Stage) -> Result<()> {
    stage.at("2026-04-07T11:00:00")?;
    for (order_id, tracking) in [("CARL-1", "BP-1002"), ("DORA-1", "BP-1003")] {
        let answer = confirm(stage, order_id, tracking).await?;
        let order = answer.order.context("an answer without an order")?;
        check("the state of the order", &order.state(), &OrderState::Shipped)?;
        let parcel = order.parcels.first().context("a shipped order without parcels")?;
        let promised = check_day("the promise", order.promised_ship_date, "2026-04-07")?;
        let text = format!(
            "{} shipped with {}, tracking {}, as promised ({promised}).",
            order.order_id, parcel.carrier, parcel.tracking_number
        );
        stage.says("warehouse", &text);
    }
    Ok(())
}

/// A call that is repeated has no second effect.
pub(super) async fn repeat_calls(stage: &mut Stage) -> Result<()> {
    stage.at("2026-04-07T11:02:00")?;
    let before = tents(stage).await?;
    let answer = confirm(stage, "CARL-1", "BP-1002").await?;
    check("whether the shipment was confirmed already", &answer.replayed, &true)?;
    let after = tents(stage).await?;
    check("the counters of tents", &after, &before)?;
    let text = format!(
        "The scanner's network failed, and it confirms CARL-1 again: \"done already\". Tents on hand: {} before, {} after.",
        before.on_hand, after.on_hand
    );
    stage.says("warehouse", &text);

    let order = order_of("CARL-1", &[(LANTERN, 1, 49), (TENT, 3, 387)]);
    let answer = stage.checkout.reserve(order).await?.into_inner();
    check("whether the order was there already", &answer.replayed, &true)?;
    let again = answer.order.context("an answer without an order")?;
    let promised = check_day("the promise of CARL-1", again.promised_ship_date, "2026-04-07")?;
    let text = format!(
        "The checkout sends {} again: the same order and promise, {promised}.",
        again.order_id
    );
    stage.says("checkout", &text);
    let other = order_of("CARL-1", &[(LANTERN, 1, 49), (TENT, 4, 516)]);
    let Err(refused) = stage.checkout.reserve(other).await else {
        bail!("the story expects another order of the same id to be refused, and it was accepted");
    };
    check("the reason", &reason(&refused), &"ID_REUSED".to_owned())?;
    stage.also(&format!("The same id with 4 {TENT} is refused: {}.", reason(&refused)));
    Ok(())
}

/// The counters, and every invariant.
pub(super) async fn count_up(stage: &mut Stage) -> Result<()> {
    stage.at("2026-04-07T17:30:00")?;
    let request = ListStockRequest {
        location_id: LOCATION.to_owned(),
        ..ListStockRequest::default()
    };
    let stocks = stage.operator.list_stock(request).await?.into_inner().stocks;
    stage.says("operator", "The counters at the end of the day:");
    let head = format!(
        "{:<10} {:>8} {:>10} {:>10} {:>8}",
        "item", "on hand", "allocated", "available", "backlog"
    );
    stage.narrator.row(Style::Dim, &head);
    let mut found = Vec::new();
    for stock in &stocks {
        let row = format!(
            "{:<10} {:>8} {:>10} {:>10} {:>8}",
            stock.sku, stock.on_hand, stock.allocated, stock.available, stock.backlog
        );
        stage.narrator.row(Style::Dim, &row);
        found.push((
            stock.sku.as_str(),
            stock.on_hand,
            stock.allocated,
            stock.available,
            stock.backlog,
        ));
    }
    let expected = [(LANTERN, 3, 0, 3, 0), (TENT, 3, 0, 3, 0)];
    check("the counters", &found.as_slice(), &expected.as_slice())?;
    check_invariants(stage).await
}

async fn check_invariants(stage: &mut Stage) -> Result<()> {
    stage.says("operator", "Every rule, checked on the tables of the running server:");
    let request = CheckInvariantsRequest::default();
    let mut reports = stage.operator.check_invariants(request).await?.into_inner();
    let head = format!("{:<44} {:>6} {:>11}", "invariant", "rows", "violations");
    stage.narrator.row(Style::Dim, &head);
    let mut checked = 0_usize;
    let mut violations = 0_i64;
    while let Some(report) = reports.message().await? {
        let row = format!(
            "{:<44} {:>6} {:>11}",
            report.name, report.checked_rows, report.violations
        );
        stage.narrator.row(Style::Dim, &row);
        checked += 1;
        violations += report.violations;
    }
    check("whether anything was checked", &(checked > 0), &true)?;
    check("violations", &violations, &0)?;
    stage.narrator.also(
        Style::Green,
        &format!("{checked} invariants checked, {violations} violations."),
    );
    Ok(())
}
