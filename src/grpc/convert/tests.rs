//! Every fault of a message is named in one answer, with its path.

use super::violations::Violations;
use super::{catalog, checkout, supply, warehouse};
use crate::allocator::command::Change;
use crate::domain::Instant;
use crate::domain::calendar::WorkingDays;
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

pub(super) fn faults<T: std::fmt::Debug>(parsed: Result<T, Violations>) -> Vec<String> {
    let violations = parsed.expect_err("faults");
    violations.kept().iter().map(|fault| fault.field.clone()).collect()
}

fn description<T: std::fmt::Debug>(parsed: Result<T, Violations>) -> String {
    parsed
        .expect_err("a fault")
        .kept()
        .iter()
        .map(|fault| fault.description.clone())
        .collect()
}

fn money(currency: &str, units: i64, nanos: i32) -> google::Money {
    google::Money {
        currency_code: currency.to_owned(),
        units,
        nanos,
    }
}

fn line(quantity: i64, price: impl Into<Option<google::Money>>) -> pb::ReserveLine {
    pb::ReserveLine {
        sku: "SCREW".to_owned(),
        quantity,
        price: price.into(),
    }
}

fn order(lines: Vec<pb::ReserveLine>) -> pb::ReserveRequest {
    pb::ReserveRequest {
        order_id: "O-1".to_owned(),
        location_id: "BRU".to_owned(),
        lines,
        ..pb::ReserveRequest::default()
    }
}

fn date(year: i32, month: i32, day: i32) -> google::Date {
    google::Date { year, month, day }
}

#[test]
fn a_good_order_is_parsed_whole() {
    let mut request = order(vec![line(1, money("EUR", 1, 990_000_000)), line(2, None)]);
    request.latest_acceptable_ship_date = Some(date(2026, 12, 31));
    let reserve = checkout::reserve(request).expect("no fault");
    assert_eq!(reserve.lines.len(), 2);
    assert_eq!(reserve.currency.map(crate::domain::money::Currency::code), Some("EUR"));
    assert!(reserve.lines[0].price.is_some() && reserve.lines[1].price.is_none());
}

#[test]
fn every_fault_of_an_order_is_named_in_one_answer() {
    let request = pb::ReserveRequest {
        order_id: " O-1".to_owned(),
        location_id: " ".to_owned(),
        lines: vec![
            pb::ReserveLine {
                sku: String::new(),
                quantity: 0,
                price: Some(money("EURO", 1, 0)),
            },
            line(1_000_001, money("EUR", 1, -1)),
            line(1, money("EUR", -1, 0)),
            line(1, money("EUR", 1, 0)),
            line(1, money("USD", 1, 0)),
            line(1, money("EUR", 0, 1)),
        ],
        customer: Some(pb::Customer {
            email: "e".repeat(255),
            name: "a\0b".to_owned(),
            locale: "l".repeat(36),
        }),
        latest_acceptable_ship_date: Some(date(2026, 2, 30)),
        payment_deadline: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
        in_stock_only: true,
    };
    let expected = [
        "order_id",
        "location_id",
        "lines[0].sku",
        "lines[0].quantity",
        "lines[0].price.currency_code",
        "lines[1].quantity",
        "lines[1].price",
        "lines[2].price",
        "lines[4].price.currency_code",
        "lines[5].price.nanos",
        "customer.email",
        "customer.name",
        "customer.locale",
        "latest_acceptable_ship_date",
        "payment_deadline",
    ];
    assert_eq!(faults(checkout::reserve(request)), expected);
}

#[test]
fn an_order_has_1_to_500_lines_and_a_total_that_can_be_named() {
    assert_eq!(faults(checkout::reserve(order(Vec::new()))), ["lines"]);
    assert!(checkout::reserve(order(vec![line(1, None); 500])).is_ok());
    assert!(description(checkout::reserve(order(vec![line(1, None); 501]))).contains("501 entries, at most 500"));
    let rich = order(vec![line(1, money("EUR", i64::MAX, 0)), line(1, money("EUR", 1, 0))]);
    assert_eq!(faults(checkout::reserve(rich)), ["lines[1].price"]);
}

#[test]
fn what_is_sent_without_a_bound_is_not_repeated() {
    let mut request = order(vec![line(1, money(&"X".repeat(100_000), 1, 0)); 500]);
    request.order_id = "x".repeat(100_000);
    let violations = checkout::reserve(request).expect_err("faults");
    assert_eq!(violations.count(), 501);
    let bytes: usize = violations
        .kept()
        .iter()
        .map(|fault| fault.field.len() + fault.description.len())
        .sum();
    assert!(bytes < 10_000, "{bytes} bytes");
}

fn cancel(request_id: &str, lines: &[(i32, i64)]) -> pb::CancelOrderRequest {
    let lines = lines.iter().map(|(line_number, quantity)| pb::CancelLine {
        line_number: *line_number,
        quantity: *quantity,
    });
    pb::CancelOrderRequest {
        order_id: "O-1".to_owned(),
        lines: lines.collect(),
        request_id: request_id.to_owned(),
        reason: "changed\nmind".to_owned(),
    }
}

#[test]
fn a_cancellation_of_lines_needs_a_request_id_and_names_each_line_once() {
    assert!(checkout::cancel(cancel("", &[])).is_ok());
    assert!(checkout::cancel(cancel("R-1", &[(1, 1), (2, 1)])).is_ok());
    let bad = cancel("", &[(1, 1), (1, 1), (0, 0)]);
    let expected = [
        "request_id",
        "lines[1].line_number",
        "lines[2].line_number",
        "lines[2].quantity",
    ];
    assert_eq!(faults(checkout::cancel(bad)), expected);
    let mut bad = cancel("R-1", &[]);
    bad.reason = "bell \u{7}".to_owned();
    assert_eq!(faults(checkout::cancel(bad)), ["reason"]);
}

fn location() -> pb::Location {
    pb::Location {
        location_id: "BRU".to_owned(),
        time_zone: "Europe/Brussels".to_owned(),
        ..pb::Location::default()
    }
}

fn put(location: pb::Location) -> Result<crate::domain::catalog::Location, Violations> {
    catalog::put_location(pb::PutLocationRequest {
        location: Some(location),
    })
}

#[test]
fn a_location_has_defaults() {
    let location = put(location()).expect("no fault");
    assert!(location.active);
    assert_eq!(location.calendar.handling_days, 1);
    assert_eq!(location.calendar.working_days, WorkingDays::MONDAY_TO_FRIDAY);
    assert_eq!(location.calendar.cutoff, None);
}

#[test]
fn every_fault_of_a_location_is_named_in_one_answer() {
    assert_eq!(
        faults(catalog::put_location(pb::PutLocationRequest::default())),
        ["location"]
    );
    let bad = pb::Location {
        location_id: "a\nb".to_owned(),
        display_name: "n".repeat(201),
        time_zone: "Europe/Atlantis".to_owned(),
        cutoff: Some(google::TimeOfDay {
            hours: 24,
            ..google::TimeOfDay::default()
        }),
        working_days: vec![1, 0, 9],
        holidays: vec![date(2026, 12, 25), date(2026, 0, 0), date(1969, 1, 1), date(3000, 1, 1)],
        handling_days: Some(366),
        ..pb::Location::default()
    };
    let expected = [
        "location.location_id",
        "location.display_name",
        "location.time_zone",
        "location.cutoff",
        "location.working_days[1]",
        "location.working_days[2]",
        "location.holidays[1]",
        "location.holidays[2]",
        "location.holidays[3]",
        "location.handling_days",
    ];
    assert_eq!(faults(put(bad)), expected);
}

#[test]
fn a_cutoff_at_the_end_of_the_day_names_the_way_out() {
    let at = |hours, minutes, seconds, nanos| pb::Location {
        cutoff: Some(google::TimeOfDay {
            hours,
            minutes,
            seconds,
            nanos,
        }),
        ..location()
    };
    assert!(put(at(23, 59, 59, 0)).is_ok());
    assert!(description(put(at(24, 0, 0, 0))).contains("leave the cut-off out"));
    for bad in [at(-1, 0, 0, 0), at(0, 60, 0, 0), at(0, 0, 60, 0), at(0, 0, 0, 1)] {
        assert_eq!(faults(put(bad)), ["location.cutoff"]);
    }
}

#[test]
fn every_fault_of_an_item_is_named_in_one_answer() {
    let bad = pb::Item {
        sku: String::new(),
        lead_time_days: Some(3_651),
        max_backlog: Some(-1),
        safety_stock: 1_000_000_000_001,
        ..pb::Item::default()
    };
    let expected = [
        "item.sku",
        "item.lead_time_days",
        "item.max_backlog",
        "item.safety_stock",
    ];
    assert_eq!(
        faults(catalog::put_item(pb::PutItemRequest { item: Some(bad) })),
        expected
    );
    let item = pb::Item {
        sku: "SCREW".to_owned(),
        lead_time_days: Some(0),
        ..pb::Item::default()
    };
    let item = catalog::put_item(pb::PutItemRequest { item: Some(item) }).expect("no fault");
    assert!(item.backorderable);
    assert_eq!((item.lead_time_days, item.max_backlog), (Some(0), None));
}

#[test]
fn every_fault_of_an_inbound_is_named_in_one_answer() {
    let line = |sku: &str, quantity| pb::InboundLine {
        sku: sku.to_owned(),
        quantity,
        received_quantity: -5,
    };
    let inbound = pb::Inbound {
        location_id: "BRU".to_owned(),
        inbound_id: String::new(),
        expected_date: None,
        lines: vec![line("A", 1), line("A", 0), line("B", 1)],
        state: 99,
    };
    let request = pb::PutInboundRequest { inbound: Some(inbound) };
    let expected = [
        "inbound.inbound_id",
        "inbound.expected_date",
        "inbound.lines[1].quantity",
        "inbound.lines[1].sku",
    ];
    assert_eq!(faults(supply::put_inbound(request)), expected);
    let neither = pb::CloseInboundRequest::default();
    assert_eq!(faults(supply::close_inbound(&neither)), ["location_id", "inbound_id"]);
}

#[test]
fn every_fault_of_a_receipt_is_named_in_one_answer() {
    let request = pb::ReceiveStockRequest {
        location_id: "BRU".to_owned(),
        receipt_id: "\t".to_owned(),
        inbound_id: " x".to_owned(),
        reason: 77,
        lines: vec![pb::ReceiptLine {
            sku: "A".to_owned(),
            quantity: -1,
        }],
    };
    assert_eq!(
        faults(warehouse::receive(request)),
        ["receipt_id", "inbound_id", "reason", "lines[0].quantity"]
    );
}

#[test]
fn an_adjustment_is_a_change_or_a_count() {
    use pb::adjust_stock_request::Change as Sent;
    let adjust = |change| {
        warehouse::adjust(pb::AdjustStockRequest {
            location_id: "BRU".to_owned(),
            adjustment_id: "A-1".to_owned(),
            sku: "SCREW".to_owned(),
            change,
            ..pb::AdjustStockRequest::default()
        })
    };
    assert_eq!(faults(adjust(None)), ["change"]);
    assert_eq!(faults(adjust(Some(Sent::Delta(0)))), ["delta"]);
    assert_eq!(faults(adjust(Some(Sent::Delta(i64::MIN)))), ["delta"]);
    assert_eq!(faults(adjust(Some(Sent::CountedQuantity(-1)))), ["counted_quantity"]);
    let least = adjust(Some(Sent::Delta(-1_000_000_000_000))).expect("no fault");
    assert_eq!(least.content.change, Change::Delta(-1_000_000_000_000));
    assert!(adjust(Some(Sent::CountedQuantity(0))).is_ok());
}

#[test]
fn a_shipment_has_parcels_and_lies_not_far_ahead() {
    let now: Instant = "2026-03-06T12:00:00Z".parse().expect("an instant");
    let parcel = |carrier: &str, number: &str| pb::Parcel {
        carrier: carrier.to_owned(),
        tracking_number: number.to_owned(),
    };
    let confirm = |parcels: Vec<pb::Parcel>, ahead: i64, nanos| {
        let ship_time = Some(prost_types::Timestamp {
            seconds: now.timestamp() + ahead,
            nanos,
        });
        let request = pb::ConfirmShipmentRequest {
            order_id: "O-1".to_owned(),
            parcels,
            ship_time,
        };
        warehouse::confirm_shipment(request, now)
    };
    let good = confirm(vec![parcel("bpost", "")], 86_400, 0).expect("no fault");
    assert_eq!(good.shipment.reported_ship_at, Some(now + chrono::TimeDelta::hours(24)));
    let cut = confirm(vec![parcel("bpost", "1")], -1, 999_999_999).expect("no fault");
    assert_eq!(
        cut.shipment.reported_ship_at.map(|at| at.timestamp_subsec_nanos()),
        Some(999_999_000)
    );
    assert_eq!(faults(confirm(vec![parcel("bpost", "1")], 86_401, 0)), ["ship_time"]);
    assert_eq!(
        faults(confirm(vec![parcel("bpost", "1")], i64::MAX - now.timestamp(), 0)),
        ["ship_time"]
    );
    assert_eq!(faults(confirm(vec![parcel("bpost", "1")], 0, -1)), ["ship_time"]);
    assert!(confirm(vec![parcel("bpost", "1")], -now.timestamp(), 0).is_ok());
    assert_eq!(
        faults(confirm(vec![parcel("bpost", "1")], -now.timestamp() - 1, 0)),
        ["ship_time"]
    );
    assert_eq!(faults(confirm(Vec::new(), 0, 0)), ["parcels"]);
    assert_eq!(faults(confirm(vec![parcel("bpost", "1"); 101], 0, 0)), ["parcels"]);
    let bad = confirm(vec![parcel("", "1"), parcel("bpost", " ")], 0, 0);
    assert_eq!(faults(bad), ["parcels[0].carrier", "parcels[1].tracking_number"]);
}

#[test]
fn an_order_may_leave_the_location_to_the_service() {
    let line = pb::QuoteRequestLine {
        sku: "A".to_owned(),
        quantity: 1,
    };
    let request = |location_id: &str| pb::QuoteRequest {
        location_id: location_id.to_owned(),
        lines: vec![line.clone()],
    };
    assert_eq!(checkout::quote(request("")).expect("a cart").location_id, None);
    assert!(checkout::quote(request("W1")).expect("a cart").location_id.is_some());
    assert_eq!(faults(checkout::quote(request(" W1"))), ["location_id"]);
}
