//! A small shop on a store: commands in few words, and what became of them.

use std::path::PathBuf;

use holdfast::allocator::command::{
    AcknowledgeRelease, Adjust, AdjustContent, Cancel, CancelContent, CancelLine, Change, Command, ContinueRefill,
    PutInbound, Receive, ReceiveContent, Reserve, ReserveLine, Ship,
};
use holdfast::allocator::decision::{Answer, Decision};
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::{AdjustmentReason, ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{AdjustmentId, InboundId, LineNumber, LocationId, OrderId, ReceiptId, RequestId, Sku};
use holdfast::domain::money::{Amount, Currency};
use holdfast::domain::order::{Order, Parcel, Shipment, Terms};
use holdfast::domain::quantity::{Quantity, Units};
use holdfast::domain::stock::Stock;
use holdfast::sequencer::round::{CommandRound, Outcome};
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use holdfast::store::{Round, Store, StoreError, Verdict};

/// A SQLite file that goes away with it.
pub(crate) struct Sqlite(tempfile::TempDir);

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("holdfast.db")
    }

    #[expect(clippy::unused_async, reason = "another database is opened over the network")]
    pub(crate) async fn open(&self) -> SqliteStore {
        self.try_open().expect("the store opens")
    }

    pub(crate) fn try_open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&SqliteOptions::new(self.path()))
    }
}

pub(crate) fn now() -> Instant {
    "2026-03-06T10:00:00Z".parse().expect("an instant")
}

pub(crate) fn place() -> LocationId {
    LocationId::parse("here").expect("an id")
}

pub(crate) fn sku(name: &str) -> Sku {
    Sku::parse(name).expect("a SKU")
}

pub(crate) fn order_id(name: &str) -> OrderId {
    OrderId::parse(name).expect("an id")
}

fn quantity(units: i64) -> Quantity {
    Quantity::parse(units).expect("a quantity")
}

pub(crate) fn put_location() -> Command {
    put_location_at(place())
}

pub(crate) fn put_location_at(location_id: LocationId) -> Command {
    let calendar = Calendar {
        time_zone: chrono_tz::Tz::UTC,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: std::iter::once("2026-12-25".parse().expect("a date")).collect(),
        handling_days: 1,
        version: 0,
    };
    Command::PutLocation(Location {
        location_id,
        display_name: "Here".to_owned(),
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    })
}

pub(crate) fn put_item(name: &str, safety_stock: i64) -> Command {
    Command::PutItem(Item {
        sku: sku(name),
        display_name: format!("A \"{name}\""),
        backorderable: true,
        lead_time_days: Some(10),
        max_backlog: None,
        safety_stock: Units::new(safety_stock).expect("a count"),
    })
}

pub(crate) fn reserve(id: &str, lines: &[(&str, i64)]) -> Command {
    reserve_at(place(), id, lines)
}

pub(crate) fn reserve_at(location_id: LocationId, id: &str, lines: &[(&str, i64)]) -> Command {
    let line = |(name, units): &(&str, i64)| ReserveLine {
        sku: sku(name),
        quantity: quantity(*units),
        price: Some(Amount::parse(10 * units, 0).expect("an amount")),
    };
    Command::Reserve(Reserve {
        order_id: order_id(id),
        location_id: Some(location_id),
        lines: lines.iter().map(line).collect(),
        currency: Some(Currency::parse("EUR").expect("a currency")),
        terms: Terms::default(),
    })
}

pub(crate) fn receive(id: &str, lines: &[(&str, i64)]) -> Command {
    receive_on(id, None, lines)
}

pub(crate) fn receive_on(id: &str, inbound: Option<&str>, lines: &[(&str, i64)]) -> Command {
    let line = |(name, units): &(&str, i64)| ReceivedLine {
        sku: sku(name),
        quantity: quantity(*units),
    };
    Command::Receive(Receive {
        location_id: place(),
        receipt_id: ReceiptId::parse(id).expect("an id"),
        content: ReceiveContent {
            inbound_id: inbound.map(|id| InboundId::parse(id).expect("an id")),
            reason: ReceiptReason::Purchase,
            lines: lines.iter().map(line).collect(),
        },
    })
}

pub(crate) fn put_inbound(id: &str, date: &str, lines: &[(&str, i64)]) -> Command {
    Command::PutInbound(PutInbound {
        location_id: place(),
        inbound_id: InboundId::parse(id).expect("an id"),
        expected_date: date.parse().expect("a date"),
        lines: lines
            .iter()
            .map(|(name, units)| (sku(name), quantity(*units)))
            .collect(),
    })
}

pub(crate) fn adjust(id: &str, name: &str, delta: i64) -> Command {
    Command::Adjust(Adjust {
        location_id: place(),
        adjustment_id: AdjustmentId::parse(id).expect("an id"),
        content: AdjustContent {
            sku: sku(name),
            change: Change::Delta(delta),
            reason: AdjustmentReason::Loss,
            note: String::new(),
        },
    })
}

/// Cancels parts of lines, or everything when none are named.
pub(crate) fn cancel(id: &str, request: Option<&str>, parts: &[(i64, i64)]) -> Command {
    let part = |(number, units): &(i64, i64)| CancelLine {
        line_number: LineNumber(*number),
        quantity: quantity(*units),
    };
    Command::Cancel(Cancel {
        order_id: order_id(id),
        request_id: request.map(|id| RequestId::parse(id).expect("an id")),
        content: CancelContent {
            lines: parts.iter().map(part).collect(),
            reason: "it's \"late\"".to_owned(),
        },
    })
}

pub(crate) fn acknowledge(id: &str) -> Command {
    let order_id = order_id(id);
    Command::AcknowledgeRelease(AcknowledgeRelease { order_id })
}

pub(crate) fn ship(id: &str) -> Command {
    Command::ConfirmShipment(shipment(id))
}

pub(crate) fn ship_after_cancel(id: &str) -> Command {
    Command::ReportShippedAfterCancel(shipment(id))
}

fn shipment(id: &str) -> Ship {
    let parcels = vec![Parcel {
        carrier: "Post".to_owned(),
        tracking_number: "1".to_owned(),
    }];
    Ship {
        order_id: order_id(id),
        shipment: Shipment {
            parcels,
            reported_ship_at: None,
        },
    }
}

pub(crate) fn go_on(name: &str) -> Command {
    Command::ContinueRefill(ContinueRefill {
        location_id: place(),
        sku: sku(name),
    })
}

/// Runs commands in one round.
pub(crate) async fn run(store: &dyn Store, commands: &[Command]) -> Vec<Outcome> {
    run_at(store, now(), commands).await
}

/// Runs commands in one round, at an instant.
pub(crate) async fn run_at(store: &dyn Store, now: Instant, commands: &[Command]) -> Vec<Outcome> {
    let mut round = CommandRound::new(now, commands);
    store.round(&mut round).await.expect("the round is committed");
    round.into_outcomes().expect("no invariant is broken")
}

/// Runs commands in one round; each must be accepted.
pub(crate) async fn accepted(store: &dyn Store, commands: &[Command]) -> Vec<Answer> {
    let outcomes = run(store, commands).await;
    let answers = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Decided(Decision::Accepted(answer)) => answer,
        other @ (Outcome::Decided(_) | Outcome::Panicked(_) | Outcome::Failed(_)) => panic!("not accepted: {other:?}"),
    });
    answers.collect()
}

/// What of an order and its units ahead, or of counters, is stored.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) orders: Vec<(Order, Vec<Units>)>,
    pub(crate) stocks: Vec<Stock>,
}

struct Look<'a> {
    orders: Vec<OrderId>,
    skus: &'a [&'a str],
    seen: Seen,
}

impl Round for Look<'_> {
    fn now(&self) -> Instant {
        now()
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint {
            locations: vec![place()],
            orders: self.orders.clone(),
            skus: self.skus.iter().map(|name| (place(), sku(name))).collect(),
            ..Footprint::default()
        };
        footprint.settle();
        footprint
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        let mut ahead = self.orders.clone();
        ahead.sort_unstable();
        Wants {
            ahead,
            ..Wants::default()
        }
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        let slots = self
            .orders
            .iter()
            .map(|id| ws.order_of(id).expect("the order is stored"));
        self.seen.orders = slots
            .map(|slot| (slot.order.clone(), slot.units_ahead.clone()))
            .collect();
        let slots = self
            .skus
            .iter()
            .map(|name| ws.stock_of(&place(), &sku(name)).expect("the item is stored"));
        self.seen.stocks = slots.map(|slot| slot.stock.clone()).collect();
        Verdict::Abandon
    }
}

/// What is stored of orders and counters.
pub(crate) async fn look(store: &dyn Store, orders: &[&str], skus: &[&str]) -> Seen {
    let orders = orders.iter().map(|id| order_id(id)).collect();
    let mut look = Look {
        orders,
        skus,
        seen: Seen::default(),
    };
    store.observe(&mut look).await.expect("rows can be read");
    look.seen
}

/// Units on hand, allocated and lacking.
pub(crate) async fn counters(store: &dyn Store, name: &str) -> (i64, i64, i64) {
    let stock = look(store, &[], &[name]).await.stocks.remove(0);
    (stock.on_hand.get(), stock.allocated.get(), stock.backlog.get())
}

/// Checks every invariant.
pub(crate) async fn assert_invariants(store: &dyn Store) {
    for name in store.invariants() {
        for location in [None, Some(place())] {
            let report = store
                .check_invariant(name, location.as_ref())
                .await
                .expect("the invariant can be checked");
            assert_eq!(
                (report.violations, report.examples),
                (0, Vec::<String>::new()),
                "{name}: {}",
                report.description
            );
        }
    }
}
