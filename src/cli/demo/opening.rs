//! The shop opens, and sells what it has.

use anyhow::{Context, Result};

use super::stage::{LANTERN, LOCATION, PURCHASE, Stage, TENT, ZONE, check, check_day, date, order_of, shown};
use crate::proto::google::r#type::TimeOfDay;
use crate::proto::holdfast::v1::{
    Availability, ConfirmShipmentRequest, Inbound, InboundLine, Item, Location, OrderState, Parcel, PutInboundRequest,
    PutItemRequest, PutLocationRequest, ReceiptLine, ReceiveStockRequest,
};

/// Days after which a tent can be had although no purchase order promises one.
const TENT_LEAD_TIME_DAYS: i32 = 30;

/// The warehouse, its calendar, two items, what is there and what is expected.
pub(super) async fn open_shop(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-23T09:00:00")?;
    put_location(stage).await?;
    put_items(stage).await?;
    let receipt = ReceiveStockRequest {
        location_id: LOCATION.to_owned(),
        receipt_id: "R-1".to_owned(),
        lines: vec![ReceiptLine {
            sku: LANTERN.to_owned(),
            quantity: 5,
        }],
        ..ReceiveStockRequest::default()
    };
    let answer = stage.warehouse.receive_stock(receipt).await?.into_inner();
    let line = answer.lines.first().context("a receipt without lines")?;
    check("lanterns on hand", &line.on_hand, &5)?;
    let text = format!(
        "{} {} received; {} available.",
        line.received_quantity, line.sku, line.available
    );
    stage.says("warehouse", &text);
    let inbound = put_purchase(stage, date(2026, 4, 3)).await?;
    let line = inbound.lines.first().context("an inbound without lines")?;
    let text = format!(
        "Purchase order {}: {} {}, expected {}.",
        inbound.inbound_id,
        line.quantity,
        line.sku,
        shown(inbound.expected_date)
    );
    stage.says("buyer", &text);
    Ok(())
}

async fn put_location(stage: &mut Stage) -> Result<()> {
    let cutoff = TimeOfDay {
        hours: 15,
        ..TimeOfDay::default()
    };
    let location = Location {
        location_id: LOCATION.to_owned(),
        display_name: "Warehouse Ghent".to_owned(),
        time_zone: ZONE.name().to_owned(),
        cutoff: Some(cutoff),
        holidays: vec![date(2026, 4, 6)],
        ..Location::default()
    };
    let request = PutLocationRequest {
        location: Some(location),
    };
    let answer = stage.catalog.put_location(request).await?.into_inner();
    let location = answer.location.context("an answer without a location")?;
    let cutoff = location.cutoff.context("a location without its cut-off")?;
    check("business days of handling", &location.handling_days, &Some(1))?;
    check("working days", &location.working_days.len(), &5)?;
    let text = format!(
        "Warehouse \"{}\" opens: {}, Monday to Friday, closed {} (Easter Monday). Orders until {:02}:{:02} count for \
         the day. Ships within {} business day.",
        location.location_id,
        location.time_zone,
        shown(location.holidays.first().copied()),
        cutoff.hours,
        cutoff.minutes,
        location.handling_days.unwrap_or_default(),
    );
    stage.says("operator", &text);
    Ok(())
}

async fn put_items(stage: &mut Stage) -> Result<()> {
    let items = [
        (LANTERN, "Storm lantern", None),
        (TENT, "Two-person tent", Some(TENT_LEAD_TIME_DAYS)),
    ];
    let mut names = Vec::new();
    for (sku, name, lead_time_days) in items {
        let item = Item {
            sku: sku.to_owned(),
            display_name: name.to_owned(),
            lead_time_days,
            ..Item::default()
        };
        let request = PutItemRequest { item: Some(item) };
        let answer = stage.catalog.put_item(request).await?.into_inner();
        let item = answer.item.context("an answer without an item")?;
        check("whether customers may wait", &item.backorderable, &Some(true))?;
        let lead_time = item
            .lead_time_days
            .map_or_else(String::new, |days| format!(", lead time {days} days"));
        names.push(format!("{} ({}{lead_time})", item.sku, item.display_name));
    }
    stage.says(
        "operator",
        &format!("Items: {}. Customers may wait for both.", names.join(" and ")),
    );
    Ok(())
}

/// Puts the purchase order of ten tents with this date.
pub(super) async fn put_purchase(stage: &mut Stage, expected: crate::proto::google::r#type::Date) -> Result<Inbound> {
    let inbound = Inbound {
        location_id: LOCATION.to_owned(),
        inbound_id: PURCHASE.to_owned(),
        expected_date: Some(expected),
        lines: vec![InboundLine {
            sku: TENT.to_owned(),
            quantity: 10,
            received_quantity: 0,
        }],
        ..Inbound::default()
    };
    let request = PutInboundRequest { inbound: Some(inbound) };
    let answer = stage.buyer.put_inbound(request).await?.into_inner();
    check(
        "the date of the purchase order",
        &answer.inbound.as_ref().and_then(|i| i.expected_date),
        &Some(expected),
    )?;
    answer.inbound.context("an answer without an inbound")
}

/// An order of what is there: released at once, to leave on the next business day.
pub(super) async fn sell_from_stock(stage: &mut Stage) -> Result<()> {
    stage.at("2026-03-23T10:05:00")?;
    let order = stage.reserve(order_of("ANN-1", &[(LANTERN, 1, 49)])).await?;
    check("the state of ANN-1", &order.state(), &OrderState::Released)?;
    let promised = check_day("the promise of ANN-1", order.promised_ship_date, "2026-03-24")?;
    let ship_by = check_day("the ship-by date of ANN-1", order.ship_by_date, "2026-03-24")?;
    let text = format!(
        "{} buys 1 {LANTERN}, in stock. Promised to ship {promised}; released to the warehouse at once, to leave by \
         {ship_by}.",
        order.order_id
    );
    stage.says("checkout", &text);

    stage.at("2026-03-23T15:30:00")?;
    let quote = stage.quote(&[(LANTERN, 1)]).await?;
    check(
        "a lantern's availability",
        &quote.availability(),
        &Availability::InStock,
    )?;
    let day = check_day("the quote after the cut-off", quote.promised_ship_date, "2026-03-25")?;
    stage.says(
        "checkout",
        &format!("The cut-off has passed: the item page of {LANTERN} says \"in stock, ships {day}\"."),
    );

    stage.at("2026-03-24T09:30:00")?;
    let parcel = Parcel {
        carrier: "bpost".to_owned(),
        tracking_number: "BP-1001".to_owned(),
    };
    let request = ConfirmShipmentRequest {
        order_id: order.order_id,
        parcels: vec![parcel],
        ship_time: None,
    };
    let answer = stage.warehouse.confirm_shipment(request).await?.into_inner();
    let order = answer.order.context("an answer without an order")?;
    check("the state of ANN-1", &order.state(), &OrderState::Shipped)?;
    let parcel = order.parcels.first().context("a shipped order without parcels")?;
    let text = format!(
        "{} shipped with {}, tracking {}.",
        order.order_id, parcel.carrier, parcel.tracking_number
    );
    stage.says("warehouse", &text);
    Ok(())
}
