//! Orders that come to be at risk, and recover: told once each, with what changed.

use std::sync::Arc;

use holdfast::proto::holdfast::v1::event::Payload;
use holdfast::proto::holdfast::v1::{self as pb, EstimateCause, adjust_stock_request};
use holdfast::sequencer::Limits;

use crate::conformance::warehouse::{accepted, place, put_inbound, put_item, put_location, reserve};
use crate::support::databases::{Kind, on_every_database};
use crate::support::shop::{Shop, W1, date, item, location, order};

on_every_database! {
    a_late_inbound_puts_those_at_risk_who_count_on_it_until_it_is_early_again
    a_shrunk_inbound_puts_those_at_risk_whom_it_covers_no_more
    a_closed_inbound_leaves_no_date_until_another_one_comes
    an_overdue_inbound_is_found_when_the_day_begins_and_at_no_other_time
    lost_units_put_the_youngest_at_risk_and_a_cancel_ahead_recovers_them
    an_order_of_two_skus_recovers_with_the_last_of_its_lines
    a_calendar_that_changes_is_told_once_an_order
    a_release_that_is_not_shipped_in_time_is_at_risk
    what_was_at_risk_and_ships_or_is_cancelled_is_told_by_that_alone
    orders_that_wait_to_be_estimated_are_estimated_after_a_restart
    orders_that_are_not_at_risk_can_be_listed_too
}

/// A shop with the item `A`, of which nothing is ordered beyond what is put.
async fn without_lead_time(kind: Kind) -> Shop {
    let mut shop = Shop::empty(kind).await;
    shop.put_location(location(W1)).await;
    let item = pb::Item {
        lead_time_days: None,
        ..item("A")
    };
    shop.put_item(item).await;
    shop
}

pub(super) fn at_risk(event: &pb::Event) -> (&str, &pb::PromiseAtRisk) {
    match &event.payload {
        Some(Payload::PromiseAtRisk(risk)) => (&event.order_id, risk),
        other => panic!("{other:?} tells no risk"),
    }
}

fn recovered(event: &pb::Event) -> (&str, &pb::PromiseRecovered) {
    match &event.payload {
        Some(Payload::PromiseRecovered(risk)) => (&event.order_id, risk),
        other => panic!("{other:?} tells no recovery"),
    }
}

async fn listed(shop: &mut Shop) -> Vec<String> {
    shop.at_risk().await.into_iter().map(|order| order.order_id).collect()
}

async fn a_late_inbound_puts_those_at_risk_who_count_on_it_until_it_is_early_again(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 4)]).await;
    shop.put_inbound("PO-2", "2026-03-12", &[("A", 10)]).await;
    for (id, quantity) in [("O1", 4), ("O2", 3), ("O3", 2)] {
        shop.reserve(id, &[("A", quantity)]).await;
    }
    shop.put_inbound("PO-2", "2026-03-19", &[("A", 10)]).await;
    let told = shop.risk_events(2).await;
    for (event, id, sequence) in [(&told[0], "O2", 2), (&told[1], "O3", 3)] {
        let (order_id, risk) = at_risk(event);
        assert_eq!((order_id, risk.sequence), (id, sequence));
        assert_eq!(risk.promised_ship_date, date("2026-03-13"));
        assert_eq!(risk.estimated_ship_date, date("2026-03-20"));
        assert_eq!(risk.slack_business_days, Some(-5));
        assert_eq!(
            (risk.cause(), risk.inbound_id.as_str()),
            (EstimateCause::InboundMoved, "PO-2")
        );
    }
    assert_eq!(listed(&mut shop).await, ["O2", "O3"]);
    // With another date an order stays at risk, and is not told again.
    shop.put_inbound("PO-2", "2026-03-26", &[("A", 10)]).await;
    shop.put_inbound("PO-2", "2026-03-12", &[("A", 10)]).await;
    let told = shop.risk_events(4).await;
    for (event, id) in [(&told[2], "O2"), (&told[3], "O3")] {
        let (order_id, risk) = recovered(event);
        assert_eq!(order_id, id);
        assert_eq!(
            (risk.estimated_ship_date, risk.slack_business_days),
            (date("2026-03-13"), Some(0))
        );
        assert_eq!(
            (risk.cause(), risk.inbound_id.as_str()),
            (EstimateCause::InboundMoved, "PO-2")
        );
    }
    assert_eq!(listed(&mut shop).await, [""; 0]);
    shop.close().await;
}

async fn a_shrunk_inbound_puts_those_at_risk_whom_it_covers_no_more(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_item(item("B")).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10), ("B", 3)]).await;
    shop.put_inbound("PO-2", "2026-03-17", &[("A", 2)]).await;
    for (id, line) in [("O1", ("A", 4)), ("O2", ("A", 4)), ("O3", ("A", 2)), ("O4", ("B", 3))] {
        let placed = shop.reserve(id, &[line]).await;
        assert_eq!(placed.promised_ship_date, date("2026-03-11"));
    }
    // It comes on the same day with less: two units of O2 come with PO-2, and nothing is left for O3.
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 6), ("B", 3)]).await;
    let told = shop.risk_events(2).await;
    let expected = [("O2", 2, date("2026-03-18"), Some(-5)), ("O3", 3, None, None)];
    for (event, (id, sequence, estimated, slack)) in told.iter().zip(expected) {
        let (order_id, risk) = at_risk(event);
        assert_eq!((order_id, risk.sequence), (id, sequence));
        assert_eq!(risk.promised_ship_date, date("2026-03-11"));
        assert_eq!((risk.estimated_ship_date, risk.slack_business_days), (estimated, slack));
        assert_eq!(
            (risk.cause(), risk.inbound_id.as_str()),
            (EstimateCause::InboundShrunk, "PO-1")
        );
    }
    assert_eq!(listed(&mut shop).await, ["O2", "O3"]);
    // Without its line it brings nothing of the item: that leaves too little for O1.
    shop.put_inbound("PO-1", "2026-03-10", &[("B", 3)]).await;
    let told = shop.risk_events(3).await;
    let (order_id, risk) = at_risk(&told[2]);
    assert_eq!((order_id, risk.estimated_ship_date), ("O1", None));
    assert_eq!(
        (risk.cause(), risk.inbound_id.as_str()),
        (EstimateCause::InboundShrunk, "PO-1")
    );
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 10), ("B", 3)]).await;
    let told = shop.risk_events(6).await;
    for (event, id) in told[3..].iter().zip(["O1", "O2", "O3"]) {
        let (order_id, risk) = recovered(event);
        assert_eq!((order_id, risk.estimated_ship_date), (id, date("2026-03-11")));
        assert_eq!(
            (risk.cause(), risk.inbound_id.as_str()),
            (EstimateCause::InboundAdded, "PO-1")
        );
    }
    shop.close().await;
}

async fn a_closed_inbound_leaves_no_date_until_another_one_comes(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 4)]).await;
    shop.reserve("O1", &[("A", 4)]).await;
    let close = pb::CloseInboundRequest {
        location_id: W1.to_owned(),
        inbound_id: "PO-1".to_owned(),
    };
    shop.supply.close_inbound(close).await.expect("it is closed");
    let told = shop.risk_events(1).await;
    let (_, risk) = at_risk(&told[0]);
    assert_eq!((risk.estimated_ship_date, risk.slack_business_days), (None, None));
    assert_eq!(
        (risk.cause(), risk.inbound_id.as_str()),
        (EstimateCause::InboundClosed, "PO-1")
    );
    let order = shop.order("O1").await;
    assert!(order.at_risk && order.estimated_ship_date.is_none());

    shop.put_inbound("PO-2", "2026-03-09", &[("A", 4)]).await;
    let told = shop.risk_events(2).await;
    let (_, risk) = recovered(&told[1]);
    assert_eq!(
        (risk.estimated_ship_date, risk.slack_business_days),
        (date("2026-03-10"), Some(1))
    );
    assert_eq!(
        (risk.cause(), risk.inbound_id.as_str()),
        (EstimateCause::InboundAdded, "PO-2")
    );
    shop.close().await;
}

async fn an_overdue_inbound_is_found_when_the_day_begins_and_at_no_other_time(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_location(pb::Location {
        time_zone: "Europe/Brussels".to_owned(),
        ..location(W1)
    })
    .await;
    shop.put_inbound("PO-1", "2026-03-03", &[("A", 4)]).await;
    shop.put_inbound("PO-2", "2026-03-12", &[("A", 4)]).await;
    shop.reserve("O1", &[("A", 4)]).await;
    shop.reserve("O2", &[("A", 4)]).await;
    // A minute before midnight in Brussels nothing is late yet; a minute after it, PO-1 is.
    shop.set_clock("2026-03-03T22:59:00Z");
    assert!(!shop.order("O1").await.at_risk);
    shop.set_clock("2026-03-03T23:01:00Z");
    let told = shop.risk_events(1).await;
    let (order_id, risk) = at_risk(&told[0]);
    assert_eq!(order_id, "O1");
    assert_eq!(risk.promised_ship_date, date("2026-03-04"));
    assert_eq!(risk.estimated_ship_date, date("2026-03-06"));
    assert_eq!(
        (risk.cause(), risk.inbound_id.as_str()),
        (EstimateCause::InboundOverdue, "PO-1")
    );
    // It came, and leaves a day after its promise.
    shop.receive("A", 4).await;
    let order = shop.order("O1").await;
    assert_eq!((order.ship_by_date, order.at_risk), (date("2026-03-05"), true));
    assert_eq!(listed(&mut shop).await, ["O1"]);
    shop.close().await;
}

async fn lost_units_put_the_youngest_at_risk_and_a_cancel_ahead_recovers_them(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 5)]).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 2)]).await;
    for (id, quantity) in [("O1", 2), ("O2", 2), ("O3", 2)] {
        shop.reserve(id, &[("A", quantity)]).await;
    }
    let lost = adjust_stock_request::Change::Delta(-2);
    shop.adjust("A", lost).await.expect("a count");
    // O2 goes back to waiting for its unit; what comes suffices for it, and no more for O3.
    assert_eq!(shop.told_risk(2).await, ["O2 at risk", "O3 at risk"]);
    let told = shop.risk_events(2).await;
    assert_eq!(at_risk(&told[1]).1.cause(), EstimateCause::UnitsLost);
    shop.cancel("O1").await.expect("a cancellation");
    let told = shop.risk_events(4).await;
    let mut back: Vec<_> = told[2..].iter().map(recovered).collect();
    back.sort_by_key(|(order_id, _)| *order_id);
    assert_eq!((back[0].0, back[1].0), ("O2", "O3"));
    assert!(
        back.iter()
            .all(|(_, risk)| risk.cause() == EstimateCause::OrderCancelled)
    );
    shop.close().await;
}

async fn an_order_of_two_skus_recovers_with_the_last_of_its_lines(kind: Kind) {
    let mut shop = Shop::with_items(kind, &["A", "B"]).await;
    shop.put_inbound("PO-A", "2026-03-10", &[("A", 4)]).await;
    shop.put_inbound("PO-B", "2026-03-11", &[("B", 4)]).await;
    let placed = shop.reserve("O1", &[("A", 1), ("B", 1)]).await;
    assert_eq!(placed.promised_ship_date, date("2026-03-12"));
    shop.reserve("O2", &[("B", 1)]).await;
    shop.put_inbound("PO-A", "2026-03-17", &[("A", 4)]).await;
    let told = shop.risk_events(1).await;
    assert_eq!(at_risk(&told[0]).1.estimated_ship_date, date("2026-03-18"));
    // The other line comes to be late as well, which O2 alone is news of; and the first one is in time again.
    shop.put_inbound("PO-B", "2026-03-18", &[("B", 4)]).await;
    assert_eq!(shop.told_risk(2).await, ["O1 at risk", "O2 at risk"]);
    shop.put_inbound("PO-A", "2026-03-10", &[("A", 4)]).await;
    assert!(shop.order("O1").await.at_risk);
    shop.put_inbound("PO-B", "2026-03-11", &[("B", 4)]).await;
    let told = shop.told_risk(4).await;
    assert_eq!(told[2..], ["O1 recovered", "O2 recovered"]);
    shop.close().await;
}

async fn a_calendar_that_changes_is_told_once_an_order(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 4)]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    let holiday = pb::Location {
        holidays: vec![date("2026-03-11").expect("a date")],
        ..location(W1)
    };
    shop.put_location(holiday).await;
    let told = shop.risk_events(1).await;
    let (_, risk) = at_risk(&told[0]);
    assert_eq!(
        (risk.cause(), risk.estimated_ship_date),
        (EstimateCause::CalendarChanged, date("2026-03-12"))
    );
    assert_eq!(risk.slack_business_days, Some(-1));
    shop.put_location(location(W1)).await;
    assert_eq!(shop.told_risk(2).await, ["O1 at risk", "O1 recovered"]);
    shop.close().await;
}

async fn a_release_that_is_not_shipped_in_time_is_at_risk(kind: Kind) {
    let mut shop = Shop::stocked(kind, &[("A", 2)]).await;
    let placed = shop.reserve("O1", &[("A", 2)]).await;
    assert_eq!(placed.promised_ship_date, date("2026-03-03"));
    shop.set_clock("2026-03-04T00:00:00Z");
    let told = shop.risk_events(1).await;
    let (order_id, risk) = at_risk(&told[0]);
    assert_eq!((order_id, risk.cause()), ("O1", EstimateCause::DayPassed));
    assert_eq!(risk.estimated_ship_date, date("2026-03-04"));
    assert_eq!(listed(&mut shop).await, ["O1"]);
    shop.ship("O1").await.expect("a shipment");
    assert_eq!(listed(&mut shop).await, [""; 0]);
    shop.close().await;
}

async fn what_was_at_risk_and_ships_or_is_cancelled_is_told_by_that_alone(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 4)]).await;
    shop.reserve("O1", &[("A", 2)]).await;
    shop.put_inbound("PO-1", "2026-03-20", &[("A", 4)]).await;
    assert_eq!(shop.told_risk(1).await, ["O1 at risk"]);
    shop.cancel("O1").await.expect("a cancellation");
    let kinds: Vec<_> = shop.log().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.last().map(String::as_str), Some("OrderCancelled"));
    assert_eq!(listed(&mut shop).await, [""; 0]);
    shop.close().await;
}

/// What is still to be estimated is stored: here an instance ends that never came to it.
async fn orders_that_wait_to_be_estimated_are_estimated_after_a_restart(kind: Kind) {
    let database = Arc::new(kind.database());
    let store = database.open().await;
    let commands = [
        put_location(),
        put_item("A", 0),
        put_inbound("i1", "2026-03-10", &[("A", 2)]),
        reserve("o1", &[("A", 2)]),
        put_inbound("i1", "2026-03-20", &[("A", 2)]),
    ];
    for command in commands {
        accepted(&*store, &[command]).await;
    }
    store.close().await;
    drop(store);
    let store = database.open().await;
    let mut shop = Shop::on_with(store, database, Limits::default()).await;
    let told = shop.risk_events_at(place().as_str(), 1).await;
    let (order_id, risk) = at_risk(&told[0]);
    assert_eq!((order_id, risk.estimated_ship_date), ("o1", date("2026-03-23")));
    shop.close().await;
}

async fn orders_that_are_not_at_risk_can_be_listed_too(kind: Kind) {
    let mut shop = without_lead_time(kind).await;
    shop.put_inbound("PO-1", "2026-03-10", &[("A", 4)]).await;
    for id in ["O1", "O2", "O3"] {
        shop.reserve(id, &[("A", 2)]).await;
        if id == "O2" {
            shop.put_inbound("PO-2", "2026-03-11", &[("A", 2)]).await;
        }
    }
    shop.put_inbound("PO-2", "2026-03-25", &[("A", 2)]).await;
    assert_eq!(shop.told_risk(1).await, ["O3 at risk"]);
    let others = |states: &[pb::OrderState]| pb::ListOrdersRequest {
        location_id: W1.to_owned(),
        at_risk: Some(false),
        states: states.iter().map(|state| (*state).into()).collect(),
        ..pb::ListOrdersRequest::default()
    };
    for states in [&[][..], &[pb::OrderState::Waiting]] {
        let answer = shop
            .checkout
            .list_orders(others(states))
            .await
            .expect("a list")
            .into_inner();
        let ids: Vec<_> = answer.orders.into_iter().map(|order| order.order_id).collect();
        assert_eq!(ids, ["O1", "O2"]);
    }
    let refused = shop.try_reserve(order("O4", W1, &[("A", 9)])).await;
    assert!(refused.is_err(), "nothing covers it");
    shop.close().await;
}
