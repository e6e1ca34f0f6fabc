//! What it costs to choose among 50 locations: decisions of the pure core, and with a store behind it (`store`).
//!
//! The rule to keep: an order that names no location costs at most three times as much with 50 of them as with one.
//!
//! `cargo bench --bench sourcing -- store` measures the stores alone; `HOLDFAST_BENCH_POSTGRES_URL` names the databases of
//! PostgreSQL, empty ones, `{}` in it standing for the number of their locations.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion};
use holdfast::allocator::command::{Command, Reserve, ReserveLine};
use holdfast::allocator::decide;
use holdfast::allocator::working_set::{ItemSlot, WorkingSet};
use holdfast::domain::Instant;
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::ids::{EventSequence, InboundKey, LocationId, LocationKey, OrderId, Sequence, Sku, SkuKey};
use holdfast::domain::order::Terms;
use holdfast::domain::quantity::{Quantity, Units};
use holdfast::domain::stock::Stock;

mod store;
#[path = "../support/mod.rs"]
mod support;

const ORDERS: usize = 256;
const SKUS: i64 = 64;

fn sku(number: i64) -> Sku {
    Sku::parse(&format!("SKU-{:06}", number % SKUS)).expect("a SKU")
}

fn location(number: i64) -> Location {
    support::location(LocationId::parse(&format!("warehouse-{number:02}")).expect("a location"))
}

fn item(number: i64) -> Item {
    support::item(sku(number))
}

/// Locations of which each has all of every SKU, or none has any and there is a lead time.
fn loaded(locations: i64, on_hand: i64) -> WorkingSet {
    let now: Instant = "2026-03-06T10:00:00Z".parse().expect("an instant");
    let mut ws = WorkingSet::new(now);
    let next = (Sequence(1), EventSequence(1), InboundKey(1));
    let loaded: Vec<_> = (1..=locations)
        .map(|number| ws.load_location(LocationKey(number), location(number), next))
        .collect();
    for number in 0..SKUS {
        let slot = ItemSlot {
            key: SkuKey(number),
            item: Arc::new(item(number)),
        };
        let item = ws.items.load(sku(number), slot);
        for location in &loaded {
            let on_hand = Units::new(on_hand).expect("a count");
            let stock = Stock {
                on_hand,
                ..Stock::default()
            };
            let stock = ws.load_stock(*location, item, stock);
            ws.stocks.note(stock).inbounds = Some(Vec::new());
        }
    }
    ws
}

fn orders() -> Vec<Command> {
    let line = |number: i64| ReserveLine {
        sku: sku(number),
        quantity: Quantity::parse(1).expect("a quantity"),
        price: None,
    };
    let order = |number: i64| {
        Command::Reserve(Reserve {
            order_id: OrderId::parse(&format!("order-{number:012}")).expect("an id"),
            location_id: None,
            lines: vec![line(2 * number), line(2 * number + 1)],
            currency: None,
            terms: Terms::default(),
        })
    };
    (0..).take(ORDERS).map(order).collect()
}

fn place(mut ws: WorkingSet, orders: &[Command]) -> WorkingSet {
    for order in orders {
        black_box(decide(&mut ws, order));
    }
    ws
}

fn anywhere(criterion: &mut Criterion) {
    let orders = orders();
    let mut group = criterion.benchmark_group("reserve_anywhere");
    group.throughput(criterion::Throughput::Elements(ORDERS as u64));
    for (case, on_hand) in [("in_stock", 1_000_000), ("backordered", 0)] {
        for locations in [1, 50] {
            let id = BenchmarkId::new(case, locations);
            group.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || loaded(locations, on_hand),
                    |ws| place(ws, &orders),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

fn main() {
    if std::env::args().any(|argument| argument == "store") {
        return store::run();
    }
    let mut criterion = Criterion::default().configure_from_args();
    anywhere(&mut criterion);
    criterion.final_summary();
}
