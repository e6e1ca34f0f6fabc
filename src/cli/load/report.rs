//! What a run found, as text for people or as JSON for scripts.

use std::time::Duration;

use serde_json::{Value, json};

use super::cpu::CpuTime;
use super::plan::{Call, LoadArgs};
use super::tally::Tally;
use crate::cli::output::{Palette, Style, line};

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) tally: Tally,
    /// How long it was measured.
    pub(super) elapsed: Duration,
    /// What the server's process spent meanwhile.
    pub(super) cpu: CpuTime,
}

/// The numbers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    calls: u64,
    calls_per_second: u64,
    p50_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    server_cpu_us_per_call: Option<u64>,
}

impl Measured {
    fn numbers(&self) -> Numbers {
        let latencies = &self.tally.latencies_us;
        let calls = latencies.len();
        let cpu = self.cpu.0.map(|cpu| divided(micros(cpu), calls));
        Numbers {
            calls,
            calls_per_second: divided(calls.saturating_mul(1_000_000), micros(self.elapsed)),
            p50_us: latencies.value_at_quantile(0.5),
            p99_us: latencies.value_at_quantile(0.99),
            p999_us: latencies.value_at_quantile(0.999),
            max_us: latencies.max(),
            server_cpu_us_per_call: cpu,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Whole part of the quotient: rates and means are printed without decimals.
fn divided(whole: u64, by: u64) -> u64 {
    whole.checked_div(by).unwrap_or(0)
}

pub(super) fn print_run(palette: Palette, args: &LoadArgs, number: usize, run: &Measured) {
    let numbers = run.numbers();
    if args.json {
        let mut object = as_json(args, numbers);
        object["run"] = json!(number);
        object["sent"] = json!(run.tally.sent);
        object["answered"] = json!(run.tally.answered);
        object["errors"] = json!(run.tally.errors);
        object["wrong_answers"] = json!(run.tally.faults());
        line(&object);
        return;
    }
    if number == 1 {
        line(&palette.styled(Style::Bold, heading(args)));
        line(&palette.styled(Style::Dim, columns()));
    }
    line(&row(&number.to_string(), numbers));
    for (reason, count) in &run.tally.errors {
        line(&palette.styled(Style::Yellow, format!("    {count} x {reason}")));
    }
    if run.tally.sent != run.tally.answered {
        let text = format!("    {} sent, {} answered", run.tally.sent, run.tally.answered);
        line(&palette.styled(Style::Red, text));
    }
    if run.tally.doubled_numbers() > 0 {
        let text = format!("    {} numbers given twice", run.tally.doubled_numbers());
        line(&palette.styled(Style::Red, text));
    }
    for fault in &run.tally.fault_texts {
        line(&palette.styled(Style::Red, format!("    {fault}")));
    }
}

pub(super) fn print_median(palette: Palette, args: &LoadArgs, runs: &[Measured]) {
    let numbers: Vec<Numbers> = runs.iter().map(Measured::numbers).collect();
    let Some(median) = median(&numbers) else {
        return;
    };
    if args.json {
        let mut object = as_json(args, median);
        object["run"] = json!("median");
        line(&object);
        return;
    }
    line(&palette.styled(Style::Bold, row("median", median)));
}

/// The median of each number for itself; of two in the middle, the lower.
fn median(runs: &[Numbers]) -> Option<Numbers> {
    let middle = runs.len().checked_sub(1)?.checked_div(2)?;
    let of = |number: fn(&Numbers) -> u64| {
        let mut sorted: Vec<u64> = runs.iter().map(number).collect();
        sorted.sort_unstable();
        sorted.get(middle).copied().unwrap_or_default()
    };
    let has_cpu = runs.iter().all(|run| run.server_cpu_us_per_call.is_some());
    Some(Numbers {
        calls: of(|run| run.calls),
        calls_per_second: of(|run| run.calls_per_second),
        p50_us: of(|run| run.p50_us),
        p99_us: of(|run| run.p99_us),
        p999_us: of(|run| run.p999_us),
        max_us: of(|run| run.max_us),
        server_cpu_us_per_call: has_cpu.then(|| of(|run| run.server_cpu_us_per_call.unwrap_or_default())),
    })
}

fn heading(args: &LoadArgs) -> String {
    let what = match args.call {
        Call::Health => "health".to_owned(),
        Call::Reserve => format!("reserve, {} lines", args.lines),
        Call::Receive => format!("receive, {} lines", args.lines),
        Call::Quote => format!("quote, {} lines", args.lines),
    };
    let (in_flight, connections) = (args.in_flight, args.connections);
    format!("{what}: {in_flight} in flight on {connections} connections (latencies in microseconds)")
}

fn columns() -> String {
    format!(
        "{:>8} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "run", "calls", "calls/s", "p50", "p99", "p99.9", "max", "CPU/call"
    )
}

fn row(name: &str, numbers: Numbers) -> String {
    let cpu = numbers.server_cpu_us_per_call;
    format!(
        "{name:>8} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
        numbers.calls,
        numbers.calls_per_second,
        numbers.p50_us,
        numbers.p99_us,
        numbers.p999_us,
        numbers.max_us,
        cpu.map_or_else(|| "-".to_owned(), |cpu| cpu.to_string()),
    )
}

fn as_json(args: &LoadArgs, numbers: Numbers) -> Value {
    json!({
        "call": format!("{:?}", args.call).to_lowercase(),
        "in_flight": args.in_flight,
        "connections": args.connections,
        "lines": args.lines,
        "calls": numbers.calls,
        "calls_per_second": numbers.calls_per_second,
        "p50_us": numbers.p50_us,
        "p99_us": numbers.p99_us,
        "p999_us": numbers.p999_us,
        "max_us": numbers.max_us,
        "server_cpu_us_per_call": numbers.server_cpu_us_per_call,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(calls_per_second: u64, p99_us: u64) -> Numbers {
        Numbers {
            calls: 0,
            calls_per_second,
            p50_us: 0,
            p99_us,
            p999_us: 0,
            max_us: 0,
            server_cpu_us_per_call: None,
        }
    }

    #[test]
    fn the_median_is_taken_of_each_number() {
        let runs = [numbers(10, 3), numbers(30, 1), numbers(20, 2)];
        assert_eq!(median(&runs), Some(numbers(20, 2)));
        assert_eq!(median(&runs[..2]), Some(numbers(10, 1)));
        assert_eq!(median(&[]), None);
    }
}
