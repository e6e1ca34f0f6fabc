//! Readers find what callers see, and ask again for what they lack.

use std::sync::Arc;

use super::*;
use crate::allocator::command::{Command, Reserve, ReserveLine};
use crate::allocator::decide;
use crate::allocator::decision::{Answer, Decision, OrderAnswer};
use crate::allocator::working_set::{Index, ItemSlot, LocationSlot, OpenInbound};
use crate::domain::Date;
use crate::domain::calendar::{Calendar, WorkingDays};
use crate::domain::catalog::Item;
use crate::domain::ids::{EventSequence, InboundKey, LocationKey, OrderId, Sequence, SkuKey};
use crate::domain::order::Terms;
use crate::domain::quantity::{Quantity, Units};
use crate::domain::stock::Stock;
use crate::grpc::view::Outlook;

fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("a SKU")
}

fn bru() -> LocationId {
    LocationId::parse("BRU").expect("an id")
}

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn units(n: i64) -> Units {
    Units::new(n).expect("units")
}

/// A Friday at noon.
fn now() -> Instant {
    "2026-03-06T12:00:00Z".parse().expect("an instant")
}

/// Brussels with some screws on hand.
fn brussels(on_hand: i64, safety_stock: i64) -> (WorkingSet, Index<LocationSlot>, Index<ItemSlot>) {
    let calendar = Calendar {
        time_zone: chrono_tz::Tz::UTC,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: std::collections::BTreeSet::default(),
        handling_days: 1,
        version: 1,
    };
    let location = Location {
        location_id: bru(),
        display_name: String::new(),
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    };
    let item = Item {
        sku: sku("SCREW"),
        display_name: String::new(),
        backorderable: true,
        lead_time_days: None,
        max_backlog: None,
        safety_stock: units(safety_stock),
    };
    let mut ws = WorkingSet::new(now());
    let numbers = (Sequence::FIRST, EventSequence::FIRST, InboundKey::FIRST);
    let location = ws.load_location(LocationKey(1), location, numbers);
    let item = ws.items.load(
        sku("SCREW"),
        ItemSlot {
            key: SkuKey(1),
            item: Arc::new(item),
        },
    );
    ws.load_stock(
        location,
        item,
        Stock {
            on_hand: units(on_hand),
            ..Stock::default()
        },
    );
    (ws, location, item)
}

/// Notes open inbounds as loaded.
fn expect_inbounds(ws: &mut WorkingSet, inbounds: &[(&str, &str, i64)]) {
    let open = inbounds.iter().map(|(id, expected, open)| OpenInbound {
        expected_date: date(expected),
        inbound_id: InboundId::parse(id).expect("an id"),
        open: units(*open),
    });
    let stock = ws.find_stock_of(&bru(), &sku("SCREW")).expect("loaded");
    ws.stocks.note(stock).inbounds = Some(open.collect());
}

fn line(quantity: i64) -> ReserveLine {
    ReserveLine {
        sku: sku("SCREW"),
        quantity: Quantity::parse(quantity).expect("a quantity"),
        price: None,
    }
}

fn reserve(ws: &mut WorkingSet, id: &str, quantity: i64) -> Box<OrderAnswer> {
    let order_id = OrderId::parse(id).expect("an id");
    let terms = Terms::default();
    let command = Reserve {
        order_id,
        location_id: Some(bru()),
        lines: vec![line(quantity)],
        currency: None,
        terms,
    };
    match decide(ws, &Command::Reserve(command)) {
        Decision::Accepted(Answer::Order(answer)) => answer,
        other @ (Decision::Accepted(_) | Decision::Rejected(_) | Decision::Deferred | Decision::Missing) => {
            panic!("not accepted: {other:?}")
        }
    }
}

/// Runs a question until it is answered, as a store does.
fn ask<Q: Question>(ws: &mut WorkingSet, question: Q, mut load: impl FnMut(&mut WorkingSet, &Wants)) -> Q::Answer
where
    Q::Answer: std::fmt::Debug,
{
    let mut reader = Reader::new(now(), question);
    for _ in 0..3 {
        ws.missing = Wants::default();
        let wants = reader.plan(ws);
        load(ws, &wants);
        if reader.decide(ws) == Verdict::Commit {
            return reader.into_answer().expect("an answer").expect("found");
        }
    }
    panic!("asked for rows again and again");
}

fn cart(quantity: i64) -> Carts {
    Carts(vec![Arc::new(Cart {
        location_id: Some(bru()),
        lines: vec![line(quantity)],
    })])
}

fn quoted(ws: &mut WorkingSet, quantity: i64, load: impl Fn(&mut WorkingSet, &Wants)) -> pb::Quote {
    let quotes = ask(ws, cart(quantity), load);
    quotes.into_iter().next().expect("a quote").expect("no refusal")
}

#[test]
fn a_quote_says_what_reserve_would_promise() {
    let (mut ws, ..) = brussels(5, 0);
    let quote = quoted(&mut ws, 5, |_, wants| assert!(wants.is_empty()));
    assert_eq!(quote.availability(), pb::Availability::InStock);
    assert!(quote.ships_together);
    let quote = quoted(&mut ws, 7, |ws, wants| {
        assert_eq!(wants.inbounds, [(bru(), sku("SCREW"))]);
        expect_inbounds(ws, &[("I-2", "2026-03-12", 9), ("I-1", "2026-03-10", 1)]);
    });
    assert_eq!(quote.availability(), pb::Availability::Backorder);
    assert_eq!(
        (quote.lines[0].available_quantity, quote.lines[0].backordered_quantity),
        (5, 2)
    );
    assert_eq!(quote.lines[0].inbound_id, "I-2");
    let promised = reserve(&mut ws, "O-1", 7).order.promised_ship_date;
    assert_eq!(quote.promised_ship_date, Some(values::date(promised)));
}

#[test]
fn a_line_that_nobody_can_date_is_unavailable_and_counts_the_safety_stock_as_ahead() {
    let (mut ws, ..) = brussels(0, 4);
    let quote = quoted(&mut ws, 1, |ws, _| expect_inbounds(ws, &[]));
    assert_eq!(quote.availability(), pb::Availability::Unavailable);
    assert_eq!(quote.lines[0].unavailable_reason, "NO_SUPPLY_DATE");
    assert_eq!(quote.lines[0].units_ahead, 4);
    assert!(!quote.ships_together && quote.promised_ship_date.is_none());
}

#[test]
fn an_order_that_was_just_accepted_needs_no_look_at_the_store() {
    let (mut ws, ..) = brussels(3, 0);
    expect_inbounds(&mut ws, &[("I-1", "2026-03-10", 10)]);
    let answer = reserve(&mut ws, "O-1", 5);
    let estimated_ship_date = answer.estimated_ship_date;
    let units_ahead = answer.units_ahead.clone().expect("deciding gave it");
    let order = view::order(
        &bru(),
        &answer.order,
        &Outlook {
            estimated_ship_date,
            units_ahead,
        },
    );
    assert_eq!(order.state(), pb::OrderState::Waiting);
    assert_eq!(
        (order.lines[0].allocated_quantity, order.lines[0].backordered_quantity),
        (3, 2)
    );
    assert_eq!(order.estimated_ship_date, order.promised_ship_date);
    assert!(!order.at_risk);
    assert_eq!((order.total, order.refunded_total), (None, None));
}

#[test]
fn an_order_is_at_risk_once_its_inbound_moves() {
    let (mut ws, ..) = brussels(0, 0);
    expect_inbounds(&mut ws, &[("I-1", "2026-03-10", 10)]);
    let first = reserve(&mut ws, "O-1", 4);
    let second = reserve(&mut ws, "O-2", 4);
    let ids = [&first, &second].map(|answer| answer.order.order_id.clone());
    let stock = ws.find_stock_of(&bru(), &sku("SCREW")).expect("loaded");
    ws.stocks.note(stock).inbounds = None;
    let orders = ask(&mut ws, OrdersById(ids.to_vec()), |ws, wants| {
        assert_eq!(wants.ahead, ids);
        assert_eq!(wants.inbounds, [(bru(), sku("SCREW"))]);
        let second = ws.orders.find(&ids[1]).expect("loaded");
        ws.orders.note(second).units_ahead = vec![units(4)];
        expect_inbounds(ws, &[("I-1", "2026-03-10", 4), ("I-2", "2026-03-17", 6)]);
    });
    assert_eq!(
        orders.iter().map(|order| order.at_risk).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(orders[1].lines[0].units_ahead, 4);
    assert_eq!(orders[1].estimated_ship_date, Some(values::date(date("2026-03-18"))));
    assert_eq!(orders[1].promised_ship_date, Some(values::date(date("2026-03-11"))));
}

#[test]
fn a_released_order_needs_only_the_calendar() {
    let (mut ws, ..) = brussels(4, 0);
    let order = reserve(&mut ws, "O-1", 4).order;
    let question = OutlookOf {
        location_id: bru(),
        order,
    };
    assert_eq!(
        question.footprint(),
        Footprint {
            locations: vec![bru()],
            ..Footprint::default()
        }
    );
    let outlook = ask(&mut ws, question, |_, wants| assert!(wants.is_empty()));
    assert_eq!(outlook.estimated_ship_date, Some(date("2026-03-09")));
}

#[test]
fn counters_that_were_never_there_are_zeros_and_the_next_inbound_is_the_earliest() {
    let (mut ws, ..) = brussels(0, 2);
    let stocks = StocksOf {
        location_id: bru(),
        skus: vec![sku("SCREW")],
    };
    let found = ask(&mut ws, stocks, |ws, _| {
        expect_inbounds(
            ws,
            &[
                ("I-3", "2026-03-10", 3),
                ("I-2", "2026-03-10", 2),
                ("I-1", "2026-03-11", 1),
            ],
        );
    });
    assert_eq!((found[0].on_hand, found[0].available, found[0].safety_stock), (0, 0, 2));
    let next = found[0].next_inbound.clone().expect("an inbound");
    assert_eq!((next.inbound_id.as_str(), next.open_quantity), ("I-2", 2));
}

#[test]
fn what_there_is_none_of_is_refused() {
    let (mut ws, ..) = brussels(0, 0);
    let nowhere = LocationId::parse("GNT").expect("an id");
    let refusal = LocationOf(nowhere.clone()).answer(&mut ws).expect_err("unknown");
    assert_eq!(refusal, Rejection::UnknownLocation(nowhere));
    let refusal = StocksOf {
        location_id: bru(),
        skus: vec![sku("NAIL")],
    }
    .answer(&mut ws)
    .expect_err("unknown");
    assert_eq!(refusal, Rejection::UnknownSkus(vec![(0, sku("NAIL"))]));
    let inbound_id = InboundId::parse("I-1").expect("an id");
    let refusal = InboundOf(bru(), inbound_id.clone())
        .answer(&mut ws)
        .expect_err("unknown");
    assert_eq!(refusal, Rejection::UnknownInbound(inbound_id));
    assert_eq!(ItemOf(sku("SCREW")).answer(&mut ws).expect("known").sku, "SCREW");
}

#[test]
fn counters_that_a_question_lacks_are_asked_for() {
    let (mut ws, ..) = brussels(0, 0);
    let mut reader = Reader::new(now(), OrdersById(vec![OrderId::parse("O-1").expect("an id")]));
    assert_eq!(reader.decide(&mut ws), Verdict::Commit);
    let mut reader = Reader::new(
        now(),
        StocksOf {
            location_id: bru(),
            skus: vec![sku("SCREW")],
        },
    );
    ws.stocks = WorkingSet::new(now()).stocks;
    assert_eq!(reader.decide(&mut ws), Verdict::Again);
    assert_eq!(reader.footprint().skus, [(bru(), sku("SCREW"))]);
}
