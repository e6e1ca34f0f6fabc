//! What a subscriber's numbers must be, and a reader whose numbers are not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What a subscriber was told breaks of what a log promises.
#[derive(Debug, PartialEq)]
pub(super) enum Broken {
    Unordered(i64),
    Repeated(i64),
    Missing(i64),
    Invented(i64),
}

/// Compares the numbers that were told with those of the log.
pub(super) fn validate(told: &[i64], log: &[i64]) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    let mut last = i64::MIN;
    for number in told {
        if !seen.insert(*number) {
            return Err(Broken::Repeated(*number));
        }
        if *number < last {
            return Err(Broken::Unordered(*number));
        }
        last = *number;
    }
    let log: BTreeSet<_> = log.iter().copied().collect();
    if let Some(missing) = log.difference(&seen).next() {
        return Err(Broken::Missing(*missing));
    }
    seen.difference(&log)
        .next()
        .map_or(Ok(()), |number| Err(Broken::Invented(*number)))
}

/// Draws numbers, and commits each after a while.
async fn commit_out_of_order(
    seed: u64,
    next: Arc<AtomicUsize>,
    visible: Arc<Mutex<BTreeSet<i64>>>,
    is_over: Arc<AtomicBool>,
) {
    let mut dice = SmallRng::seed_from_u64(seed);
    while !is_over.load(Ordering::Relaxed) {
        let number = i64::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("small");
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..3_000))).await;
        visible.lock().expect("no holder panics").insert(number);
    }
}

/// Control: numbers that are drawn before the commit become visible out of order, and a reader that asks for what is above
/// the last number that it saw misses some. The validators must notice.
#[tokio::test]
async fn a_reader_that_trusts_a_plain_sequence_misses_events_and_is_found_out() {
    let next = Arc::new(AtomicUsize::new(1));
    let visible = Arc::new(Mutex::new(BTreeSet::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2_u64)
        .map(|seed| {
            let (next, visible, is_over) = (Arc::clone(&next), Arc::clone(&visible), Arc::clone(&is_over));
            tokio::spawn(commit_out_of_order(seed, next, visible, is_over))
        })
        .collect();
    let (mut told, mut last) = (Vec::new(), 0);
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let seen: Vec<i64> = visible
            .lock()
            .expect("no holder panics")
            .range(last + 1..)
            .copied()
            .collect();
        last = seen.last().copied().unwrap_or(last);
        told.extend(seen);
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer ends by itself");
    }
    let log: Vec<i64> = visible
        .lock()
        .expect("no holder panics")
        .iter()
        .copied()
        .filter(|number| *number <= last)
        .collect();
    let verdict = validate(&told, &log);
    assert!(matches!(verdict, Err(Broken::Missing(_))), "{verdict:?}");
    let verdict = |told: &[i64]| validate(told, &[1, 2]);
    assert_eq!(verdict(&[1, 2, 2]), Err(Broken::Repeated(2)));
    assert_eq!(verdict(&[2, 1]), Err(Broken::Unordered(1)));
    assert_eq!(
        (verdict(&[1, 2, 3]), verdict(&[1, 2])),
        (Err(Broken::Invented(3)), Ok(()))
    );
}
