//! `holdfast demo` tells its story to the end, and says the same on every run.

use std::process::Command;

use crate::support::process::{HOLDFAST, output_of, text};

/// Columns of a terminal that need not be widened.
const COLUMNS_MAX: usize = 96;

/// What a reader must find, in this order.
const STORY: [&str; 20] = [
    "Mon 23 Mar 2026",
    "ANN-1 buys 1 LANTERN, in stock",
    "to leave by Tue 24 Mar",
    "BEA-1 buys 3 TENT",
    "Promised to ship Tue 7 Apr",
    "ships together Tue 7 Apr",
    "would ship Wed 25 Mar",
    "CARL-1 is held whole",
    "PROMISE_LATER_THAN_ACCEPTED",
    "PO-7 is late",
    "order today, ships Mon 13 Apr",
    "At risk: BEA-1, CARL-1, DORA-1",
    "nobody overtakes",
    "Refund EUR 387.00 of EUR 387.00",
    "CARL-1 goes out whole",
    "tracking BP-1002",
    "done already",
    "ID_REUSED",
    " 0 violations",
    "The story held",
];

#[test]
fn the_demo_tells_the_policy_with_dates() {
    let output = output_of(Command::new(HOLDFAST).arg("demo"));
    let told = text(&output);
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Lines are wrapped, so the words are compared.
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = words.as_str();
    for part in STORY {
        let (_, after) = rest
            .split_once(part.trim())
            .unwrap_or_else(|| panic!("no {part:?} in what follows: {told}"));
        rest = after;
    }
    for line in told.lines() {
        assert!(line.chars().count() <= COLUMNS_MAX, "too wide: {line}");
    }
    assert!(!told.contains('\u{1b}'), "colour without a terminal");
    let again = text(&output_of(Command::new(HOLDFAST).arg("demo")));
    assert_eq!(told, again, "the story depends on the day or on chance");
}
