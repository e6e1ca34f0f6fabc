//! The sequencer on a real store: what waits, what is put off, and what happens at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast::allocator::command::{Command, PutInbound, Receive, ReceiveContent, Reserve, ReserveLine};
use holdfast::allocator::decision::{Answer, Received};
use holdfast::clock::{ManualClock, monotonic};
use holdfast::domain::Date;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::event::{ReceiptReason, ReceivedLine};
use holdfast::domain::ids::{InboundId, LocationId, OrderId, ReceiptId, Sku};
use holdfast::domain::order::{OrderState, Terms};
use holdfast::domain::quantity::{Quantity, Units};
use holdfast::sequencer::runner::{Halted, sequencer};
use holdfast::sequencer::{Failure, Limits, Reply, Sequencer};
use holdfast::store::Store;
use holdfast::store::faulty::{Fault, FaultyStore};
use holdfast::store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::at;

/// More waiting lines than one round fills.
const LONG_QUEUE: i64 = 10_500;

struct Rounds {
    sequencer: Sequencer,
    runner: JoinHandle<Result<(), Halted>>,
    stop: CancellationToken,
    store: Arc<dyn Store>,
    _directory: TempDir,
}

fn w1() -> LocationId {
    LocationId::parse("W1").expect("an id")
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("an id")
}

fn reserve(order_id: &str, text: &str) -> Command {
    let quantity = Quantity::parse(1).expect("a quantity");
    Command::Reserve(Reserve {
        order_id: OrderId::parse(order_id).expect("an id"),
        location_id: Some(w1()),
        lines: vec![ReserveLine {
            sku: sku(text),
            quantity,
            price: None,
        }],
        currency: None,
        terms: Terms::default(),
    })
}

fn receive(receipt_id: &str, text: &str, quantity: i64) -> Command {
    let quantity = Quantity::parse(quantity).expect("a quantity");
    let lines = vec![ReceivedLine {
        sku: sku(text),
        quantity,
    }];
    Command::Receive(Receive {
        location_id: w1(),
        receipt_id: ReceiptId::parse(receipt_id).expect("an id"),
        content: ReceiveContent {
            inbound_id: None,
            reason: ReceiptReason::default(),
            lines,
        },
    })
}

fn inbound(inbound_id: &str, text: &str) -> Command {
    Command::PutInbound(PutInbound {
        location_id: w1(),
        inbound_id: InboundId::parse(inbound_id).expect("an id"),
        expected_date: Date::from_ymd_opt(2026, 3, 12).expect("a date"),
        lines: vec![(sku(text), Quantity::parse(1).expect("a quantity"))],
    })
}

fn location() -> Command {
    let calendar = Calendar {
        time_zone: chrono_tz::Tz::UTC,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: std::collections::BTreeSet::new(),
        handling_days: 1,
        version: 1,
    };
    Command::PutLocation(Location {
        location_id: w1(),
        display_name: String::new(),
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    })
}

fn item(text: &str) -> Command {
    Command::PutItem(Item {
        sku: sku(text),
        display_name: String::new(),
        backorderable: true,
        lead_time_days: Some(30),
        max_backlog: None,
        safety_stock: Units::ZERO,
    })
}

impl Rounds {
    /// A sequencer whose next commit is not answered once that is asked for.
    async fn losing_a_commit() -> (Self, Arc<AtomicBool>) {
        let armed = Arc::new(AtomicBool::new(false));
        let once = Arc::clone(&armed);
        let fault = move |_| once.swap(false, Ordering::SeqCst).then_some(Fault::AfterCommit);
        (Self::start(roomy(), fault).await, armed)
    }

    /// A sequencer on a new file with the location `W1` and the items `A` and `B`. Faults are numbered by the rounds after
    /// the first three.
    async fn start(limits: Limits, mut faults: impl FnMut(u64) -> Option<Fault> + Send + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = SqliteStore::open(&SqliteOptions::new(directory.path().join("rounds.db"))).expect("a store");
        let faults = move |round: u64| round.checked_sub(3).and_then(&mut faults);
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(file, Box::new(faults)));
        let clock = Arc::new(ManualClock::new(at("2026-03-02T09:00:00Z")));
        let stop = CancellationToken::new();
        let (handle, mut runners) = sequencer(&store, &(clock as Arc<dyn holdfast::clock::Clock>), limits, &stop);
        let runner = runners.pop().expect("a lane");
        let rounds = Self {
            sequencer: handle,
            runner: tokio::spawn(runner.run()),
            stop,
            store,
            _directory: directory,
        };
        for command in [location(), item("A"), item("B")] {
            rounds.submit(command).await.expect("a reply");
        }
        rounds
    }

    async fn submit(&self, command: Command) -> Result<Reply, Failure> {
        self.sequencer.submit(command, None).await
    }

    fn spawn(&self, command: Command) -> JoinHandle<Result<Reply, Failure>> {
        let handle = self.sequencer.clone();
        tokio::spawn(async move { handle.submit(command, None).await })
    }

    /// Orders of one unit of `A`, all waiting.
    async fn long_queue(&self) {
        let calls: Vec<_> = (0..LONG_QUEUE)
            .map(|n| self.spawn(reserve(&format!("O{n}"), "A")))
            .collect();
        for call in calls {
            assert!(matches!(call.await.expect("a call"), Ok(Reply::Accepted(_))));
        }
    }

    async fn received(&self, command: Command) -> Received {
        match self.submit(command).await {
            Ok(Reply::Accepted(Answer::Received(received))) => received,
            other => panic!("not received: {other:?}"),
        }
    }

    async fn end(self) {
        for name in self.store.invariants() {
            let report = self.store.check_invariant(name, None).await.expect("a report");
            assert_eq!(report.violations, 0, "{report:?}");
        }
        self.stop.cancel();
        self.runner.await.expect("a task").expect("an orderly end");
    }
}

fn roomy() -> Limits {
    Limits {
        queue_commands_max: 20_000,
        round_commands_max: 1_024,
    }
}

#[tokio::test]
async fn a_command_whose_deadline_passed_in_the_queue_has_no_effect() {
    let slow = |round| (round == 1).then_some(Fault::Slow(Duration::from_millis(300)));
    let rounds = Rounds::start(
        Limits {
            round_commands_max: 1,
            ..Limits::default()
        },
        slow,
    )
    .await;
    let first = rounds.spawn(reserve("O1", "A"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let deadline = monotonic() + Duration::from_millis(100);
    let late = rounds.sequencer.submit(reserve("O2", "A"), Some(deadline)).await;
    assert_eq!(late.expect_err("too late"), Failure::DeadlinePassed);
    assert!(matches!(first.await.expect("a call"), Ok(Reply::Accepted(_))));
    let Ok(Reply::Accepted(Answer::Order(order))) = rounds.submit(reserve("O2", "A")).await else {
        panic!("the id may be used again");
    };
    assert!(!order.replayed);
    rounds.end().await;
}

#[tokio::test]
async fn what_is_queued_when_the_end_is_told_is_still_decided() {
    let slow = |round| (round == 1).then_some(Fault::Slow(Duration::from_millis(200)));
    let rounds = Rounds::start(
        Limits {
            round_commands_max: 8,
            ..Limits::default()
        },
        slow,
    )
    .await;
    let calls: Vec<_> = (0..100).map(|n| rounds.spawn(reserve(&format!("O{n}"), "A"))).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    rounds.stop.cancel();
    for call in calls {
        assert!(matches!(call.await.expect("a call"), Ok(Reply::Accepted(_))));
    }
    let after = rounds.submit(reserve("late", "A")).await;
    assert_eq!(after.expect_err("nothing more is taken"), Failure::ShuttingDown);
    rounds.end().await;
}

#[tokio::test]
async fn a_large_refill_goes_on_in_parts_and_holds_up_no_other_item() {
    let rounds = Rounds::start(roomy(), |_| None).await;
    rounds.long_queue().await;
    rounds.submit(reserve("B1", "B")).await.expect("a reply");
    let large = rounds.spawn(receive("R1", "A", LONG_QUEUE + 3));
    let other = rounds.received(receive("R2", "B", 1)).await;
    assert_eq!(other.released_order_ids, [OrderId::parse("B1").expect("an id")]);
    let Ok(Reply::Accepted(Answer::Order(next))) = rounds.submit(reserve("next", "A")).await else {
        panic!("an order after the refill is accepted");
    };
    assert_eq!(
        next.order.state,
        OrderState::Released,
        "what was left over is available"
    );
    let Ok(Reply::Accepted(Answer::Received(received))) = large.await.expect("a call") else {
        panic!("the receipt is accepted");
    };
    let line = received.lines.first().expect("a line");
    assert_eq!((line.allocated_to_backlog.get(), line.available.get()), (LONG_QUEUE, 3));
    assert_eq!(received.released_order_ids.len(), 10_000);
    rounds.end().await;
}

#[tokio::test]
async fn a_large_refill_whose_commit_was_not_answered_goes_on_too() {
    let (rounds, armed) = Rounds::losing_a_commit().await;
    rounds.long_queue().await;
    armed.store(true, Ordering::SeqCst);
    rounds.received(receive("R1", "A", LONG_QUEUE + 1)).await;
    let Ok(Reply::Accepted(Answer::Order(next))) = rounds.submit(reserve("next", "A")).await else {
        panic!("an order after the refill is accepted");
    };
    assert_eq!(next.order.state, OrderState::Released);
    rounds.end().await;
}

/// A command that is looked up while its SKU is being refilled is put off, and by its deadline is not known to have had no effect.
#[tokio::test]
async fn a_lost_commit_whose_look_up_is_put_off_may_have_had_an_effect() {
    let (rounds, armed) = Rounds::losing_a_commit().await;
    rounds.long_queue().await;
    let pending = [inbound("P1", "A"), receive("R1", "A", LONG_QUEUE + 1)];
    armed.store(true, Ordering::SeqCst);
    let mut told = Vec::new();
    for command in pending {
        told.push(rounds.sequencer.enqueue(command).await.expect("it is queued"));
    }
    let mut replies = Vec::new();
    for pending in told {
        replies.push(pending.reply().await);
    }
    assert!(matches!(replies[0], Err(Failure::Store(_))), "{:?}", replies[0]);
    assert!(matches!(replies[1], Ok(Reply::Accepted(_))), "{:?}", replies[1]);
    rounds.end().await;
}

/// Nobody may be told that a command had no effect while that cannot be looked up.
#[tokio::test]
async fn a_lost_commit_whose_look_up_is_refused_may_have_had_an_effect() {
    let fault = |round| match round {
        1 => Some(Fault::AfterCommit),
        2 => Some(Fault::Refused),
        _ => None,
    };
    let rounds = Rounds::start(roomy(), fault).await;
    let lost = rounds.submit(reserve("O1", "A")).await;
    assert!(matches!(lost, Err(Failure::Store(_))), "{lost:?}");
    let Ok(Reply::Accepted(Answer::Order(order))) = rounds.submit(reserve("O1", "A")).await else {
        panic!("the repeat is answered");
    };
    assert!(order.replayed);
    rounds.end().await;
}
