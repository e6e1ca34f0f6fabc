//! Worked cases of promises and calendars.

use holdfast::proto::google::r#type::TimeOfDay;
use holdfast::proto::holdfast::v1::{self as pb, Availability, OrderState};

use crate::support::databases::{Kind, on_every_database};
use crate::support::errors::reason;
use crate::support::shop::{Shop, W1, date, item, location, order};

on_every_database! {
    a_buffer_is_kept_back_of_each_inbound_rounded_up
    s35_the_date_follows_what_is_on_hand_and_inbound
    s40_a_moved_inbound_moves_the_estimate_and_not_the_promise
    s42_a_shrunk_inbound_puts_the_tail_at_risk_in_queue_order
    s44_without_an_inbound_the_lead_time_counts
    s45_an_order_ships_with_its_last_line
    s46_the_cutoff_is_in_the_zone_of_the_location
    s48a_a_receipt_at_the_cutoff_counts_for_the_next_business_day
    s49_without_a_cutoff_the_whole_day_counts
    a_changed_calendar_moves_estimates_and_never_promises
    a_promise_later_than_the_customer_saw_is_refused_and_nothing_is_reserved
}

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn time_of_day(hours: i32, minutes: i32) -> Option<TimeOfDay> {
    Some(TimeOfDay {
        hours,
        minutes,
        seconds: 0,
        nanos: 0,
    })
}

async fn s35_the_date_follows_what_is_on_hand_and_inbound(kind: Kind) {
    let mut shop = Shop::empty(kind).await;
    shop.set_clock("2026-06-22T09:00:00Z");
    shop.put_location(location(W1)).await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("A")
    })
    .await;
    let refused = shop
        .try_reserve(order("O0", W1, &[("A", 100)]))
        .await
        .expect_err("nobody can name a date");
    assert_eq!(reason(&refused), "NO_SUPPLY_DATE");

    shop.put_inbound("PO-1", "2026-07-02", &[("A", 100)]).await;
    let quote = shop.quote(&[("A", 100)]).await;
    assert_eq!(quote.availability(), Availability::Backorder);
    assert_eq!(quote.lines[0].ready_date, date("2026-07-02"));
    assert_eq!(quote.promised_ship_date, date("2026-07-03"));

    shop.receive("A", 50).await;
    let quote = shop.quote(&[("A", 100)]).await;
    assert_eq!(
        (quote.lines[0].available_quantity, quote.lines[0].backordered_quantity),
        (50, 50)
    );
    assert_eq!(quote.promised_ship_date, date("2026-07-03"));

    shop.receive("A", 50).await;
    let quote = shop.quote(&[("A", 100)]).await;
    assert_eq!(quote.availability(), Availability::InStock);
    assert_eq!(quote.promised_ship_date, date("2026-06-23"));
    shop.close().await;
}

async fn s40_a_moved_inbound_moves_the_estimate_and_not_the_promise(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_item(pb::Item {
        lead_time_days: None,
        ..item("A")
    })
    .await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10)]).await;
    assert_eq!(
        shop.reserve("O1", &[("A", 10)]).await.promised_ship_date,
        date("2026-03-11")
    );
    shop.put_inbound("PO-1", "2026-03-20", &[("A", 10)]).await;
    let order = shop.order("O1").await;
    assert_eq!(order.promised_ship_date, date("2026-03-11"));
    assert_eq!(order.estimated_ship_date, date("2026-03-23"));
    assert!(order.at_risk);
    let quote = shop.quote(&[("A", 1)]).await;
    assert_eq!(quote.availability(), Availability::Unavailable);
    assert_eq!(quote.lines[0].unavailable_reason, "NO_SUPPLY_DATE");
    shop.close().await;
}

async fn s42_a_shrunk_inbound_puts_the_tail_at_risk_in_queue_order(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10)]).await;
    for (id, quantity) in [("O1", 4), ("O2", 4), ("O3", 2)] {
        assert_eq!(
            shop.reserve(id, &[("A", quantity)]).await.promised_ship_date,
            date("2026-03-11")
        );
    }
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 6)]).await;
    assert!(!shop.order("O1").await.at_risk);
    assert_eq!(shop.told_risk(2).await, ["O2 at risk", "O3 at risk"]);
    let listed = shop.at_risk().await;
    let ids: Vec<_> = listed.iter().map(|order| order.order_id.as_str()).collect();
    assert_eq!(ids, ["O2", "O3"]);
    assert!(
        listed
            .iter()
            .all(|order| order.promised_ship_date == date("2026-03-11"))
    );
    shop.close().await;
}

async fn s44_without_an_inbound_the_lead_time_counts(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.set_clock("2026-03-01T12:00:00Z");
    let order = shop.reserve("O1", &[("A", 1)]).await;
    assert_eq!(order.lines[0].ready_date, date("2026-03-31"));
    assert_eq!(order.promised_ship_date, date("2026-04-01"));
    shop.close().await;
}

async fn s45_an_order_ships_with_its_last_line(kind: Kind) {
    let mut shop = Shop::with_items(kind, &[]).await;
    for (sku, days) in [("A", 5), ("B", 10), ("C", 15)] {
        shop.put_item(pb::Item {
            lead_time_days: Some(days),
            ..item(sku)
        })
        .await;
    }
    let order = shop.reserve("O1", &[("A", 1), ("C", 1), ("B", 1)]).await;
    assert_eq!(order.promised_ship_date, order.lines[1].promised_ship_date);
    assert_eq!(order.promised_ship_date, date("2026-03-18"));
    shop.close().await;
}

async fn s46_the_cutoff_is_in_the_zone_of_the_location(kind: Kind) {
    let mut shop = Shop::empty(kind).await;
    shop.set_clock("2026-07-01T09:00:00Z");
    shop.put_item(item("A")).await;
    let cases = [
        ("Europe/Brussels", 11, 30, "2026-07-02"),
        ("Europe/Brussels", 10, 30, "2026-07-03"),
        ("UTC", 10, 0, "2026-07-02"),
        ("UTC", 8, 0, "2026-07-03"),
    ];
    for (at, (zone, hours, minutes, ships)) in cases.into_iter().enumerate() {
        let id = format!("L{at}");
        let cutoff = time_of_day(hours, minutes);
        shop.put_location(pb::Location {
            time_zone: zone.to_owned(),
            cutoff,
            ..location(&id)
        })
        .await;
        shop.receive_at(&id, "A", 1).await;
        let answer = shop
            .try_reserve(order(&format!("O{at}"), &id, &[("A", 1)]))
            .await
            .expect("an order");
        assert_eq!(
            answer.order.expect("an order").promised_ship_date,
            date(ships),
            "{zone} {hours}:{minutes}"
        );
    }
    shop.close().await;
}

async fn s48a_a_receipt_at_the_cutoff_counts_for_the_next_business_day(kind: Kind) {
    for (received, ship_by) in [
        ("2026-03-06T18:59:59Z", "2026-03-09"),
        ("2026-03-06T19:00:00Z", "2026-03-10"),
    ] {
        let mut shop = Shop::empty(kind).await;
        let (time_zone, cutoff) = ("America/New_York".to_owned(), time_of_day(14, 0));
        shop.put_location(pb::Location {
            time_zone,
            cutoff,
            handling_days: Some(1),
            ..location(W1)
        })
        .await;
        shop.put_item(item("A")).await;
        shop.reserve("O1", &[("A", 1)]).await;
        shop.set_clock(received);
        shop.receive("A", 1).await;
        assert_eq!(shop.order("O1").await.ship_by_date, date(ship_by), "{received}");
        shop.close().await;
    }
}

async fn s49_without_a_cutoff_the_whole_day_counts(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 1)]).await;
    shop.set_clock("2026-03-02T23:59:59Z");
    assert_eq!(shop.quote(&[("A", 1)]).await.promised_ship_date, date("2026-03-03"));
    shop.close().await;
}

async fn a_changed_calendar_moves_estimates_and_never_promises(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10)]).await;
    assert_eq!(
        shop.reserve("O1", &[("A", 1)]).await.promised_ship_date,
        date("2026-03-11")
    );
    let holidays = ["2026-03-11", "2026-03-12"].into_iter().filter_map(date).collect();
    shop.put_location(pb::Location {
        holidays,
        ..location(W1)
    })
    .await;
    let order = shop.order("O1").await;
    assert_eq!(order.promised_ship_date, date("2026-03-11"));
    assert_eq!((order.estimated_ship_date, order.at_risk), (date("2026-03-13"), true));
    assert_eq!(shop.quote(&[("A", 1)]).await.promised_ship_date, date("2026-03-13"));
    shop.close().await;
}

async fn a_promise_later_than_the_customer_saw_is_refused_and_nothing_is_reserved(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    let latest_acceptable_ship_date = date("2026-03-31");
    let request = pb::ReserveRequest {
        latest_acceptable_ship_date,
        ..order("O1", W1, &[("A", 1)])
    };
    let refused = shop.try_reserve(request).await.expect_err("a later date");
    assert_eq!(reason(&refused), "PROMISE_LATER_THAN_ACCEPTED");
    assert_eq!(shop.counters("A").await, [0, 0, 0, 0]);
    let request = pb::ReserveRequest {
        latest_acceptable_ship_date: date("2026-04-02"),
        ..order("O1", W1, &[("A", 1)])
    };
    let accepted = shop
        .try_reserve(request)
        .await
        .expect("an order")
        .order
        .expect("an order");
    assert_eq!(
        (accepted.state(), accepted.promised_ship_date),
        (OrderState::Waiting, date("2026-04-02"))
    );
    shop.close().await;
}

async fn a_buffer_is_kept_back_of_each_inbound_rounded_up(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A"]).await;
    shop.put_location(pb::Location {
        inbound_buffer_percent: 15,
        ..location(W1)
    })
    .await;
    // Of 10, 2 are kept back: 15 % are 1.5 units.
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10)]).await;
    assert_eq!(shop.quote(&[("A", 8)]).await.promised_ship_date, date("2026-03-11"));
    assert_eq!(shop.quote(&[("A", 9)]).await.promised_ship_date, date("2026-04-02"));
    let request = pb::GetLocationRequest {
        location_id: W1.to_owned(),
    };
    let stored = shop
        .catalog
        .get_location(request)
        .await
        .expect("a location")
        .into_inner();
    assert_eq!(stored.location.expect("a location").inbound_buffer_percent, 15);
    // What comes is given out whole.
    shop.reserve("O1", &[("A", 10)]).await;
    shop.receive("A", 10).await;
    assert_eq!(shop.state("O1").await, OrderState::Released);
    let refused = shop
        .catalog
        .put_location(pb::PutLocationRequest {
            location: Some(pb::Location {
                inbound_buffer_percent: 101,
                ..location(W1)
            }),
        })
        .await
        .expect_err("more than all of it");
    assert_eq!(reason(&refused), "INVALID_FIELD");
    shop.close().await;
}
