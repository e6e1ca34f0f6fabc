//! How long the core takes to decide an order of two lines, on a working set that is loaded.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion};
use holdfast::allocator::command::{Command, Reserve, ReserveLine};
use holdfast::allocator::decide;
use holdfast::allocator::working_set::{ItemSlot, WorkingSet};
use holdfast::domain::Instant;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::ids::{EventSequence, InboundKey, LocationId, LocationKey, OrderId, Sequence, Sku, SkuKey};
use holdfast::domain::order::Terms;
use holdfast::domain::quantity::{Quantity, Units};
use holdfast::domain::stock::Stock;

const ORDERS: usize = 1_024;
const SKUS: i64 = 2_048;

fn sku(number: i64) -> Sku {
    Sku::parse(&format!("SKU-{number:06}")).expect("a SKU")
}

fn location_id() -> LocationId {
    LocationId::parse("warehouse-1").expect("a location")
}

fn loaded() -> WorkingSet {
    let now: Instant = "2026-03-06T10:00:00Z".parse().expect("an instant");
    let mut ws = WorkingSet::new(now);
    let calendar = Calendar {
        time_zone: chrono_tz::Tz::UTC,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: std::collections::BTreeSet::new(),
        handling_days: 1,
        version: 1,
    };
    let location = Location {
        location_id: location_id(),
        display_name: String::new(),
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    };
    let location = ws.load_location(LocationKey(1), location, (Sequence(1), EventSequence(1), InboundKey(1)));
    for number in 0..SKUS {
        let (sku, safety_stock) = (sku(number), Units::ZERO);
        let item = Item {
            sku: sku.clone(),
            display_name: String::new(),
            backorderable: true,
            lead_time_days: None,
            max_backlog: None,
            safety_stock,
        };
        let item = ws.items.load(
            sku,
            ItemSlot {
                key: SkuKey(number),
                item: Arc::new(item),
            },
        );
        let on_hand = Units::new(1_000_000).expect("a count");
        ws.load_stock(
            location,
            item,
            Stock {
                on_hand,
                ..Stock::default()
            },
        );
    }
    ws
}

fn orders() -> Vec<Command> {
    let line = |number: i64| ReserveLine {
        sku: sku(number % SKUS),
        quantity: Quantity::parse(1).expect("a quantity"),
        price: None,
    };
    let order = |number: usize| {
        let first = i64::try_from(number).expect("a small number") * 2;
        Command::Reserve(Reserve {
            order_id: OrderId::parse(&format!("order-{number:012}")).expect("an id"),
            location_id: Some(location_id()),
            lines: vec![line(first), line(first + 1)],
            currency: None,
            terms: Terms::default(),
        })
    };
    (0..ORDERS).map(order).collect()
}

fn reserve(criterion: &mut Criterion) {
    let orders = orders();
    let mut group = criterion.benchmark_group("decide");
    group.throughput(criterion::Throughput::Elements(ORDERS as u64));
    group.bench_function("reserve_two_lines", |bencher| {
        bencher.iter_batched(
            loaded,
            |mut ws| {
                for order in &orders {
                    black_box(decide(&mut ws, order));
                }
                ws
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    reserve(&mut criterion);
    criterion.final_summary();
}
