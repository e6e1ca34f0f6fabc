//! How long a round takes, by its size: orders of two lines over 10,000 SKUs, in a real file whose commits wait for the
//! disk.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use holdfast::allocator::command::{Command, Receive, ReceiveContent, Reserve, ReserveLine};
use holdfast::clock::monotonic;
use holdfast::domain::Instant;
use holdfast::domain::event::{ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{LocationId, OrderId, ReceiptId, Sku};
use holdfast::domain::money::{Amount, Currency};
use holdfast::domain::order::Terms;
use holdfast::domain::quantity::Quantity;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::Store;
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::{Builder, Runtime};

#[path = "support/mod.rs"]
mod support;

const SKUS: usize = 10_000;
const PUT_AT_ONCE: usize = 1_000;
const ROUNDS: [usize; 4] = [1, 16, 256, 1024];

struct Shop {
    runtime: Runtime,
    store: SqliteStore,
    location_id: LocationId,
    skus: Vec<Sku>,
    now: Instant,
    random: SmallRng,
    orders: u64,
    _directory: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = SqliteStore::open(&SqliteOptions::new(directory.path().join("bench.db"))).expect("a store");
        let sku = |number| Sku::parse(&format!("SKU-{number:06}")).expect("a SKU");
        let mut shop = Self {
            runtime,
            store,
            location_id: LocationId::parse("warehouse-1").expect("a location"),
            skus: (0..SKUS).map(sku).collect(),
            now: "2026-03-06T10:00:00Z".parse().expect("an instant"),
            random: SmallRng::seed_from_u64(1),
            orders: 0,
            _directory: directory,
        };
        shop.stock_up();
        shop
    }

    fn stock_up(&mut self) {
        self.run(&[Command::PutLocation(support::location(self.location_id.clone()))]);
        for skus in self.skus.clone().chunks(PUT_AT_ONCE) {
            let item = |sku: &Sku| Command::PutItem(support::item(sku.clone()));
            let items: Vec<_> = skus.iter().map(item).collect();
            self.run(&items);
            let quantity = Quantity::parse(1_000_000).expect("a quantity");
            let lines = skus
                .iter()
                .map(|sku| ReceivedLine {
                    sku: sku.clone(),
                    quantity,
                })
                .collect();
            let receipt_id = ReceiptId::parse(skus[0].as_str()).expect("an id");
            let content = ReceiveContent {
                inbound_id: None,
                reason: ReceiptReason::Purchase,
                lines,
            };
            self.run(&[Command::Receive(Receive {
                location_id: self.location_id.clone(),
                receipt_id,
                content,
            })]);
        }
    }

    fn orders(&mut self, count: usize) -> Vec<Command> {
        let orders = (0..count).map(|_| {
            self.orders += 1;
            let lines = (0..2).map(|_| ReserveLine {
                sku: self.skus[self.random.random_range(0..SKUS)].clone(),
                quantity: Quantity::parse(1).expect("a quantity"),
                price: Some(Amount::parse(19, 990_000_000).expect("an amount")),
            });
            Command::Reserve(Reserve {
                order_id: OrderId::parse(&format!("order-{:012}", self.orders)).expect("an id"),
                location_id: Some(self.location_id.clone()),
                lines: lines.collect(),
                currency: Some(Currency::parse("EUR").expect("a currency")),
                terms: Terms::default(),
            })
        });
        orders.collect()
    }

    fn time_a_round(&mut self, size: usize) -> Duration {
        let commands = self.orders(size);
        let begun = monotonic();
        self.run(&commands);
        monotonic().duration_since(begun)
    }

    fn run(&self, commands: &[Command]) {
        let mut round = CommandRound::new(self.now, commands);
        self.runtime
            .block_on(self.store.round(&mut round))
            .expect("the round is committed");
        round.into_outcomes().expect("no invariant is broken");
    }
}

fn rounds(criterion: &mut Criterion) {
    let mut shop = Shop::open();
    let mut group = criterion.benchmark_group("round");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for size in ROUNDS {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| shop.time_a_round(size)).sum());
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    rounds(&mut criterion);
    criterion.final_summary();
}
