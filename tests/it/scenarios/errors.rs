//! Refusals and failures as callers meet them: code, reason and details, and every fault of a message in one answer.

use std::sync::Arc;
use std::time::Duration;

use holdfast::proto::google::r#type::{Date, Money};
use holdfast::proto::holdfast::v1::adjust_stock_request::Change;
use holdfast::proto::holdfast::v1::{self as pb};
use holdfast::sequencer::Limits;
use holdfast::store::faulty::Fault;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::{assert_error, fields, metadata, reason, violations};
use crate::support::shop::{Shop, W1, date, item, location, order};

on_every_database! {
    every_fault_of_an_order_is_named_in_one_answer
    limits_of_an_order_are_refused_by_name
    unknown_things_are_not_found
    each_line_at_fault_is_named_with_its_own_reason
    a_location_that_is_closed_takes_no_orders
    an_order_in_the_wrong_state_says_which
    a_later_promise_than_accepted_names_the_new_date
    a_token_that_is_not_ours_is_refused
    a_store_that_is_away_is_said_and_the_repeat_is_taken
    a_commit_whose_answer_was_lost_is_looked_up_and_answered
    an_internal_error_tells_an_incident_and_nothing_else
    a_full_queue_is_refused_at_once_and_what_was_accepted_is_done
    one_check_of_the_invariants_goes_on_at_a_time
    streams_end_with_a_reason_when_the_server_goes_down
}

async fn refused(shop: &mut Shop, request: pb::ReserveRequest) -> Status {
    shop.try_reserve(request).await.expect_err("a refusal")
}

async fn every_fault_of_an_order_is_named_in_one_answer(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let price = |code: &str, units, nanos| {
        Some(Money {
            currency_code: code.to_owned(),
            units,
            nanos,
        })
    };
    let line = |sku: &str, quantity, price| pb::ReserveLine {
        sku: sku.to_owned(),
        quantity,
        price,
    };
    let request = pb::ReserveRequest {
        order_id: "O\0".to_owned(),
        location_id: " ".to_owned(),
        lines: vec![
            line("A", 0, price("EUR", 1, -1)),
            line(" A", 1_000_001, price("USD", 1, 0)),
            line(&"x".repeat(129), 1, price("XYZ", 1, 0)),
        ],
        latest_acceptable_ship_date: Some(Date {
            year: 2026,
            month: 2,
            day: 30,
        }),
        payment_deadline: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
        ..pb::ReserveRequest::default()
    };
    let refused = refused(&mut shop, request).await;
    assert_error(&refused, Code::InvalidArgument, "INVALID_FIELD");
    let fields = fields(&refused);
    for field in [
        "order_id",
        "location_id",
        "lines[0].quantity",
        "lines[1].sku",
        "lines[1].quantity",
        "lines[2].sku",
        "latest_acceptable_ship_date",
        "payment_deadline",
    ] {
        assert!(
            fields.iter().any(|named| named == field),
            "{field} is not named in {fields:?}"
        );
    }
    for prefix in ["lines[0].price", "lines[2].price"] {
        assert!(
            fields.iter().any(|named| named.starts_with(prefix)),
            "{prefix} is not named in {fields:?}"
        );
    }
    shop.close().await;
}

async fn limits_of_an_order_are_refused_by_name(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let many = vec![("A", 1); 501];
    let error = refused(&mut shop, order("O1", W1, &many)).await;
    assert_eq!(fields(&error), ["lines"]);
    let error = refused(&mut shop, order("O1", W1, &[])).await;
    assert_eq!(fields(&error), ["lines"]);
    let mut mixed = order("O1", W1, &[("A", 1), ("A", 1)]);
    for (line, code) in mixed.lines.iter_mut().zip(["EUR", "USD"]) {
        line.price = Some(Money {
            currency_code: code.to_owned(),
            units: 1,
            nanos: 0,
        });
    }
    let error = refused(&mut shop, mixed).await;
    assert_eq!(fields(&error), ["lines[1].price.currency_code"]);
    shop.reserve("O1", &vec![("A", 1); 500]).await;
    shop.close().await;
}

async fn unknown_things_are_not_found(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let error = refused(&mut shop, order("O1", "W9", &[("A", 1)])).await;
    assert_error(&error, Code::NotFound, "UNKNOWN_LOCATION");
    let error = refused(&mut shop, order("O1", W1, &[("A", 1), ("Z", 1)])).await;
    assert_error(&error, Code::NotFound, "UNKNOWN_SKU");
    assert_eq!(metadata(&error, "sku").as_deref(), Some("Z"));
    let error = shop.cancel("O9").await.expect_err("no such order");
    assert_error(&error, Code::NotFound, "UNKNOWN_ORDER");
    let request = pb::CloseInboundRequest {
        location_id: W1.to_owned(),
        inbound_id: "PO-9".to_owned(),
    };
    let error = shop.supply.close_inbound(request).await.expect_err("no such inbound");
    assert_error(&error, Code::NotFound, "UNKNOWN_INBOUND");
    shop.close().await;
}

async fn each_line_at_fault_is_named_with_its_own_reason(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_item(pb::Item {
        backorderable: Some(false),
        ..item("B")
    })
    .await;
    shop.put_item(pb::Item {
        max_backlog: Some(2),
        ..item("C")
    })
    .await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("D")
    })
    .await;
    let error = refused(&mut shop, order("O1", W1, &[("A", 1), ("B", 1), ("C", 3), ("D", 1)])).await;
    assert_error(&error, Code::FailedPrecondition, "NOT_BACKORDERABLE");
    assert_eq!(
        violations(&error),
        ["NOT_BACKORDERABLE", "BACKLOG_LIMIT_EXCEEDED", "NO_SUPPLY_DATE"]
    );
    let error = refused(&mut shop, order("O1", W1, &[("C", 3)])).await;
    assert_error(&error, Code::FailedPrecondition, "BACKLOG_LIMIT_EXCEEDED");
    let error = refused(&mut shop, order("O1", W1, &[("D", 1)])).await;
    assert_error(&error, Code::FailedPrecondition, "NO_SUPPLY_DATE");
    assert_eq!(shop.counters("A").await, [0, 0, 0, 0]);
    shop.reserve("O1", &[("A", 1)]).await;
    shop.close().await;
}

async fn a_location_that_is_closed_takes_no_orders(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_location(pb::Location {
        active: Some(false),
        ..location(W1)
    })
    .await;
    let error = refused(&mut shop, order("O1", W1, &[("A", 1)])).await;
    assert_error(&error, Code::FailedPrecondition, "LOCATION_INACTIVE");
    shop.close().await;
}

async fn an_order_in_the_wrong_state_says_which(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    shop.reserve("O1", &[("A", 1)]).await;
    shop.reserve("O2", &[("A", 1)]).await;
    let error = shop.ship("O2").await.expect_err("it waits");
    assert_error(&error, Code::FailedPrecondition, "ORDER_NOT_RELEASED");
    let report = pb::ReportShippedAfterCancelRequest {
        order_id: "O2".to_owned(),
        parcels: vec![pb::Parcel {
            carrier: "Post".to_owned(),
            tracking_number: String::new(),
        }],
    };
    let error = shop
        .warehouse
        .report_shipped_after_cancel(report)
        .await
        .expect_err("it is not cancelled");
    assert_error(&error, Code::FailedPrecondition, "ORDER_NOT_CANCELLED");
    let part = |order_id: &str, quantity| pb::CancelOrderRequest {
        order_id: order_id.to_owned(),
        lines: vec![pb::CancelLine {
            line_number: 1,
            quantity,
        }],
        request_id: "C1".to_owned(),
        ..pb::CancelOrderRequest::default()
    };
    let error = shop.checkout.cancel_order(part("O2", 2)).await.expect_err("too many");
    assert_error(&error, Code::FailedPrecondition, "QUANTITY_EXCEEDS_LINE");
    shop.cancel("O1").await.expect("a cancellation");
    let error = shop.ship("O1").await.expect_err("it is cancelled");
    assert_error(&error, Code::FailedPrecondition, "ORDER_CANCELLED");
    let error = shop
        .checkout
        .cancel_order(part("O1", 1))
        .await
        .expect_err("it is cancelled");
    assert_error(&error, Code::FailedPrecondition, "ORDER_CANCELLED");
    shop.ship("O2").await.expect("a shipment");
    let error = shop.cancel("O2").await.expect_err("it shipped");
    assert_error(&error, Code::FailedPrecondition, "ORDER_SHIPPED");
    let error = shop.adjust("A", Change::Delta(-1)).await.expect_err("nothing is there");
    assert_error(&error, Code::FailedPrecondition, "ON_HAND_BELOW_ZERO");
    shop.close().await;
}

async fn a_later_promise_than_accepted_names_the_new_date(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let request = pb::ReserveRequest {
        latest_acceptable_ship_date: date("2026-03-03"),
        ..order("O1", W1, &[("A", 1)])
    };
    let error = refused(&mut shop, request).await;
    assert_error(&error, Code::FailedPrecondition, "PROMISE_LATER_THAN_ACCEPTED");
    assert_eq!(metadata(&error, "promised_ship_date").as_deref(), Some("2026-04-02"));
    shop.close().await;
}

async fn a_token_that_is_not_ours_is_refused(kind: Kind) {
    let mut shop = Shop::with_items(kind, &[]).await;
    for token in ["nonsense", "1.2.3"] {
        let request = pb::WatchEventsRequest {
            location_ids: vec![W1.to_owned()],
            resume_token: token.to_owned(),
            ..pb::WatchEventsRequest::default()
        };
        let error = match shop.events.watch_events(request).await {
            Err(error) => error,
            Ok(stream) => stream.into_inner().message().await.expect_err("a refusal"),
        };
        assert_error(&error, Code::InvalidArgument, "RESUME_TOKEN_INVALID");
    }
    shop.close().await;
}

/// A shop whose store fails or stalls by the number of the round; the first two set it up.
pub(super) async fn faulty_shop(
    kind: Kind,
    limits: Limits,
    faults: impl FnMut(u64) -> Option<Fault> + Send + 'static,
) -> Shop {
    let database = kind.database();
    let store = database.open_faulty(Box::new(faults)).await;
    let mut shop = Shop::on_with(store, Arc::new(database), limits).await;
    shop.put_location(location(W1)).await;
    shop.put_item(item("A")).await;
    shop
}

async fn a_store_that_is_away_is_said_and_the_repeat_is_taken(kind: Kind) {
    let fault = |round| (3..=4).contains(&round).then_some(Fault::BeforeRound);
    let mut shop = faulty_shop(kind, Limits::default(), fault).await;
    let error = refused(&mut shop, order("O1", W1, &[("A", 1)])).await;
    assert_error(&error, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(error.get_details_retry_info().is_some());
    assert!(
        !shop
            .try_reserve(order("O1", W1, &[("A", 1)]))
            .await
            .expect("an order")
            .replayed
    );
    shop.close().await;
}

async fn a_commit_whose_answer_was_lost_is_looked_up_and_answered(kind: Kind) {
    let mut shop = faulty_shop(kind, Limits::default(), |round| {
        (round == 3).then_some(Fault::AfterCommit)
    })
    .await;
    let answer = shop.try_reserve(order("O1", W1, &[("A", 1)])).await.expect("an order");
    assert!(!answer.replayed, "the caller asked once");
    assert_eq!(shop.counters("A").await, [0, 0, 1, 0]);
    shop.close().await;
}

async fn an_internal_error_tells_an_incident_and_nothing_else(kind: Kind) {
    let fault = |round| (3..=4).contains(&round).then_some(Fault::Refused);
    let mut shop = faulty_shop(kind, Limits::default(), fault).await;
    let error = refused(&mut shop, order("O1", W1, &[("A", 1)])).await;
    assert_error(&error, Code::Internal, "INTERNAL");
    assert!(metadata(&error, "incident_id").is_some_and(|id| !id.is_empty()));
    assert!(!format!("{error:?}").contains("injected"), "{error:?}");
    shop.close().await;
}

async fn a_full_queue_is_refused_at_once_and_what_was_accepted_is_done(kind: Kind) {
    let slow = |round| (round == 3).then_some(Fault::Slow(Duration::from_millis(500)));
    let mut shop = faulty_shop(
        kind,
        Limits {
            queue_commands_max: 2,
            round_commands_max: 1,
        },
        slow,
    )
    .await;
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let mut checkout = shop.checkout.clone();
            tokio::spawn(async move { checkout.reserve(order(&format!("O{n}"), W1, &[("A", 1)])).await })
        })
        .collect();
    let (mut accepted, mut overloaded) = (0, 0);
    for call in calls {
        match call.await.expect("a call") {
            Ok(_) => accepted += 1,
            Err(error) => {
                assert_error(&error, Code::Unavailable, "OVERLOADED");
                assert!(error.get_details_retry_info().is_some());
                overloaded += 1;
            }
        }
    }
    assert!(
        overloaded > 0 && accepted > 0,
        "{accepted} accepted, {overloaded} refused"
    );
    assert_eq!(shop.counters("A").await, [0, 0, accepted, 0]);
    shop.close().await;
}

async fn one_check_of_the_invariants_goes_on_at_a_time(kind: Kind) {
    let shop = Shop::with_items(kind, &["A"]).await;
    let checks: Vec<_> = (0..20)
        .map(|_| {
            let mut operations = shop.operations.clone();
            tokio::spawn(async move { operations.check_invariants(pb::CheckInvariantsRequest::default()).await })
        })
        .collect();
    let (mut done, mut overloaded) = (0, 0);
    for check in checks {
        match check.await.expect("a call") {
            Ok(reports) => {
                let reports: Vec<_> = reports.into_inner().collect().await;
                assert!(reports.iter().all(Result::is_ok), "{reports:?}");
                done += 1;
            }
            Err(error) => {
                assert_error(&error, Code::Unavailable, "OVERLOADED");
                overloaded += 1;
            }
        }
    }
    assert!(done > 0 && overloaded > 0, "{done} done, {overloaded} refused");
    shop.close().await;
}

async fn streams_end_with_a_reason_when_the_server_goes_down(kind: Kind) {
    let mut shop = Shop::with_items(kind, &[]).await;
    let request = pb::WatchEventsRequest {
        location_ids: vec![W1.to_owned()],
        ..pb::WatchEventsRequest::default()
    };
    let mut stream = shop.events.watch_events(request).await.expect("a stream").into_inner();
    drop(stream.message().await.expect("a first message"));
    shop.stop();
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (end.code(), reason(&end).as_str()),
        (Code::Unavailable, "SHUTTING_DOWN")
    );
}
