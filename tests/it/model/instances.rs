//! Two instances on one PostgreSQL against the model: what they did, replayed in the order in which they did it.
//!
//! `HOLDFAST_MODEL_INSTANCES_COMMANDS` asks for a long run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use chrono::TimeDelta;
use holdfast::allocator::command::{Command, ContinueRefill, Reestimate};
use holdfast::allocator::decision::Answer;
use holdfast::allocator::footprint::{Footprint, Wants};
use holdfast::allocator::working_set::WorkingSet;
use holdfast::domain::Instant;
use holdfast::domain::event::Event;
use holdfast::domain::ids::{EventSequence, LocationId};
use holdfast::domain::rejection::Rejection;
use holdfast::sequencer::round::{CommandRound, Outcome};
use holdfast::store::{Round, Store, Verdict, lane_of};
use sqlx::Connection as _;

use super::commands::{Batch, Script};
use super::properties::{from_environment, random_seed};
use super::reference::Model;
use super::runner::{Memory, Numbers, decided_of, outcome_of, plain_outcome, run_on, same_state};
use super::runs::settle;
use super::system::{Observer, StoreSystem, System};
use crate::conformance::tentative::{minutes, tentative};
use crate::conformance::warehouse::{
    accepted, cancel, counters, put_item, put_location, put_location_at, receive, reserve, reserve_at, run_at,
};
use crate::support::postgres::{self, Postgres, waiting};

/// Commands of each test when nobody asks for more.
const COMMANDS: usize = 1_500;
/// Commands of one episode, which begins with nothing.
const EPISODE_COMMANDS: usize = 300;
/// Episodes that share a database. The locations of all have days to begin, of which some hundreds are told at once.
const EPISODES_OF_A_DATABASE: usize = 100;
/// Threads that send rounds to each instance: as many as it has lanes, and more that wait for one.
const SENDERS_EACH: usize = 3;
/// One round of so many is sent to both instances at once.
const TWICE_IN: usize = 6;

fn commands() -> usize {
    from_environment("HOLDFAST_MODEL_INSTANCES_COMMANDS").unwrap_or(COMMANDS)
}

fn seed() -> u64 {
    from_environment("HOLDFAST_MODEL_SEED").unwrap_or_else(random_seed)
}

/// Two instances on one database.
struct Instances {
    systems: [StoreSystem; 2],
    turn: usize,
}

impl Instances {
    fn on(database: &Postgres) -> Self {
        let open = || StoreSystem::new(async || Arc::new(postgres::open(database).await) as Arc<dyn Store>);
        Self {
            systems: [open(), open()],
            turn: 0,
        }
    }

    fn next(&mut self) -> &mut StoreSystem {
        self.turn += 1;
        &mut self.systems[self.turn % 2]
    }

    /// Ends them; then nothing on the database ever waited in a circle.
    fn end(self, database: &Postgres) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        for system in &self.systems {
            system.close();
        }
        assert_eq!(runtime.block_on(deadlocks(database)), 0, "deadlocks");
    }
}

/// The deadlocks of a database whose instances have ended. A session counts its own when it ends.
async fn deadlocks(database: &Postgres) -> i64 {
    let mut connection = database.connect().await;
    loop {
        let others: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await
        .expect("sessions can be counted");
        if others == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    sqlx::query_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        .fetch_one(&mut connection)
        .await
        .expect("deadlocks can be read")
}

impl System for Instances {
    fn forget(&mut self) {
        self.next().forget();
    }

    fn round(&mut self, round: &mut dyn Round) {
        self.next().round(round);
    }

    fn observe(&mut self, round: &mut dyn Round) {
        self.next().observe(round);
    }

    fn events(&mut self, location: &LocationId, after: EventSequence) -> Vec<Event> {
        self.next().events(location, after)
    }

    fn to_estimate(&mut self, now: Instant) -> Vec<Reestimate> {
        self.next().to_estimate(now)
    }

    fn pending_refill(&mut self) -> Option<ContinueRefill> {
        self.next().pending_refill()
    }
}

/// A round that draws a number whenever it decides: under its locks, so that numbers are in the order of whatever two
/// rounds both touch.
struct Numbered<'a> {
    inner: CommandRound<'a>,
    numbers: &'a AtomicU64,
    decided: u64,
}

impl Round for Numbered<'_> {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn footprint(&self) -> Footprint {
        self.inner.footprint()
    }

    fn plan(&mut self, ws: &WorkingSet) -> Wants {
        self.inner.plan(ws)
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        self.decided = self.numbers.fetch_add(1, Ordering::SeqCst);
        self.inner.decide(ws)
    }
}

/// A round that was sent, and what became of it.
struct Done {
    began: u64,
    decided: u64,
    ended: u64,
    now: Instant,
    outcomes: Vec<(Command, Outcome)>,
}

/// Sends rounds to two instances from several threads, each the next one that nobody has sent; answers them in the order in
/// which they were decided.
fn send_all(systems: &[StoreSystem; 2], rounds: &[&Batch]) -> Vec<Done> {
    let (next, numbers) = (AtomicUsize::new(0), AtomicU64::new(1));
    let send = |system: &StoreSystem| {
        let mut done = Vec::new();
        while let Some((now, commands)) = rounds.get(next.fetch_add(1, Ordering::SeqCst)) {
            let mut left = commands.clone();
            while !left.is_empty() {
                let began = numbers.fetch_add(1, Ordering::SeqCst);
                let mut round = Numbered {
                    inner: CommandRound::new(*now, &left),
                    numbers: &numbers,
                    decided: 0,
                };
                system.run(&mut round);
                let (decided, ended) = (round.decided, numbers.fetch_add(1, Ordering::SeqCst));
                let (outcomes, put_off) = decided_of(round.inner).expect("no invariant is broken");
                done.push(Done {
                    began,
                    decided,
                    ended,
                    now: *now,
                    outcomes,
                });
                left = put_off;
            }
        }
        done
    };
    let mut done: Vec<Done> = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS_EACH * 2)
            .map(|number| scope.spawn(move || send(&systems[number % 2])))
            .collect();
        let ended = senders
            .into_iter()
            .flat_map(|sender| sender.join().expect("no sender panics"));
        ended.collect()
    });
    done.sort_by_key(|round| round.decided);
    done
}

/// Whether a rejection says that something is not there, which is looked for before locks are taken.
fn is_unknown(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::UnknownOrder(_) | Rejection::UnknownLocation(_))
}

/// What was done, once more on the model. What a round did not find may have been made while it ran.
fn replay(done: &[Done]) -> Result<Model, String> {
    let mut model = Model::default();
    let mut former: Vec<(u64, Model)> = Vec::new();
    for round in done {
        former.push((round.ended, model.clone()));
        for (command, outcome) in &round.outcomes {
            let before = model.clone();
            let (outcome, expected) = (outcome_of(outcome)?, plain_outcome(&model.apply(command, round.now)));
            if outcome == expected {
                continue;
            }
            // As it was before any round that had not ended by then.
            let meanwhile = former.iter().filter(|(ended, _)| *ended > round.began);
            let mut meanwhile = meanwhile.map(|(_, model)| model.clone());
            let is_late = outcome.as_ref().is_err_and(is_unknown)
                && meanwhile.any(|mut model| plain_outcome(&model.apply(command, round.now)) == outcome);
            if !is_late {
                return Err(format!(
                    "round {}..{} at {}: {command:?}\n system {outcome:?}\n model  {expected:?}",
                    round.began, round.decided, round.now
                ));
            }
            model = before;
        }
    }
    Ok(model)
}

/// One episode: everything sent, replayed, and compared as each instance sees it.
fn episode(instances: &mut Instances, script: &Script) -> Result<(), String> {
    let mut rounds = Vec::new();
    for (at, round) in script.rounds.iter().enumerate() {
        rounds.push(round);
        if at % TWICE_IN == 0 {
            rounds.push(round);
        }
    }
    let done = send_all(&instances.systems, &rounds);
    let model = replay(&done)?;
    // Clocks of instances are not days apart as those of rounds here: a working day that begins after all of them puts dates right.
    let last = script.rounds.iter().map(|(now, _)| *now).max();
    let now = last.unwrap_or_default() + TimeDelta::days(60);
    for system in &mut instances.systems {
        settle(system, &script.ids, now)?;
        let seen = Observer::look(system, &script.ids, now);
        same_state(&seen, &model.look(now))?;
        Memory::default().same_log(system, &model, &script.ids, &seen)?;
    }
    Ok(())
}

/// An item that one instance keeps from one location is not taken for current at another.
#[tokio::test]
async fn an_item_that_another_instance_put_is_seen_at_every_location() {
    let database = Postgres::database();
    let (one, other) = (postgres::open(&database).await, postgres::open(&database).await);
    // Two locations whose rounds run on the same lane, which keeps rows for both.
    let ids = ["L0", "L1", "L2", "L3"].map(|id| LocationId::parse(id).expect("an id"));
    let lane = |id: &LocationId| lane_of(id.as_str(), one.lanes());
    let first = &ids[0];
    let second = ids[1..]
        .iter()
        .find(|id| lane(id) == lane(first))
        .expect("four locations share two lanes");
    let set_up = [
        put_location_at(first.clone()),
        put_location_at(second.clone()),
        put_item("A", 0),
    ];
    accepted(&other, &set_up).await;
    accepted(&one, &[reserve_at(first.clone(), "o1", &[("A", 1)])]).await;
    accepted(&other, &[put_item("A", 7)]).await;
    for id in ["o2", "o3"] {
        let answers = accepted(&one, &[reserve_at(second.clone(), id, &[("A", 1)])]).await;
        let Some(Answer::Order(answer)) = answers.first() else {
            panic!("{answers:?}");
        };
        assert_eq!(answer.order.lines[0].basis.safety_shortfall.get(), 7, "{id}");
    }
}

/// When the first payment is due at a location is kept by one instance until another one places a tentative order there.
#[tokio::test]
async fn an_order_that_another_instance_placed_lapses_for_whoever_comes_next() {
    let database = Postgres::database();
    let (one, other) = (postgres::open(&database).await, postgres::open(&database).await);
    accepted(&one, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
    accepted(&one, &[receive("r1", &[("A", 2)]), reserve("o1", &[("A", 1)])]).await;
    accepted(&other, &[tentative("o2", &[("A", 1)], minutes(10))]).await;
    run_at(&one, minutes(9), &[reserve("o3", &[("A", 1)])]).await;
    assert_eq!(counters(&one, "A").await, (2, 2, 1));
    run_at(&one, minutes(10), &[reserve("o4", &[("A", 1)])]).await;
    assert_eq!(counters(&one, "A").await, (2, 2, 1), "o3 has the unit of o2");
    // It was kept by this one too, until the other one's round.
    accepted(&other, &[tentative("o5", &[("B", 1)], minutes(30))]).await;
    run_at(&one, minutes(31), &[receive("r2", &[("A", 1)])]).await;
    assert_eq!(counters(&one, "B").await, (0, 0, 0));
}

/// What readers keep follows what their own instance wrote, and is read anew where another one wrote too.
#[tokio::test]
async fn readers_see_what_both_instances_wrote() {
    let database = Postgres::database();
    let (one, other) = (postgres::open(&database).await, postgres::open(&database).await);
    accepted(&one, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
    accepted(&one, &[receive("r1", &[("A", 9), ("B", 9)])]).await;
    assert_eq!(counters(&one, "A").await, (9, 0, 0));
    for turn in 1..=3 {
        accepted(&one, &[reserve(&format!("first-{turn}"), &[("A", 1)])]).await;
        assert_eq!(counters(&one, "A").await, (9, 2 * turn - 1, 0));
        accepted(&other, &[reserve(&format!("second-{turn}"), &[("A", 1)])]).await;
        accepted(&one, &[reserve(&format!("third-{turn}"), &[("B", 1)])]).await;
        assert_eq!(counters(&one, "A").await, (9, 2 * turn, 0));
        assert_eq!(counters(&other, "B").await, (9, turn, 0));
    }
}

/// An order that is placed after another instance looked for it, and before that one has the lock, is found in its queue: what
/// is kept for its repeats is then looked for too.
#[tokio::test]
async fn a_cancel_that_is_repeated_while_its_order_is_placed_has_one_effect() {
    let database = Postgres::database();
    let (one, other) = (postgres::open(&database).await, postgres::open(&database).await);
    accepted(&one, &[put_location(), put_item("A", 0)]).await;
    // The receipt of the second round loads the order for its queue.
    let placed = [reserve("o1", &[("A", 6)]), cancel("o1", Some("c1"), &[(1, 2)])];
    let repeated = [cancel("o1", Some("c1"), &[(1, 2)]), receive("r1", &[("A", 1)])];
    let (mut holder, mut watcher) = (database.connect().await, database.connect().await);
    let mut held = holder.begin().await.expect("a transaction");
    let lock = sqlx::query("SELECT FROM location_numbers FOR UPDATE");
    lock.execute(&mut *held).await.expect("the lock");
    let released = async {
        waiting(&mut watcher, 2).await;
        held.rollback().await.expect("it is given back");
    };
    let second = async {
        let mut watcher = database.connect().await;
        waiting(&mut watcher, 1).await;
        accepted(&other, &repeated).await
    };
    let (_, answers, ()) = tokio::join!(accepted(&one, &placed), second, released);
    let Some(Answer::Order(answer)) = answers.first() else {
        panic!("{answers:?}");
    };
    assert!(answer.replayed, "{answer:?}");
    assert_eq!(answer.order.lines[0].cancelled.get(), 2);
}

#[test]
fn two_instances_that_take_turns_agree_with_the_model() {
    let (mut left, mut seed) = (commands(), seed());
    while left > 0 {
        let some = left.min(EPISODES_OF_A_DATABASE * EPISODE_COMMANDS);
        let database = Postgres::database();
        let mut instances = Instances::on(&database);
        run_on(&mut instances, some, seed);
        instances.end(&database);
        (left, seed) = (left - some, seed.wrapping_add(1));
    }
}

#[test]
fn two_instances_at_once_agree_with_the_model() {
    let seed = seed();
    let mut numbers = Numbers(seed);
    let episodes: Vec<_> = (0..commands().div_ceil(EPISODE_COMMANDS)).collect();
    for episodes in episodes.chunks(EPISODES_OF_A_DATABASE) {
        let database = Postgres::database();
        let mut instances = Instances::on(&database);
        for number in episodes {
            let script = numbers.case(EPISODE_COMMANDS).script(&format!("E{seed}-{number}-"));
            instances.forget();
            let outcome = episode(&mut instances, &script);
            assert_eq!(outcome, Ok(()), "seed {seed}, episode {number}");
        }
        instances.end(&database);
    }
}
