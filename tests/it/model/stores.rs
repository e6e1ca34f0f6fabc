//! Stores against the model: the same random commands, on real databases.

use std::sync::Arc;

use holdfast::allocator::command::{Command, ContinueRefill, Reestimate, Reserve};
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::event::Event;
use holdfast::domain::ids::{EventSequence, LocationId};
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::CommandRound;
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use holdfast::store::{Round, Store, Verdict};

use super::properties::{from_environment, random_seed};
use super::quotes::{QuoteRound, quote_then_place};
use super::runner::{Numbers, run_against_store};
use super::runs::{refill_in_parts, run, same_run, singly, together};
use super::system::{StoreSystem, System};
use crate::conformance::warehouse::{now, put_item, put_location, reserve};
use crate::support::postgres::{self, Postgres};

/// Commands on each database when nobody asks for more.
const COMMANDS: usize = 1_500;
/// Scripts that are compared database with database.
const EPISODES: u64 = 3;
const EPISODE_COMMANDS: usize = 120;
/// Scripts of which each order is quoted first.
const QUOTED_EPISODES: usize = 8;
/// Queue lines that a round with a short refill fills.
const SHORT_REFILL_LINES: i64 = 2;

fn sqlite(directory: &tempfile::TempDir, name: &str) -> StoreSystem {
    let options = SqliteOptions::new(directory.path().join(name));
    StoreSystem::new(async || Arc::new(SqliteStore::open(&options).expect("a store")) as Arc<dyn Store>)
}

#[test]
fn sqlite_agrees_with_the_model_over_many_random_commands() {
    let directory = tempfile::tempdir().expect("a directory");
    let commands = from_environment("HOLDFAST_MODEL_STORE_COMMANDS").unwrap_or(COMMANDS);
    let seed = from_environment("HOLDFAST_MODEL_SEED").unwrap_or_else(random_seed);
    let options = SqliteOptions::new(directory.path().join("model.db"));
    let open = async || Arc::new(SqliteStore::open(&options).expect("a store")) as Arc<dyn Store>;
    run_against_store(open, commands, seed);
}

#[test]
fn postgresql_agrees_with_the_model_over_many_random_commands() {
    let database = Postgres::database();
    let commands = from_environment("HOLDFAST_MODEL_STORE_COMMANDS").unwrap_or(COMMANDS);
    let seed = from_environment("HOLDFAST_MODEL_SEED").unwrap_or_else(random_seed);
    let open = async || Arc::new(postgres::open(&database).await) as Arc<dyn Store>;
    run_against_store(open, commands, seed);
}

/// The same commands give the same answers, the same tables and the same log, byte for byte.
#[test]
fn the_databases_agree() {
    let mut numbers = Numbers(10);
    for episode in 0..EPISODES {
        let (directory, database) = (tempfile::tempdir().expect("a directory"), Postgres::database());
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let file = run(&mut sqlite(&directory, "one.db"), &script.ids, &script.rounds);
        let open = async || Arc::new(postgres::open(&database).await) as Arc<dyn Store>;
        let server = run(&mut StoreSystem::new(open), &script.ids, &script.rounds);
        same_run(&server, &file, &format!("episode {episode}"));
    }
}

#[test]
fn on_sqlite_a_round_equals_its_commands_singly() {
    let mut numbers = Numbers(9);
    for episode in 0..EPISODES {
        let directory = tempfile::tempdir().expect("a directory");
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let alone = run(
            &mut sqlite(&directory, "alone.db"),
            &script.ids,
            &singly(&script.rounds),
        );
        let whole = run(
            &mut sqlite(&directory, "whole.db"),
            &script.ids,
            &together(&script.rounds),
        );
        same_run(&whole, &alone, &format!("episode {episode}"));
    }
}

/// Orders of which each is quoted first, none naming a location: what readers keep of one quote is as it stands for the next.
fn quotes_equal_promises(system: &mut StoreSystem, numbers: &mut Numbers, of: &str) {
    let mut placed = 0;
    for episode in 0..QUOTED_EPISODES {
        let script = numbers.case(EPISODE_COMMANDS).script(&format!("{episode}-"));
        let mut rounds = singly(&script.rounds);
        for command in rounds.iter_mut().flat_map(|(_, commands)| commands) {
            if let Command::Reserve(order) = command {
                order.location_id = None;
            }
        }
        placed += quote_then_place(system, &rounds, of);
        system.forget();
    }
    assert!(
        placed > QUOTED_EPISODES * 5,
        "too few orders were accepted to say anything"
    );
}

#[test]
fn on_sqlite_a_promise_equals_the_quote_before_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let seed = from_environment("HOLDFAST_MODEL_SEED").unwrap_or_else(random_seed);
    quotes_equal_promises(
        &mut sqlite(&directory, "quotes.db"),
        &mut Numbers(seed),
        &format!("seed {seed}"),
    );
}

#[test]
fn on_postgresql_a_promise_equals_the_quote_before_it() {
    let database = Postgres::database();
    let seed = from_environment("HOLDFAST_MODEL_SEED").unwrap_or_else(random_seed);
    let open = async || Arc::new(postgres::open(&database).await) as Arc<dyn Store>;
    quotes_equal_promises(&mut StoreSystem::new(open), &mut Numbers(seed), &format!("seed {seed}"));
}

/// A quote that was asked while there was no location: of an item that was put since, the next one knows nothing.
fn an_item_that_was_asked_for_without_locations_is_read_anew(system: &mut StoreSystem) {
    let mut run = |commands: &[Command]| {
        let mut round = CommandRound::new(now(), commands);
        system.round(&mut round);
        round.into_outcomes().expect("no invariant is broken");
        let Command::Reserve(order) = reserve("o1", &[("A", 1)]) else {
            panic!("an order is reserved")
        };
        let order = Reserve {
            location_id: None,
            ..order
        };
        QuoteRound::ask(system, &order, now())
    };
    let mut later = put_item("A", 0);
    if let Command::PutItem(item) = &mut later {
        item.lead_time_days = Some(30);
    }
    let refused = run(&[put_item("A", 0)]);
    assert!(matches!(refused, Err(Rejection::NoActiveLocation)), "{refused:?}");
    run(&[later]).expect_err("there is still no location");
    let quote = run(&[put_location()]).expect("a quote");
    assert_eq!(quote.ship_date, Some("2026-04-07".parse().expect("a date")));
}

#[test]
fn on_sqlite_an_item_that_was_asked_for_without_locations_is_read_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    an_item_that_was_asked_for_without_locations_is_read_anew(&mut sqlite(&directory, "items.db"));
}

#[test]
fn on_postgresql_an_item_that_was_asked_for_without_locations_is_read_anew() {
    let database = Postgres::database();
    let open = async || Arc::new(postgres::open(&database).await) as Arc<dyn Store>;
    an_item_that_was_asked_for_without_locations_is_read_anew(&mut StoreSystem::new(open));
}

/// A round that may fill few queue lines.
struct ShortRefill<'a>(&'a mut dyn Round);

impl Round for ShortRefill<'_> {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn footprint(&self) -> Footprint {
        self.0.footprint()
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        self.0.plan(ws)
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        ws.refill_lines_max = SHORT_REFILL_LINES;
        ws.refill_lines_left = SHORT_REFILL_LINES;
        self.0.decide(ws)
    }
}

/// A store whose rounds have short refills.
struct ShortRefills(StoreSystem);

impl System for ShortRefills {
    fn forget(&mut self) {
        self.0.forget();
    }

    fn round(&mut self, round: &mut dyn Round) {
        self.0.round(&mut ShortRefill(round));
    }

    fn observe(&mut self, round: &mut dyn Round) {
        self.0.observe(round);
    }

    fn events(&mut self, location: &LocationId, after: EventSequence) -> Vec<Event> {
        self.0.events(location, after)
    }

    fn to_estimate(&mut self, now: Instant) -> Vec<Reestimate> {
        self.0.to_estimate(now)
    }

    fn pending_refill(&mut self) -> Option<ContinueRefill> {
        self.0.pending_refill()
    }
}

#[test]
fn on_sqlite_a_refill_in_parts_ends_like_one_in_whole() {
    let mut numbers = Numbers(8);
    let mut parts = 0;
    for episode in 0..EPISODES {
        let directory = tempfile::tempdir().expect("a directory");
        let script = numbers.case(EPISODE_COMMANDS).script("");
        let mut system = ShortRefills(sqlite(&directory, "model.db"));
        parts += refill_in_parts(&mut system, &script, &format!("episode {episode}"));
    }
    assert!(parts > 0, "no refill was cut");
}
