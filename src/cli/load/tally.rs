//! What callers counted: answers, how long they took, refusals, and answers that are wrong.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tonic::Status;
use tonic_types::StatusExt;

use super::plan::Window;

/// Wrong answers that are kept to be shown; all are counted.
const FAULTS_SHOWN_MAX: usize = 10;

/// Latencies above one minute count as one minute.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What one answer said.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// A number that no other answer may carry: the sequence of an order, the event of a receipt.
    pub(super) unique_number: Option<i64>,
    /// What is wrong with it.
    pub(super) fault: Option<String>,
}

/// Counts of one thread, or of all.
#[derive(Debug)]
pub(super) struct Tally {
    /// Latencies of the calls that were answered well within the window, in microseconds.
    pub(super) latencies_us: Histogram<u64>,
    /// Refusals and failures by reason, over the whole run.
    pub(super) errors: BTreeMap<String, u64>,
    /// Calls sent, over the whole run.
    pub(super) sent: u64,
    /// Calls answered, well or not, over the whole run.
    pub(super) answered: u64,
    /// The first wrong answers.
    pub(super) fault_texts: Vec<String>,
    fault_count: u64,
    numbers: Vec<i64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latencies_us: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("the bounds are in order"),
            errors: BTreeMap::new(),
            sent: 0,
            answered: 0,
            fault_texts: Vec::new(),
            fault_count: 0,
            numbers: Vec::new(),
        }
    }
}

impl Tally {
    /// Counts what came of a call.
    pub(super) fn record(&mut self, outcome: Result<Answer, Status>, sent: Instant, came: Instant, window: Window) {
        self.answered += 1;
        let answer = match outcome {
            Ok(answer) => answer,
            Err(status) => return self.count_error(&status),
        };
        self.numbers.extend(answer.unique_number);
        if let Some(fault) = answer.fault {
            self.add_fault(fault);
        }
        if (window.begin..window.end).contains(&came) {
            let micros = came.duration_since(sent).as_micros();
            self.latencies_us
                .saturating_record(u64::try_from(micros).unwrap_or(u64::MAX));
        }
    }

    /// Takes in what another thread counted.
    pub(super) fn merge(&mut self, other: Self) -> Result<()> {
        self.latencies_us
            .add(&other.latencies_us)
            .context("cannot merge latencies")?;
        for (reason, count) in other.errors {
            *self.errors.entry(reason).or_default() += count;
        }
        self.sent += other.sent;
        self.answered += other.answered;
        self.fault_count += other.fault_count;
        let room = FAULTS_SHOWN_MAX.saturating_sub(self.fault_texts.len());
        self.fault_texts.extend(other.fault_texts.into_iter().take(room));
        self.numbers.extend(other.numbers);
        Ok(())
    }

    /// Wrong answers: those seen at once, numbers given twice, and calls without an answer.
    pub(super) fn faults(&self) -> u64 {
        self.fault_count + self.doubled_numbers() + self.sent.abs_diff(self.answered)
    }

    /// How many answers carry a number that another answer carried.
    pub(super) fn doubled_numbers(&self) -> u64 {
        let mut numbers = self.numbers.clone();
        numbers.sort_unstable();
        let doubled = numbers.windows(2).filter(|pair| pair[0] == pair[1]).count();
        u64::try_from(doubled).unwrap_or(u64::MAX)
    }

    fn add_fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.fault_texts.len() < FAULTS_SHOWN_MAX {
            self.fault_texts.push(fault);
        }
    }

    fn count_error(&mut self, status: &Status) {
        let reason = status
            .get_details_error_info()
            .map_or_else(|| format!("{:?} without a reason", status.code()), |info| info.reason);
        *self.errors.entry(reason).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::monotonic;

    fn tally(answers: Vec<Result<Answer, Status>>) -> Tally {
        let now = monotonic();
        let window = Window {
            begin: now,
            end: now + Duration::from_secs(1),
        };
        let mut tally = Tally::default();
        for answer in answers {
            tally.sent += 1;
            tally.record(answer, now, now + Duration::from_millis(3), window);
        }
        tally
    }

    fn numbered(number: i64) -> Answer {
        Answer {
            unique_number: Some(number),
            fault: None,
        }
    }

    #[test]
    fn a_number_given_twice_is_found_across_threads() {
        let mut all = tally(vec![Ok(numbered(1)), Ok(numbered(2))]);
        assert_eq!(all.faults(), 0);
        all.merge(tally(vec![Ok(numbered(3)), Ok(numbered(2))]))
            .expect("merges");
        assert_eq!((all.faults(), all.doubled_numbers()), (1, 1));
        assert_eq!(all.latencies_us.len(), 4);
    }

    #[test]
    fn a_call_without_an_answer_is_found() {
        let mut all = tally(vec![Ok(numbered(1))]);
        all.sent += 1;
        assert_eq!(all.faults(), 1);
    }

    #[test]
    fn a_refusal_is_counted_by_its_reason_and_not_timed() {
        let all = tally(vec![Err(Status::internal("?")), Ok(numbered(1))]);
        assert_eq!(all.errors.get("Internal without a reason"), Some(&1));
        assert_eq!((all.latencies_us.len(), all.faults()), (1, 0));
    }
}
