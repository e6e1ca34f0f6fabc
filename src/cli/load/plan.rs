//! What a run is to do: the arguments, and what is made from them once so that no call has to.

use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The call to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Call {
    /// `CheckoutService.Reserve`.
    Reserve,
    /// `grpc.health.v1.Health.Check`: the least that a call can cost.
    Health,
    /// `WarehouseService.ReceiveStock`, one unit a line.
    Receive,
    /// `CheckoutService.Quote`.
    Quote,
}

/// How the ids of a run follow each other, which decides how many pages of an index a round writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ids {
    /// Each is greater than those before, like a shop's order numbers and UUIDs of version 7.
    Ascending,
    /// In no order, like UUIDs of version 4.
    Random,
}

/// Measures a running server.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL")]
    pub endpoint: String,
    /// The call to measure.
    #[arg(long, value_enum, default_value_t = Call::Reserve)]
    pub call: Call,
    /// HTTP/2 connections.
    #[arg(long, default_value_t = 4, value_parser = at_least_one::<usize>)]
    pub connections: usize,
    /// Calls in flight, over all connections.
    #[arg(long, default_value_t = 1_024, value_parser = at_least_one::<usize>)]
    pub in_flight: usize,
    /// Lines of each call, one unit each.
    #[arg(long, default_value_t = 2, value_parser = at_least_one::<usize>)]
    pub lines: usize,
    /// Items that lines are drawn from.
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one::<usize>)]
    pub skus: usize,
    /// The share of lines that name one hot item: 0, 1, or up to three decimals between.
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub hot_share: PerMille,
    /// How ids follow each other.
    #[arg(long, value_enum, default_value_t = Ids::Ascending)]
    pub ids: Ids,
    /// How long to measure.
    #[arg(long, default_value_t = 5, value_parser = at_least_one::<u64>)]
    pub seconds: u64,
    /// How long to call before measuring.
    #[arg(long, default_value_t = 2)]
    pub warm_up_seconds: u64,
    /// Ends after this many calls instead of by time; nothing is warmed up.
    #[arg(long)]
    pub calls: Option<u64>,
    /// Runs, one after the other; several are followed by their median.
    #[arg(long, default_value_t = 1, value_parser = at_least_one::<usize>)]
    pub runs: usize,
    /// The location that is called.
    #[arg(long, default_value = "load")]
    pub location: String,
    /// First creates the location and the items, with a lead time, so that every order is accepted.
    #[arg(long)]
    pub prepare: bool,
    /// Units of each item that `--prepare` receives, up to 1,000,000; with 0 every order waits.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub stock: i64,
    /// The process whose CPU time is measured; it must run on this machine.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Threads of the client. More than one only pays where the server leaves cores idle.
    #[arg(long, default_value_t = 1, value_parser = at_least_one::<usize>)]
    pub client_threads: usize,
    /// Prints one JSON object a run instead of text.
    #[arg(long)]
    pub json: bool,
}

fn at_least_one<N: FromStr<Err = ParseIntError> + Default + PartialEq>(text: &str) -> Result<N, String> {
    let number: N = text.parse().map_err(|error: ParseIntError| error.to_string())?;
    if number == N::default() {
        return Err("must be at least 1".to_owned());
    }
    Ok(number)
}

/// A share in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMille(u16);

impl FromStr for PerMille {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share between 0 and 1 with up to three decimals");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if decimals.len() > 3 || whole.is_empty() {
            return Err(wrong());
        }
        let digits = format!("{whole}{decimals:0<3}");
        let share: u16 = digits.parse().map_err(|_| wrong())?;
        if share > 1_000 {
            return Err(wrong());
        }
        Ok(Self(share))
    }
}

/// When calls are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) begin: Instant,
    pub(super) end: Instant,
}

/// What every caller of a run shares.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) args: LoadArgs,
    /// Begins every id of the run, so that no two runs use the same.
    pub(super) prefix: String,
    skus: Vec<String>,
    tickets: Option<AtomicU64>,
    ids: AtomicU64,
}

impl Plan {
    pub(super) fn new(args: &LoadArgs) -> Self {
        Self {
            prefix: run_prefix(),
            skus: (0..args.skus).map(sku).collect(),
            tickets: args.calls.map(AtomicU64::new),
            ids: AtomicU64::new(1),
            args: args.clone(),
        }
    }

    /// Whether there is one more call to make.
    pub(super) fn take_ticket(&self) -> bool {
        let Some(tickets) = &self.tickets else {
            return true;
        };
        tickets
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }

    /// An id that nothing else has.
    pub(super) fn next_id(&self, rng: &mut SmallRng) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        match self.args.ids {
            Ids::Ascending => format!("{}-{number:010}", self.prefix),
            Ids::Random => format!("{:016x}-{number}", rng.random::<u64>()),
        }
    }

    /// The item of a line.
    pub(super) fn draw_sku(&self, rng: &mut SmallRng) -> String {
        let is_hot = rng.random_range(0..1_000) < self.args.hot_share.0;
        let at = if is_hot {
            0
        } else {
            rng.random_range(0..self.skus.len())
        };
        self.skus[at].clone()
    }
}

/// The item of a number. The hot one is the first.
pub(super) fn sku(number: usize) -> String {
    format!("LOAD-{number:06}")
}

/// Begins ids that no other run uses.
pub(super) fn run_prefix() -> String {
    format!("{:016x}", SmallRng::from_os_rng().random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_without_floats() {
        let read = |text: &str| text.parse::<PerMille>().map(|share| share.0).ok();
        assert_eq!(
            ["0", "0.0", "0.5", "0.25", "0.001", "1", "1.0"].map(read),
            [0, 0, 500, 250, 1, 1_000, 1_000].map(Some)
        );
        assert_eq!(["", ".5", "1.001", "2", "-1", "0.0001", "half"].map(read), [None; 7]);
    }

    #[test]
    fn tickets_run_out() {
        let args = LoadArgs {
            calls: Some(2),
            ..args()
        };
        let plan = Plan::new(&args);
        assert_eq!([(); 4].map(|()| plan.take_ticket()), [true, true, false, false]);
    }

    #[test]
    fn ids_ascend_unless_they_are_to_be_random() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut ids_of = |ids| {
            let plan = Plan::new(&LoadArgs { ids, ..args() });
            [(); 20].map(|()| plan.next_id(&mut rng))
        };
        assert!(ids_of(Ids::Ascending).is_sorted_by(|one, next| one < next));
        assert!(!ids_of(Ids::Random).is_sorted());
    }

    fn args() -> LoadArgs {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            args: LoadArgs,
        }
        <Command as clap::Parser>::parse_from(["load"]).args
    }
}
