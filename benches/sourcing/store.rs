//! The same choice with a store behind it: rounds of orders and quotes that name no location, of items that are in stock
//! everywhere or backordered everywhere, on 1 and on 50 locations in turns.

use std::time::Duration;

use holdfast::allocator::command::{Command, PutInbound, Receive, ReceiveContent, Reserve, ReserveLine};
use holdfast::allocator::footprint::{self, Footprint, Wants};
use holdfast::allocator::quote;
use holdfast::allocator::working_set::WorkingSet;
use holdfast::cli::output::line;
use holdfast::clock::monotonic;
use holdfast::domain::event::{ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{InboundId, LocationId, OrderId, ReceiptId};
use holdfast::domain::order::Terms;
use holdfast::domain::quantity::Quantity;
use holdfast::domain::{Date, Instant};
use holdfast::sequencer::round::CommandRound;
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use holdfast::store::{Round, Store, Verdict};
use tokio::runtime::{Builder, Runtime};

use super::{SKUS, item, location, sku};

/// Names an empty database of PostgreSQL for each number of locations: `{}` stands for 1 and 50.
const POSTGRES: &str = "HOLDFAST_BENCH_POSTGRES_URL";
const LOCATIONS: [i64; 2] = [1, 50];
const INBOUNDS: i64 = 3;
/// Half of the SKUs are in stock, half backordered.
const SKUS_OF_A_KIND: i64 = SKUS >> 1;
const TURNS: usize = 15;
const ROUNDS_A_TURN: usize = 4;
/// Orders of a round, and quotes on one snapshot.
const TOGETHER: [usize; 2] = [1, 64];

struct Shop {
    store: Box<dyn Store>,
    locations: i64,
    orders: u64,
    written: i64,
    _directory: Option<tempfile::TempDir>,
}

fn now() -> Instant {
    "2026-03-06T10:00:00Z".parse().expect("an instant")
}

impl Shop {
    async fn sqlite(locations: i64) -> Self {
        let directory = tempfile::tempdir_in("target").expect("a directory");
        let options = SqliteOptions::new(directory.path().join("bench.db"));
        let store = SqliteStore::open(&options).expect("a store");
        Self::stocked(Box::new(store), locations, Some(directory)).await
    }

    async fn postgres(url: &str, locations: i64) -> Self {
        let url = url.replace("{}", &locations.to_string());
        let options = PostgresOptions::new(&url).expect("a URL");
        PostgresStore::migrate(&options).await.expect("tables");
        let store = PostgresStore::open(&options).await.expect("a store");
        Self::stocked(Box::new(store), locations, None).await
    }

    /// The first half of the SKUs is in stock everywhere; of the others inbounds are on their way to every location.
    async fn stocked(store: Box<dyn Store>, locations: i64, directory: Option<tempfile::TempDir>) -> Self {
        let shop = Self {
            store,
            locations,
            orders: 0,
            written: 0,
            _directory: directory,
        };
        let put = |number| Command::PutLocation(location(number));
        let mut commands: Vec<_> = (0..locations).map(put).collect();
        commands.extend((0..SKUS).map(|number| Command::PutItem(item(number))));
        shop.run(&commands).await;
        for number in 0..locations {
            shop.run(&supply(&location(number).location_id)).await;
        }
        shop
    }

    async fn run(&self, commands: &[Command]) {
        let mut round = CommandRound::new(now(), commands);
        self.store.round(&mut round).await.expect("the round is committed");
        round.into_outcomes().expect("no invariant is broken");
    }

    fn carts(&mut self, count: usize, first: i64) -> Vec<Reserve> {
        let line = |number: i64| ReserveLine {
            sku: sku(first + number % (SKUS_OF_A_KIND)),
            quantity: Quantity::parse(1).expect("a quantity"),
            price: None,
        };
        let carts = (0..count).map(|_| {
            self.orders += 1;
            let number = i64::try_from(self.orders).expect("few orders");
            Reserve {
                order_id: OrderId::parse(&format!("order-{:012}", self.orders)).expect("an id"),
                location_id: None,
                lines: vec![line(2 * number), line(2 * number + 1)],
                currency: None,
                terms: Terms::default(),
            }
        });
        carts.collect()
    }

    /// Places an order at each of so many locations, the next ones in turn.
    async fn write(&mut self, locations: i64) {
        let mut commands = Vec::new();
        for _ in 0..locations.min(self.locations) {
            let location_id = location(self.written.rem_euclid(self.locations)).location_id;
            self.written += 1;
            let named = self.carts(1, 0).into_iter().map(|cart| Reserve {
                location_id: Some(location_id.clone()),
                ..cart
            });
            commands.extend(named.map(Command::Reserve));
        }
        self.run(&commands).await;
    }

    async fn time(&mut self, call: Call, first: i64, count: usize) -> Duration {
        if let Call::QuoteAfter(locations) = call {
            self.write(locations).await;
        }
        let carts = self.carts(count, first);
        let commands: Vec<_> = carts.iter().cloned().map(Command::Reserve).collect();
        let begun = monotonic();
        match call {
            Call::Reserve => self.run(&commands).await,
            Call::Quote | Call::QuoteAfter(_) => {
                let mut quotes = Quotes {
                    carts,
                    missed: Wants::default(),
                };
                self.store.observe(&mut quotes).await.expect("a snapshot");
            }
        }
        monotonic().duration_since(begun)
    }
}

fn supply(location_id: &LocationId) -> Vec<Command> {
    let quantity = Quantity::parse(1_000_000).expect("a quantity");
    let in_stock = (0..SKUS_OF_A_KIND).map(|number| ReceivedLine {
        sku: sku(number),
        quantity,
    });
    let receipt = Command::Receive(Receive {
        location_id: location_id.clone(),
        receipt_id: ReceiptId::parse("first").expect("an id"),
        content: ReceiveContent {
            inbound_id: None,
            reason: ReceiptReason::Purchase,
            lines: in_stock.collect(),
        },
    });
    let inbounds = (1..=INBOUNDS).map(|number| {
        let expected_date: Date = format!("2026-04-{:02}", 7 * number).parse().expect("a date");
        Command::PutInbound(PutInbound {
            location_id: location_id.clone(),
            inbound_id: InboundId::parse(&format!("inbound-{number}")).expect("an id"),
            expected_date,
            lines: (SKUS_OF_A_KIND..SKUS).map(|number| (sku(number), quantity)).collect(),
        })
    });
    inbounds.chain([receipt]).collect()
}

#[derive(Clone, Copy)]
enum Call {
    Reserve,
    Quote,
    /// After orders at so many locations, which are not counted.
    QuoteAfter(i64),
}

/// Quotes on one snapshot.
struct Quotes {
    carts: Vec<Reserve>,
    missed: Wants,
}

impl Round for Quotes {
    fn now(&self) -> Instant {
        now()
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        for cart in &self.carts {
            footprint.source(None, &cart.lines);
        }
        footprint.settle();
        footprint
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        let carts = self.carts.iter().map(|cart| (None, cart.lines.as_slice()));
        let mut wants = footprint::plan_of_each(ws, carts);
        wants.merge(&self.missed);
        wants
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        for cart in &self.carts {
            let quoted = quote::quote(ws, None, &cart.lines).expect("no refusal");
            if quoted.is_none() {
                self.missed.merge(&ws.missing);
                return Verdict::Again;
            }
            assert!(quoted.is_some_and(|quote| quote.ship_date.is_some()), "it is promised");
        }
        Verdict::Abandon
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() >> 1]
}

/// How long rounds of a call took in each shop.
async fn in_turns(shops: &mut [Shop], call: Call, first: i64, count: usize) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::new(); shops.len()];
    for _ in 0..TURNS {
        for (shop, times) in shops.iter_mut().zip(&mut times) {
            for _ in 0..ROUNDS_A_TURN {
                times.push(shop.time(call, first, count).await);
            }
        }
    }
    times
}

async fn measure(database: &str, mut shops: Vec<Shop>) {
    let [one, all] = [1, LOCATIONS[1]].map(Call::QuoteAfter);
    let calls = [(Call::Reserve, "Reserve"), (Call::Quote, "Quote")];
    for (call, name) in calls
        .into_iter()
        .chain([(one, "Quote, 1 written"), (all, "Quote, all written")])
    {
        for (case, first) in [("in stock", 0), ("backordered", SKUS_OF_A_KIND)] {
            for count in TOGETHER {
                let times = in_turns(&mut shops, call, first, count).await;
                let each = u32::try_from(count).expect("a small count");
                let medians = times.into_iter().map(median).map(|time| time / each);
                let medians: Vec<_> = medians.collect();
                let ratio = (100 * medians[1].as_nanos()).div_euclid(medians[0].as_nanos().max(1));
                line(&format_args!(
                    "{database:10} {name:18} {case:12} {count:3} together: {:>9.1?} with {}, {:>9.1?} with {}: {}.{:02} times",
                    medians[0],
                    shops[0].locations,
                    medians[1],
                    shops[1].locations,
                    ratio.div_euclid(100),
                    ratio.rem_euclid(100),
                ));
            }
        }
    }
}

/// Measures both databases.
pub(super) fn run() {
    let runtime: Runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut shops = Vec::new();
        for locations in LOCATIONS {
            shops.push(Shop::sqlite(locations).await);
        }
        measure("SQLite", shops).await;
        let Ok(url) = std::env::var(POSTGRES) else {
            line(&format_args!("PostgreSQL: not measured, {POSTGRES} names no database"));
            return;
        };
        let mut shops = Vec::new();
        for locations in LOCATIONS {
            shops.push(Shop::postgres(&url, locations).await);
        }
        measure("PostgreSQL", shops).await;
    });
}
