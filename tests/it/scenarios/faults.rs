//! What is asked for in the wrong words, and what is nearly wrong and right.

use holdfast::proto::holdfast::v1 as pb;
use holdfast::proto::holdfast::v1::adjust_stock_request::Change;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::assert_error;
use crate::support::shop::{Shop, W1, date};

on_every_database! {
    a_cancel_names_every_line_that_the_order_does_not_have
    a_note_may_have_lines_that_end_as_those_of_a_form_in_a_browser
    an_inbound_is_put_back_as_it_was_answered
}

async fn a_cancel_names_every_line_that_the_order_does_not_have(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    let part = |line_number| pb::CancelLine {
        line_number,
        quantity: 1,
    };
    let request = pb::CancelOrderRequest {
        order_id: "O1".to_owned(),
        lines: [7, 1, 8].map(part).to_vec(),
        request_id: "C1".to_owned(),
        ..pb::CancelOrderRequest::default()
    };
    let error = shop.checkout.cancel_order(request).await.expect_err("no such lines");
    assert_fields(&error, &["lines[0].line_number", "lines[2].line_number"]);
    shop.close().await;
}

async fn a_note_may_have_lines_that_end_as_those_of_a_form_in_a_browser(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let request = pb::AdjustStockRequest {
        location_id: W1.to_owned(),
        adjustment_id: "noted".to_owned(),
        sku: "A".to_owned(),
        reason: pb::AdjustmentReason::Count.into(),
        change: Some(Change::CountedQuantity(1)),
        note: "counted by Ada\r\nand by Bea".to_owned(),
    };
    shop.warehouse.adjust_stock(request).await.expect("a count");
    shop.close().await;
}

/// A line that was left out after units had come for it is not shown, so that it is not in the way.
async fn an_inbound_is_put_back_as_it_was_answered(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A", "B"]).await;
    shop.put_inbound("PO-1", "2026-03-12", &[("A", 5), ("B", 5)]).await;
    let request = pb::ReceiveStockRequest {
        location_id: W1.to_owned(),
        receipt_id: "R1".to_owned(),
        inbound_id: "PO-1".to_owned(),
        lines: vec![pb::ReceiptLine {
            sku: "A".to_owned(),
            quantity: 2,
        }],
        ..pb::ReceiveStockRequest::default()
    };
    shop.warehouse.receive_stock(request).await.expect("a receipt");
    shop.put_inbound("PO-1", "2026-03-12", &[("B", 5)]).await;
    let request = pb::GetInboundRequest {
        location_id: W1.to_owned(),
        inbound_id: "PO-1".to_owned(),
    };
    let answered = shop.supply.get_inbound(request).await.expect("an inbound").into_inner();
    let mut inbound = answered.inbound.expect("it is there");
    assert_eq!(inbound.lines.len(), 1, "{inbound:?}");
    inbound.expected_date = date("2026-03-19");
    let request = pb::PutInboundRequest { inbound: Some(inbound) };
    shop.supply.put_inbound(request).await.expect("it is put back");
    shop.close().await;
}

fn assert_fields(error: &tonic::Status, expected: &[&str]) {
    assert_error(error, Code::InvalidArgument, "INVALID_FIELD");
    let fields = error.get_details_bad_request().expect("fields").field_violations;
    let fields: Vec<_> = fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, expected);
}
