//! `holdfast load`: measures a running server from outside, over gRPC, and checks its answers while it does.
//!
//! A closed loop: each of `--in-flight` callers sends a call, waits for its answer, and sends the next. Client and
//! server often share a machine, so the client is built to be cheap: a single-threaded runtime, names made once, and
//! one histogram for each thread.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use super::output::Palette;
use crate::clock::monotonic;

mod answers;
mod caller;
mod cpu;
mod plan;
mod prepare;
mod report;
mod tally;

use cpu::CpuTime;
use plan::{Plan, Window};
use report::Measured;
use tally::Tally;

pub use plan::{Call, LoadArgs, PerMille};

/// A run that ends by its number of calls has no end in time.
const WITHOUT_END: Duration = Duration::from_hours(24);

/// Measures as asked, and prints what it found.
///
/// # Errors
///
/// When the server cannot be reached, refuses the preparation, or gives a wrong answer.
pub fn run(args: &LoadArgs) -> Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(run_all(args))
}

async fn run_all(args: &LoadArgs) -> Result<()> {
    let palette = Palette::standard();
    if args.prepare {
        prepare::prepare(args).await.context("cannot prepare")?;
    }
    let mut measured = Vec::new();
    for number in 1..=args.runs {
        let found = measure(args).await?;
        report::print_run(palette, args, number, &found);
        measured.push(found);
    }
    if args.runs > 1 {
        report::print_median(palette, args, &measured);
    }
    let faults: u64 = measured.iter().map(|run| run.tally.faults()).sum();
    if faults > 0 {
        bail!("the server gave {faults} wrong answers");
    }
    Ok(())
}

/// One run: connects, lets all callers start at once, and collects what each thread counted.
async fn measure(args: &LoadArgs) -> Result<Measured> {
    let plan = Arc::new(Plan::new(args));
    let (ready, mut all_ready) = mpsc::channel::<()>(args.client_threads);
    let (start, started) = watch::channel(None);
    let (finished, mut tallies) = mpsc::channel::<Result<Tally>>(args.client_threads);
    for thread in 0..args.client_threads {
        let (plan, ready, started, finished) = (Arc::clone(&plan), ready.clone(), started.clone(), finished.clone());
        thread::Builder::new()
            .name(format!("load-{thread}"))
            .spawn(move || {
                let found = caller::run_thread(&plan, thread, &ready, started);
                drop(finished.blocking_send(found));
            })
            .context("cannot start a thread")?;
    }
    drop((ready, finished, started));
    for _ in 0..args.client_threads {
        // A thread that fails before it is ready says why in its tally.
        if all_ready.recv().await.is_none() {
            break;
        }
    }
    let window = window(args);
    start.send_replace(Some(window));
    let cpu = cpu_during(args, window);
    let threads = async {
        let mut tally = Tally::default();
        while let Some(found) = tallies.recv().await {
            tally.merge(found?)?;
        }
        Ok::<_, anyhow::Error>(tally)
    };
    let (tally, cpu) = if args.calls.is_some() {
        let before = CpuTime::read(args.server_pid)?;
        let tally = threads.await?;
        (tally, CpuTime::read(args.server_pid)?.since(before))
    } else {
        let (tally, cpu) = tokio::join!(threads, cpu);
        (tally?, cpu?)
    };
    let elapsed = if args.calls.is_some() {
        monotonic().duration_since(window.begin)
    } else {
        window.end.duration_since(window.begin)
    };
    Ok(Measured { tally, elapsed, cpu })
}

fn window(args: &LoadArgs) -> Window {
    let start = monotonic();
    if args.calls.is_some() {
        return Window {
            begin: start,
            end: start + WITHOUT_END,
        };
    }
    let begin = start + Duration::from_secs(args.warm_up_seconds);
    Window {
        begin,
        end: begin + Duration::from_secs(args.seconds),
    }
}

/// What the server's process spent during the window.
async fn cpu_during(args: &LoadArgs, window: Window) -> Result<CpuTime> {
    tokio::time::sleep_until(window.begin.into()).await;
    let before = CpuTime::read(args.server_pid)?;
    tokio::time::sleep_until(window.end.into()).await;
    Ok(CpuTime::read(args.server_pid)?.since(before))
}
