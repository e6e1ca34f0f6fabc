//! Queues that are estimated anew in small steps: what a store loads and writes of each, and where it ends.

use std::collections::BTreeMap;

use holdfast::allocator::command::{Command, Reestimate};
use holdfast::allocator::estimate::Share;
use holdfast::domain::event::Payload;
use holdfast::domain::ids::EventSequence;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::{Page, Store};

use super::warehouse::{
    accepted, assert_invariants, look, now, place, put_inbound, put_item, put_location, reserve, sku,
};

super::on_every_store! { estimates:
    a_walk_in_small_steps_finds_every_line_that_is_late
    the_first_of_two_queues_uses_a_small_share_up
}

/// More orders than the first lines of a queue show, and more than a step changes.
const ORDERS: i64 = 110;
/// Units of the item A that come in time all the while.
const IN_TIME: i64 = 100;
/// Room for four orders or so.
const SMALL: Share = Share {
    lines: 600,
    changes: 50,
};
const EARLY: &str = "2026-03-10";
const LATE: &str = "2026-04-30";

fn step(name: &str) -> Command {
    Command::Reestimate(Reestimate {
        location_id: place(),
        sku: Some(sku(name)),
    })
}

fn id(number: i64) -> String {
    format!("o{number:03}")
}

/// The lines of an order: one, several of one item, or of two.
fn lines(number: i64) -> &'static [(&'static str, i64)] {
    match number % 4 {
        0 => &[("A", 1)],
        1 => &[("A", 1), ("A", 2), ("A", 1)],
        2 => &[("B", 1)],
        _ => &[("B", 1), ("A", 1)],
    }
}

/// The inbounds by which all orders are promised, or by some of which they come too late.
fn inbounds(late_or_early: &str) -> [Command; 3] {
    [
        put_inbound("P1", EARLY, &[("A", IN_TIME)]),
        put_inbound("P2", late_or_early, &[("A", 1_000)]),
        put_inbound("P3", late_or_early, &[("B", 1_000)]),
    ]
}

async fn set_up(store: &dyn Store) {
    accepted(store, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
    accepted(store, &inbounds(EARLY)).await;
    let orders: Vec<_> = (1..=ORDERS).map(|number| reserve(&id(number), lines(number))).collect();
    accepted(store, &orders).await;
}

async fn take(store: &dyn Store, steps: &[Command], share: Share) {
    let mut round = CommandRound::new(now(), steps).sharing(share);
    store.round(&mut round).await.expect("the round is committed");
    round.into_outcomes().expect("no invariant is broken");
}

/// Walks both queues to their ends, in steps of which each leaves rows that agree; answers how many there were.
async fn walk(store: &dyn Store) -> usize {
    let mut steps = 0;
    loop {
        let due = store.due(now()).await.expect("a list").estimates;
        if due.is_empty() {
            return steps;
        }
        let due: Vec<_> = due.into_iter().map(Command::Reestimate).collect();
        take(store, &due, SMALL).await;
        assert_invariants(store).await;
        steps += 1;
    }
}

/// For each order whether it is at risk, and which of its lines are late.
async fn seen(store: &dyn Store) -> Vec<(bool, Vec<bool>)> {
    let ids: Vec<_> = (1..=ORDERS).map(id).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let orders = look(store, &ids, &[]).await.orders;
    let seen = orders.into_iter().map(|(order, _)| {
        let late = order.lines.iter().map(|line| line.is_late).collect();
        (order.at_risk, late)
    });
    seen.collect()
}

/// By hand: a line is late from where what comes in time is used up.
fn expected() -> Vec<(bool, Vec<bool>)> {
    let mut wanted = 0;
    let orders = (1..=ORDERS).map(|number| {
        let late = lines(number).iter().map(|(name, units)| match *name {
            "A" => {
                wanted += units;
                wanted > IN_TIME
            }
            _ => true,
        });
        let late: Vec<_> = late.collect();
        (late.contains(&true), late)
    });
    orders.collect()
}

/// How often each order was told to be at risk, and to be no more.
async fn told(store: &dyn Store) -> BTreeMap<String, (usize, usize)> {
    let (mut told, mut after) = (BTreeMap::<String, (usize, usize)>::new(), EventSequence(0));
    loop {
        let page = Page {
            after: Some(after),
            limit: 500,
        };
        let events = store.list_events(&place(), page).await.expect("the log");
        let events = events.unwrap_or_default();
        let Some(last) = events.last() else { return told };
        after = last.event_sequence;
        for event in &events {
            let order = event.order_id.as_ref().map(ToString::to_string).unwrap_or_default();
            #[expect(clippy::wildcard_enum_match_arm, reason = "what else happens is not counted")]
            match event.payload {
                Payload::PromiseAtRisk(_) => told.entry(order).or_default().0 += 1,
                Payload::PromiseRecovered(_) => told.entry(order).or_default().1 += 1,
                _ => {}
            }
        }
    }
}

pub(crate) async fn a_walk_in_small_steps_finds_every_line_that_is_late(store: &dyn Store) {
    set_up(store).await;
    accepted(store, &inbounds(LATE)).await;
    assert!(walk(store).await > 15, "a share is for few orders");
    let late = expected();
    assert_eq!(seen(store).await, late);
    let stocks = look(store, &[], &["A", "B"]).await.stocks;
    let counted: Vec<_> = stocks.iter().map(|stock| stock.late_lines).collect();
    let count = |name: &str| {
        let all = (1..=ORDERS).flat_map(lines).zip(late.iter().flat_map(|(_, late)| late));
        let late = all.filter(|((sku, _), is_late)| *sku == name && **is_late);
        i64::try_from(late.count()).expect("a few lines")
    };
    assert_eq!(counted, [count("A"), count("B")]);
    let risks = (1..=ORDERS).map(id).zip(&late).filter(|(_, (at_risk, _))| *at_risk);
    let once: BTreeMap<_, _> = risks.clone().map(|(id, _)| (id, (1, 0))).collect();
    assert_eq!(told(store).await, once);

    accepted(store, &inbounds(EARLY)).await;
    assert!(walk(store).await > 15, "a share is for few orders");
    let none: Vec<_> = late.iter().map(|(_, late)| (false, vec![false; late.len()])).collect();
    assert_eq!(seen(store).await, none);
    let once: BTreeMap<_, _> = risks.map(|(id, _)| (id, (1, 1))).collect();
    assert_eq!(told(store).await, once);
}

/// A queue whose turn it is gets on, however many lines change in another one.
pub(crate) async fn the_first_of_two_queues_uses_a_small_share_up(store: &dyn Store) {
    set_up(store).await;
    accepted(store, &inbounds(LATE)).await;
    let late_lines = async || {
        let stocks = look(store, &[], &["A", "B"]).await.stocks;
        stocks.iter().map(|stock| stock.late_lines > 0).collect::<Vec<_>>()
    };
    take(store, &[step("B"), step("A")], SMALL).await;
    assert_eq!(late_lines().await, [false, true]);
    // Lines that come in time are gone by in one step, whoever changes.
    take(store, &[step("A"), step("B")], SMALL).await;
    take(store, &[step("A"), step("B")], SMALL).await;
    assert_eq!(late_lines().await, [true, true]);
}
