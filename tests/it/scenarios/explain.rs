//! Why an order is late, what holds stock, and whether explanations add up.

use holdfast::proto::holdfast::v1::{self as pb, SkipReason};
use tonic::Code;

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::assert_error;
use crate::support::recompute::adds_up;
use crate::support::shop::{Shop, W1, date, item, location, order};

on_every_database! {
    a_late_order_is_explained_by_who_is_ahead_and_the_inbound_that_covers_it
    held_stock_is_listed_by_what_would_free_most
    a_preview_says_what_a_change_of_an_inbound_would_do_and_does_not_do_it
    under_random_changes_promises_stay_and_every_explanation_adds_up
}

async fn explain(shop: &mut Shop, order_id: &str) -> pb::OrderExplanation {
    let order_id = order_id.to_owned();
    let answer = shop
        .operations
        .explain_order(pb::ExplainOrderRequest { order_id })
        .await;
    let explanation = answer.expect("an explanation").into_inner().explanation;
    let explanation = explanation.expect("an explanation");
    adds_up(&explanation);
    explanation
}

async fn a_late_order_is_explained_by_who_is_ahead_and_the_inbound_that_covers_it(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 3)]).await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("A")
    })
    .await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10)]).await;
    shop.reserve("O1", &[("A", 5)]).await;
    shop.reserve("O2", &[("A", 4)]).await;
    shop.put_inbound("PO-1", "2026-03-19", &[("A", 10)]).await;
    shop.put_location(pb::Location {
        holidays: vec![date("2026-03-20").expect("a date")],
        inbound_buffer_percent: 20,
        ..location(W1)
    })
    .await;
    let explained = explain(&mut shop, "O2").await;
    assert_eq!(explained.promised_ship_date, date("2026-03-11"));
    assert_eq!(explained.estimated_ship_date, date("2026-03-23"));
    assert!(explained.at_risk);
    assert_eq!((explained.promise_calendar_version, explained.calendar_version), (1, 2));
    let line = &explained.lines[0];
    let basis = line.basis.as_ref().expect("a basis");
    assert_eq!((basis.inbound_id.as_str(), basis.units_ahead), ("PO-1", 2));
    assert_eq!(basis.inbound_expected_date, date("2026-03-10"));
    assert_eq!(
        (line.queue_position, line.units_ahead, line.backordered_quantity),
        (2, 2, 4)
    );
    let ahead: Vec<_> = line
        .lines_ahead
        .iter()
        .map(|a| (a.order_id.as_str(), a.backordered_quantity))
        .collect();
    assert_eq!(ahead, [("O1", 2)]);
    assert_eq!((line.inbound_id.as_str(), line.left_after), ("PO-1", 2));
    let arrival = &line.arrivals[0];
    assert_eq!((arrival.open_quantity, arrival.counted_quantity), (10, 8));
    let skipped: Vec<_> = line
        .skipped_days
        .iter()
        .map(|skip| (skip.date, skip.reason()))
        .collect();
    let expected = [
        (date("2026-03-20"), SkipReason::Holiday),
        (date("2026-03-21"), SkipReason::Weekend),
        (date("2026-03-22"), SkipReason::Weekend),
    ];
    assert_eq!(skipped, expected);
    for word in [
        "PO-1",
        "2026-03-19",
        "2026-03-23",
        "later than promised",
        "number 2 in the queue",
    ] {
        assert!(explained.text.contains(word), "{word} is not in {:?}", explained.text);
    }
    let order_id = "O9".to_owned();
    let error = shop
        .operations
        .explain_order(pb::ExplainOrderRequest { order_id })
        .await;
    assert_error(&error.expect_err("no such order"), Code::NotFound, "UNKNOWN_ORDER");
    shop.close().await;
}

async fn held_stock_is_listed_by_what_would_free_most(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 20), ("B", 20), ("C", 0), ("D", 0)]).await;
    shop.reserve("O1", &[("A", 2), ("C", 1)]).await;
    shop.set_clock("2026-03-05T09:00:00Z");
    shop.reserve("O2", &[("A", 3), ("B", 4), ("D", 2)]).await;
    shop.reserve("O3", &[("B", 1), ("D", 1)]).await;
    shop.reserve("O4", &[("C", 5)]).await;
    shop.reserve("O5", &[("A", 1)]).await;
    shop.set_clock("2026-03-07T09:00:00Z");
    let list = |page_token: String| pb::ListHeldStockRequest {
        location_id: W1.to_owned(),
        page_size: 1,
        page_token,
    };
    let first = shop
        .operations
        .list_held_stock(list(String::new()))
        .await
        .expect("a list")
        .into_inner();
    let held = &first.held[0];
    assert_eq!(
        (held.missing_sku.as_str(), held.missing_quantity, held.held_quantity),
        ("D", 3, 8)
    );
    assert_eq!((held.orders, held.oldest_age_days), (2, 2));
    let lines: Vec<_> = held
        .lines
        .iter()
        .map(|line| (line.order_id.as_str(), line.sku.as_str()))
        .collect();
    assert_eq!(lines, [("O2", "A"), ("O2", "B"), ("O3", "B")]);
    let second = shop
        .operations
        .list_held_stock(list(first.next_page_token))
        .await
        .expect("a list")
        .into_inner();
    let held = &second.held[0];
    // O4 waits for C too, and holds nothing meanwhile.
    assert_eq!(
        (held.missing_sku.as_str(), held.missing_quantity, held.held_quantity),
        ("C", 1, 2)
    );
    assert_eq!(held.oldest_age_days, 5);
    assert_eq!(second.next_page_token, "");
    shop.close().await;
}

async fn preview(
    shop: &mut Shop,
    change: pb::preview_inbound_request::Change,
) -> Result<pb::PreviewInboundResponse, tonic::Status> {
    let request = pb::PreviewInboundRequest { change: Some(change) };
    let answer = shop.supply.preview_inbound(request).await;
    answer.map(tonic::Response::into_inner)
}

fn inbound(expected: &str, quantity: i64) -> pb::preview_inbound_request::Change {
    pb::preview_inbound_request::Change::Inbound(pb::Inbound {
        location_id: W1.to_owned(),
        inbound_id: "PO-1".to_owned(),
        expected_date: date(expected),
        lines: vec![pb::InboundLine {
            sku: "A".to_owned(),
            quantity,
            received_quantity: 0,
        }],
        state: 0,
    })
}

async fn a_preview_says_what_a_change_of_an_inbound_would_do_and_does_not_do_it(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A", "B"]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 6)]).await;
    shop.reserve("O1", &[("A", 4)]).await;
    shop.reserve("O2", &[("A", 2), ("B", 1)]).await;
    shop.reserve("O3", &[("A", 1)]).await;
    let log = shop.log().await;
    // A week late: O1 follows; O2 waits for B longer, and O3 counts on the lead time.
    let late = preview(&mut shop, inbound("2026-03-17", 6)).await.expect("a preview");
    assert!(late.complete);
    let effects: Vec<_> = late
        .orders
        .iter()
        .map(|e| (e.order_id.as_str(), e.shift_business_days))
        .collect();
    assert_eq!(effects, [("O1", Some(5))]);
    assert_eq!(late.orders[0].estimated_ship_date_before, date("2026-03-11"));
    assert_eq!(late.orders[0].estimated_ship_date_after, date("2026-03-18"));
    assert!(!late.orders[0].at_risk_before && late.orders[0].at_risk_after);
    // Larger: O3 need not wait for the lead time.
    let larger = preview(&mut shop, inbound("2026-03-10", 7)).await.expect("a preview");
    let ids: Vec<_> = larger.orders.iter().map(|e| e.order_id.as_str()).collect();
    assert_eq!(ids, ["O3"]);
    assert!(larger.orders[0].shift_business_days < Some(0));
    let close = |inbound_id: &str| {
        pb::preview_inbound_request::Change::Close(pb::CloseInboundRequest {
            location_id: W1.to_owned(),
            inbound_id: inbound_id.to_owned(),
        })
    };
    let closed = preview(&mut shop, close("PO-1")).await.expect("a preview");
    assert_eq!(closed.orders.len(), 1);
    let error = preview(&mut shop, close("PO-9")).await.expect_err("no such inbound");
    assert_error(&error, Code::NotFound, "UNKNOWN_INBOUND");
    assert_eq!(shop.log().await, log, "nothing was done");
    // And what was foreseen is what comes.
    shop.put_inbound("PO-1", "2026-03-17", &[("A", 6)]).await;
    assert_eq!(shop.order("O1").await.estimated_ship_date, date("2026-03-18"));
    shop.close().await;
}

/// Numbers from a seed, so that a run can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).rem_euclid(bound)
    }

    fn small(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).expect("a small number")
    }
}

const SKUS: [&str; 4] = ["A", "B", "C", "D"];

/// Changes supply, calendar or clock.
async fn disturb(shop: &mut Shop, numbers: &mut Numbers, hours: &mut i64) {
    let sku = SKUS[usize::try_from(numbers.below(4)).expect("a position")];
    let expected = format!("2026-03-{:02}", numbers.small(28) + 1);
    match numbers.below(7) {
        0 | 1 => {
            let id = format!("PO-{}", numbers.below(12));
            shop.put_inbound(&id, &expected, &[(sku, numbers.small(40) + 1)]).await;
        }
        2 => drop(shop.receive(sku, numbers.small(12) + 1).await),
        3 => {
            let change = pb::adjust_stock_request::Change::CountedQuantity(numbers.small(10));
            drop(shop.adjust(sku, change).await.expect("a count"));
        }
        4 => {
            let holidays = vec![date(&expected).expect("a date")];
            let handling_days = i32::try_from(numbers.below(4)).expect("a few days");
            let cutoff = holdfast::proto::google::r#type::TimeOfDay {
                hours: i32::try_from(numbers.below(24)).expect("an hour"),
                ..Default::default()
            };
            shop.put_location(pb::Location {
                holidays,
                handling_days: Some(handling_days),
                cutoff: Some(cutoff),
                inbound_buffer_percent: i32::try_from(numbers.below(40)).expect("a part"),
                ..location(W1)
            })
            .await;
        }
        _ => {
            *hours += numbers.small(30);
            let start = crate::support::at("2026-03-02T09:00:00Z");
            shop.clock.set(start + chrono::TimeDelta::hours(*hours));
        }
    }
}

async fn under_random_changes_promises_stay_and_every_explanation_adds_up(kind: Kind) {
    let orders: u64 = std::env::var("HOLDFAST_PROMISE_ORDERS").map_or(250, |text| text.parse().expect("a number"));
    let seed = std::env::var("HOLDFAST_PROMISE_SEED").map_or(1, |text| text.parse().expect("a number"));
    let (mut shop, mut numbers, mut hours) = (Shop::with_items(kind, &SKUS).await, Numbers(seed), 0);
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("D")
    })
    .await;
    let mut promised = Vec::new();
    for number in 0..orders {
        disturb(&mut shop, &mut numbers, &mut hours).await;
        let mut lines = Vec::new();
        for _ in 0..=numbers.below(2) {
            let sku = SKUS[usize::try_from(numbers.below(4)).expect("a position")];
            lines.push((sku, numbers.small(5) + 1));
        }
        let id = format!("O{number}");
        // Where nobody can name a date the order is refused, and that is right.
        if let Ok(answer) = shop.try_reserve(order(&id, W1, &lines)).await {
            let placed = answer.order.expect("an order");
            let explained = explain(&mut shop, &id).await;
            assert_eq!(
                explained.estimated_ship_date, placed.promised_ship_date,
                "seed {seed}: {explained:?}"
            );
            promised.push((id, placed.promised_ship_date));
        }
        let some =
            usize::try_from(numbers.below(u64::try_from(promised.len().max(1)).expect("few"))).expect("a position");
        if let Some((id, _)) = promised.get(some) {
            explain(&mut shop, id).await;
        }
    }
    assert!(promised.len() > 50, "too few orders were accepted to say anything");
    for (id, promise) in &promised {
        let explained = explain(&mut shop, id).await;
        let stands = shop.order(id).await;
        assert_eq!(
            (stands.promised_ship_date, explained.promised_ship_date),
            (*promise, *promise),
            "seed {seed}: {id}"
        );
        assert_eq!(
            explained.estimated_ship_date, stands.estimated_ship_date,
            "seed {seed}: {id}"
        );
        assert_eq!(explained.at_risk, stands.at_risk, "seed {seed}: {id}");
    }
    shop.close().await;
}
