//! Long queues, cut refills, and rows that are not what they should be.

use holdfast::allocator::footprint::{Footprint, REFILL_LINES_MAX, Wants};
use holdfast::allocator::working_set::{Known, WorkingSet};
use holdfast::domain::Instant;
use holdfast::domain::ids::Sequence;
use holdfast::store::{Round, Store, StoreError, Verdict};

use super::warehouse::{accepted, counters, go_on, now, place, put_item, put_location, receive, reserve, sku};

super::on_every_store! { limits:
    a_receipt_loads_the_head_of_a_long_queue
    a_large_refill_goes_on_over_several_rounds
    a_round_that_never_has_enough_is_stopped
}

async fn queue_up(store: &dyn Store, orders: usize) {
    accepted(store, &[put_location(), put_item("A", 0), put_item("B", 0)]).await;
    let orders: Vec<_> = (0..orders)
        .map(|number| reserve(&format!("o{number:06}"), &[("A", 1), ("B", 1)]))
        .collect();
    for some in orders.chunks(2_000) {
        accepted(store, some).await;
    }
}

struct Heads {
    lines: i64,
    seen: (usize, Option<Known>),
}

impl Round for Heads {
    fn now(&self) -> Instant {
        now()
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            locations: vec![place()],
            skus: vec![(place(), sku("A"))],
            ..Footprint::default()
        }
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        Wants {
            queues: std::iter::once(((place(), sku("A")), self.lines)).collect(),
            ..Wants::default()
        }
    }

    fn decide(&mut self, ws: &mut WorkingSet) -> Verdict {
        let slot = ws.stock_of(&place(), &sku("A")).expect("the item is stored");
        self.seen = (slot.queue.len(), Some(slot.queue_known));
        Verdict::Abandon
    }
}

pub(crate) async fn a_receipt_loads_the_head_of_a_long_queue(store: &dyn Store) {
    queue_up(store, 3_000).await;
    for (lines, expected) in [
        (
            2,
            (2, Known::Through((Sequence(2), holdfast::domain::ids::LineNumber(1)))),
        ),
        (5_000, (3_000, Known::All)),
    ] {
        let mut heads = Heads { lines, seen: (0, None) };
        store.observe(&mut heads).await.expect("rows can be read");
        assert_eq!(heads.seen, (expected.0, Some(expected.1)));
    }
    accepted(store, &[receive("r1", &[("A", 2_500), ("B", 10)])]).await;
    assert_eq!(counters(store, "A").await, (2_500, 2_500, 500));
    assert_eq!(counters(store, "B").await, (10, 10, 2_990));
}

pub(crate) async fn a_large_refill_goes_on_over_several_rounds(store: &dyn Store) {
    let limit = usize::try_from(REFILL_LINES_MAX).expect("a small number");
    queue_up(store, limit + 500).await;
    accepted(store, &[receive("r1", &[("A", REFILL_LINES_MAX + 400)])]).await;
    let pending = store.pending_refills().await.expect("refills");
    assert_eq!(
        pending.iter().map(|refill| refill.sku.clone()).collect::<Vec<_>>(),
        [sku("A")]
    );
    assert_eq!(
        counters(store, "A").await,
        (REFILL_LINES_MAX + 400, REFILL_LINES_MAX, 500)
    );
    accepted(store, &[go_on("A")]).await;
    assert!(store.pending_refills().await.expect("refills").is_empty());
    assert_eq!(
        counters(store, "A").await,
        (REFILL_LINES_MAX + 400, REFILL_LINES_MAX + 400, 100)
    );
}

struct Insatiable(u32);

impl Round for Insatiable {
    fn now(&self) -> Instant {
        now()
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    fn plan(&mut self, _: &WorkingSet) -> Wants {
        Wants::default()
    }

    fn decide(&mut self, _: &mut WorkingSet) -> Verdict {
        self.0 += 1;
        Verdict::Again
    }
}

pub(crate) async fn a_round_that_never_has_enough_is_stopped(store: &dyn Store) {
    let mut round = Insatiable(0);
    assert!(matches!(store.round(&mut round).await, Err(StoreError::NeverLoaded(_))));
    assert_eq!(round.0, holdfast::store::LOADS_MAX);
    accepted(store, &[put_location()]).await;
}
