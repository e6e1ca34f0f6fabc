//! What comes while a round waits for the lock of its location, as another instance has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast::allocator::command::Command;
use holdfast::allocator::decision::Answer;
use holdfast::clock::{Clock, ManualClock, monotonic};
use holdfast::domain::ids::LocationId;
use holdfast::sequencer::runner::{Halted, sequencer};
use holdfast::sequencer::{Failure, Limits, Pending, Reply, Sequencer};
use holdfast::store::Store;
use holdfast::store::faulty::{Fault, FaultyStore};
use holdfast::store::postgres::{PostgresOptions, PostgresStore};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::conformance::tentative::minutes;
use crate::conformance::warehouse::{
    accepted, cancel, now, place, put_item, put_location, put_location_at, receive, reserve_at,
};
use crate::support::postgres::{self, Postgres as TestDatabase, waiting};

/// The place of an order that was accepted, and when it was placed.
fn placed(reply: Result<Reply, Failure>) -> (i64, holdfast::domain::Instant) {
    match reply {
        Ok(Reply::Accepted(Answer::Order(answer))) if !answer.replayed => {
            (answer.order.sequence.0, answer.order.placed_at)
        }
        other => panic!("not accepted: {other:?}"),
    }
}

/// A sequencer and the runners behind it.
struct Rounds {
    sequencer: Sequencer,
    runners: Vec<JoinHandle<Result<(), Halted>>>,
    stop: CancellationToken,
}

impl Rounds {
    fn start(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> Self {
        let stop = CancellationToken::new();
        let (sequencer, runners) = sequencer(store, clock, Limits::default(), &stop);
        let runners = runners.into_iter().map(|runner| tokio::spawn(runner.run()));
        Self {
            sequencer,
            runners: runners.collect(),
            stop,
        }
    }

    /// Queues a command behind those before it.
    async fn queue(&self, command: Command) -> Pending {
        self.sequencer.enqueue(command).await.expect("it is queued")
    }

    async fn end(self) {
        self.stop.cancel();
        for runner in self.runners {
            runner.await.expect("no runner panics").expect("it ends");
        }
    }
}

/// Locations of which somebody else holds the locks.
async fn hold(connection: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut held = connection.begin().await.expect("a transaction");
    let lock = sqlx::query("SELECT FROM location_numbers FOR UPDATE");
    lock.execute(&mut *held).await.expect("the lock");
    held
}

/// A store with one lane, on an empty database.
async fn one_lane(database: &TestDatabase) -> PostgresStore {
    postgres::open(database).await.close().await;
    let mut options = PostgresOptions::new(database.url()).expect("a URL");
    options.lanes = 1;
    PostgresStore::open(&options).await.expect("it is reached")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_round_waits_for_its_lock_is_decided_with_it() {
    let database = TestDatabase::migrated_database();
    latecomers_join(&database, Box::new(one_lane(&database).await), &AtomicBool::new(false)).await;
}

/// The commands are then run one at a time, at the instant of the round that failed.
#[tokio::test(flavor = "multi_thread")]
async fn who_joined_a_round_whose_commit_is_not_answered_is_answered_once_too() {
    let database = TestDatabase::migrated_database();
    let armed = Arc::new(AtomicBool::new(false));
    let once = Arc::clone(&armed);
    let fault = move |_| once.swap(false, Ordering::SeqCst).then_some(Fault::AfterCommit);
    let store = FaultyStore::new(one_lane(&database).await, Box::new(fault));
    latecomers_join(&database, Box::new(store), &armed).await;
    assert!(!armed.load(Ordering::SeqCst), "no commit failed");
}

/// The first round of the runner finds `armed` set.
async fn latecomers_join(database: &TestDatabase, store: Box<dyn Store>, armed: &AtomicBool) {
    let store: Arc<dyn Store> = store.into();
    let elsewhere = LocationId::parse("elsewhere").expect("an id");
    let catalog = [put_location(), put_location_at(elsewhere.clone()), put_item("A", 0)];
    accepted(&*store, &catalog).await;
    accepted(&*store, &[receive("r1", &[("A", 2)])]).await;
    let shown = Arc::new(ManualClock::new(now()));
    let clock: Arc<dyn Clock> = shown.clone();
    let rounds = Rounds::start(&store, &clock);
    let order = |id: &str, location: &LocationId| reserve_at(location.clone(), id, &[("A", 1)]);

    let (mut holder, mut watcher) = (database.connect().await, database.connect().await);
    let held = hold(&mut holder).await;
    armed.store(true, Ordering::SeqCst);
    let mut calls = vec![rounds.queue(order("o1", &place())).await];
    waiting(&mut watcher, 1).await;
    shown.set(minutes(1));
    let (sequencer, o2) = (rounds.sequencer.clone(), order("o2", &place()));
    let expired = tokio::spawn(async move { sequencer.submit(o2, Some(monotonic())).await });
    // What is behind one that cannot join does not join either.
    for command in [
        order("o3", &place()),
        order("o4", &elsewhere),
        order("o5", &place()),
        cancel("o3", None, &[(1, 1)]),
    ] {
        calls.push(rounds.queue(command).await);
    }
    held.rollback().await.expect("it is given back");

    let mut replies = Vec::new();
    for called in calls {
        replies.push(called.reply().await);
    }
    let cancelled = replies.pop().expect("five replies");
    let orders: Vec<_> = replies.into_iter().map(placed).collect();
    // A round of one instant: what it waited for was over by then.
    let later = minutes(1);
    assert_eq!(orders, [(1, later), (2, later), (1, later), (3, later)]);
    assert!(matches!(cancelled, Ok(Reply::Accepted(_))), "{cancelled:?}");
    let expired = expired.await.expect("no call panics");
    assert_eq!(expired.expect_err("it waited for too long"), Failure::DeadlinePassed);
    rounds.end().await;
    store.close().await;
}

/// Lines of a queue that one round does not fill.
const LONG_QUEUE: i64 = 10_500;

/// What was put back until a refill is done is not overtaken by what comes while the next round waits for its lock.
#[tokio::test(flavor = "multi_thread")]
async fn latecomers_do_not_overtake_what_was_put_back() {
    let database = TestDatabase::migrated_database();
    let store: Arc<dyn Store> = Arc::new(one_lane(&database).await);
    accepted(&*store, &[put_location(), put_item("A", 0)]).await;
    let lines = vec![("A", 1); 500];
    for number in 0..LONG_QUEUE.div_euclid(500) {
        accepted(&*store, &[reserve_at(place(), &format!("o{number}"), &lines)]).await;
    }
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now()));
    let rounds = Rounds::start(&store, &clock);
    let (mut first, mut second) = (database.connect().await, database.connect().await);
    let mut watcher = database.connect().await;
    let held = hold(&mut first).await;
    let receipt = rounds.queue(receive("r1", &[("A", LONG_QUEUE + 1)])).await;
    waiting(&mut watcher, 1).await;
    let put_back = rounds.queue(reserve_at(place(), "put-back", &[("A", 1)])).await;
    // It has the lock between the round that cuts the refill and the one that goes on with it.
    let between = hold(&mut second);
    let (held_again, ()) = tokio::join!(between, async {
        waiting(&mut watcher, 2).await;
        held.rollback().await.expect("it is given back");
    });
    waiting(&mut watcher, 1).await;
    let late = rounds.queue(reserve_at(place(), "late", &[("A", 1)])).await;
    held_again.rollback().await.expect("it is given back");
    receipt.reply().await.expect("it is accepted");
    let (put_back, late) = (put_back.reply().await, late.reply().await);
    assert_eq!(placed(late).0, placed(put_back).0 + 1);
    rounds.end().await;
    store.close().await;
}
