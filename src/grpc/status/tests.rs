//! Each refusal and failure has its code, its reason, its variables and its details.

use super::*;
use crate::domain::ids::{InboundId, LineNumber, LocationId, OrderId, Sku};
use crate::domain::order::OrderState;
use crate::domain::quantity::Units;
use crate::domain::rejection::{LineReason, LineRejection, Rejection};

fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("a SKU")
}

fn units(n: i64) -> Units {
    Units::new(n).expect("units")
}

fn of(rejection: Rejection) -> Status {
    rejected(rejection, SkuField::Lines)
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("every status has a reason");
    assert_eq!(info.domain, "holdfast");
    info.reason
}

fn variable(status: &Status, name: &str) -> String {
    let info = status.get_details_error_info().expect("every status has a reason");
    info.metadata
        .get(name)
        .unwrap_or_else(|| panic!("no variable {name}"))
        .clone()
}

fn line(index: usize, reason: LineReason) -> LineRejection {
    let number = i64::try_from(index).expect("small") + 1;
    LineRejection {
        index,
        line_number: LineNumber(number),
        sku: sku(&format!("S-{number}")),
        reason,
    }
}

#[test]
fn what_is_unknown_is_not_found() {
    let location = of(Rejection::UnknownLocation(LocationId::parse("BRU").expect("an id")));
    assert_eq!(
        (location.code(), reason(&location).as_str()),
        (Code::NotFound, "UNKNOWN_LOCATION")
    );
    assert_eq!(variable(&location, "location_id"), "BRU");
    let order = of(Rejection::UnknownOrder(OrderId::parse("O-1").expect("an id")));
    assert_eq!(
        (order.code(), reason(&order).as_str()),
        (Code::NotFound, "UNKNOWN_ORDER")
    );
    let inbound = of(Rejection::UnknownInbound(InboundId::parse("I-1").expect("an id")));
    assert_eq!(
        (inbound.code(), reason(&inbound).as_str()),
        (Code::NotFound, "UNKNOWN_INBOUND")
    );
}

#[test]
fn unknown_skus_are_named_with_the_paths_of_their_lines() {
    let status = of(Rejection::UnknownSkus(vec![
        (1, sku("B")),
        (3, sku("A")),
        (4, sku("B")),
    ]));
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "UNKNOWN_SKU")
    );
    assert_eq!(variable(&status, "sku"), "B");
    assert_eq!(variable(&status, "skus"), "A,B");
    let request = status.get_details_bad_request().expect("fields");
    let fields: Vec<_> = request.field_violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["lines[1].sku", "lines[3].sku", "lines[4].sku"]);
    let path = |field| {
        let status = rejected(Rejection::UnknownSkus(vec![(2, sku("A"))]), field);
        status.get_details_bad_request().expect("fields").field_violations[0]
            .field
            .clone()
    };
    assert_eq!(path(SkuField::InboundLines), "inbound.lines[2].sku");
    assert_eq!(path(SkuField::Single), "sku");
}

#[test]
fn a_reused_id_names_the_field_that_differs() {
    let status = of(Rejection::IdReused {
        kind: "order_id",
        id: "O-1".to_owned(),
        field: "lines[0].quantity".to_owned(),
    });
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::AlreadyExists, "ID_REUSED")
    );
    assert_eq!(variable(&status, "kind"), "order_id");
    assert_eq!(variable(&status, "id"), "O-1");
    assert_eq!(variable(&status, "field"), "lines[0].quantity");
}

#[test]
fn each_line_at_fault_has_its_own_violation() {
    let (requested, available) = (units(5), units(2));
    let status = of(Rejection::Lines(vec![
        line(0, LineReason::NotBackorderable { requested, available }),
        line(
            2,
            LineReason::BacklogLimitExceeded {
                backlog: units(11),
                limit: units(10),
            },
        ),
        line(
            3,
            LineReason::NoSupplyDate {
                lacking: units(3),
                units_ahead: units(9),
            },
        ),
        line(4, LineReason::InsufficientStock { requested, available }),
        line(
            6,
            LineReason::QuantityExceedsLine {
                requested,
                remaining: units(1),
            },
        ),
    ]));
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "NOT_BACKORDERABLE")
    );
    assert_eq!(
        (variable(&status, "requested"), variable(&status, "available")),
        ("5".to_owned(), "2".to_owned())
    );
    assert_eq!(variable(&status, "line_numbers"), "1,3-5,7");
    assert_eq!(variable(&status, "violations"), "5");
    let failure = status.get_details_precondition_failure().expect("violations");
    let shown: Vec<_> = failure
        .violations
        .iter()
        .map(|one| (one.r#type.as_str(), one.subject.as_str()))
        .collect();
    let expected = [
        ("NOT_BACKORDERABLE", "lines[0]"),
        ("BACKLOG_LIMIT_EXCEEDED", "lines[2]"),
        ("NO_SUPPLY_DATE", "lines[3]"),
        ("INSUFFICIENT_STOCK", "lines[4]"),
        ("QUANTITY_EXCEEDS_LINE", "lines[6]"),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn business_refusals_are_failed_preconditions_with_a_violation() {
    let order = || OrderId::parse("O-1").expect("an id");
    let day = |text: &str| text.parse().expect("a date");
    let (promised, latest_acceptable) = (day("2026-03-10"), day("2026-03-09"));
    let on_hand = units(1);
    let cases = [
        (
            Rejection::LocationInactive(LocationId::parse("BRU").expect("an id")),
            "LOCATION_INACTIVE",
        ),
        (
            Rejection::PromiseLaterThanAccepted {
                promised,
                latest_acceptable,
            },
            "PROMISE_LATER_THAN_ACCEPTED",
        ),
        (
            Rejection::OrderNotReleased(order(), OrderState::Waiting),
            "ORDER_NOT_RELEASED",
        ),
        (Rejection::OrderShipped(order()), "ORDER_SHIPPED"),
        (Rejection::OrderCancelled(order()), "ORDER_CANCELLED"),
        (
            Rejection::OrderNotCancelled(order(), OrderState::Released),
            "ORDER_NOT_CANCELLED",
        ),
        (
            Rejection::OnHandBelowZero {
                sku: sku("A"),
                on_hand,
                taken: 3,
            },
            "ON_HAND_BELOW_ZERO",
        ),
    ];
    for (rejection, expected) in cases {
        let status = of(rejection);
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, expected)
        );
        let failure = status.get_details_precondition_failure().expect("a violation");
        assert_eq!(failure.violations[0].r#type, expected);
        assert!(!failure.violations[0].subject.is_empty());
    }
    let status = of(Rejection::PromiseLaterThanAccepted {
        promised,
        latest_acceptable,
    });
    assert_eq!(variable(&status, "promised_ship_date"), "2026-03-10");
    let status = of(Rejection::OrderNotReleased(order(), OrderState::Waiting));
    assert_eq!(variable(&status, "state"), "ORDER_STATE_WAITING");
}

#[test]
fn bad_input_names_every_field() {
    let mut violations = Violations::one("lines[0].quantity", "is 0");
    violations.add("order_id", "must not be empty");
    let status = Status::from(violations);
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    assert_eq!(status.message(), "lines[0].quantity is 0 (and 1 more)");
    assert_eq!(
        (variable(&status, "field"), variable(&status, "violations")),
        ("lines[0].quantity".to_owned(), "2".to_owned())
    );
    let request = status.get_details_bad_request().expect("fields");
    assert_eq!(request.field_violations.len(), 2);
    let stored = of(Rejection::invalid_field("delta", "is too much"));
    assert_eq!(reason(&stored), "INVALID_FIELD");
    assert_eq!(
        stored.get_details_bad_request().expect("fields").field_violations[0].field,
        "delta"
    );
    let undecodable = undecodable(&"x".repeat(10_000));
    assert_eq!(
        (undecodable.code(), reason(&undecodable).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    assert!(undecodable.message().len() < 300);
}

#[test]
fn outages_say_when_to_try_again() {
    let overloaded = failed(Failure::Overloaded {
        queued: 9,
        limit: 8,
        retry_after_ms: 40,
    });
    let cases = [
        (overloaded, "OVERLOADED", Duration::from_millis(40)),
        (failed(Failure::ShuttingDown), "SHUTTING_DOWN", OUTAGE_RETRY),
        (
            unreadable(&StoreError::Unavailable("secret".to_owned())),
            "STORE_UNAVAILABLE",
            OUTAGE_RETRY,
        ),
        (too_many("streams", 7), "OVERLOADED", BUSY_RETRY),
    ];
    for (status, expected, delay) in cases {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, expected));
        assert_eq!(status.get_details_retry_info().expect("when").retry_delay, Some(delay));
        assert!(!format!("{status:?}").contains("secret"));
    }
    let late = failed(Failure::DeadlinePassed);
    assert_eq!(
        (late.code(), reason(&late).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_PASSED_IN_QUEUE")
    );
}

#[test]
fn a_bug_is_an_incident_whose_detail_stays_in_the_log() {
    let refused = StoreError::Refused {
        statement: "orders_insert",
        detail: "secret /var/lib".to_owned(),
    };
    for status in [unreadable(&refused), failed(Failure::Internal("secret".to_owned()))] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
        assert!(status.message().contains(&variable(&status, "incident_id")));
        assert!(!format!("{status:?}").contains("secret"));
    }
    assert_ne!(
        variable(&unreadable(&refused), "incident_id"),
        variable(&unreadable(&refused), "incident_id")
    );
}

#[test]
fn resume_tokens_that_cannot_go_on_say_why() {
    let invalid = resume_token_invalid("is damaged");
    assert_eq!(
        (invalid.code(), reason(&invalid).as_str()),
        (Code::InvalidArgument, "RESUME_TOKEN_INVALID")
    );
    let expired = resume_token_expired("e123");
    assert_eq!(
        (expired.code(), reason(&expired).as_str()),
        (Code::OutOfRange, "RESUME_TOKEN_EXPIRED")
    );
    assert_eq!(variable(&expired, "oldest_resume_token"), "e123");
}

#[test]
fn the_longest_statuses_fit_the_headers_of_common_clients() {
    let long = |n: usize| sku(&format!("{n:03}{}", "µ".repeat(62)));
    let lines: Vec<_> = (0..500)
        .map(|index| LineRejection {
            sku: long(index),
            ..line(
                index,
                LineReason::BacklogLimitExceeded {
                    backlog: units(1_000_000_000_000),
                    limit: Units::ZERO,
                },
            )
        })
        .collect();
    let odd = lines.iter().filter(|line| line.index % 3 != 0).cloned().collect();
    let mut violations = Violations::default();
    for index in 0..10_000 {
        violations.add(
            format_args!("location.holidays[{index}]"),
            "is not a day of the calendar: send a whole date",
        );
    }
    let statuses = [
        of(Rejection::Lines(lines)),
        of(Rejection::Lines(odd)),
        of(Rejection::UnknownSkus(
            (0..500).map(|index| (index, long(index))).collect(),
        )),
        Status::from(violations),
    ];
    for status in statuses {
        let headers = status.clone().into_http::<tonic::body::Body>();
        let bytes: usize = headers
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        assert!(bytes < 8_192, "{bytes} bytes of headers: {}", status.message());
        assert!(matches!(
            variable(&status, "violations").as_str(),
            "500" | "333" | "10000"
        ));
    }
}

#[test]
fn an_answer_that_cannot_be_put_together_is_asked_for_again() {
    let status = unanswered(internal(&"a row that cannot be read"));
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "STORE_UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
    let busy = unanswered(too_many("reads", 9));
    let info = busy.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "OVERLOADED");
}
