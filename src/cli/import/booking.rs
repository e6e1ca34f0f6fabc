//! Decides the entries of a file: on a snapshot to see that none is refused, and for good.

use std::collections::VecDeque;
use std::time::{Duration, Instant as Monotonic};

use anyhow::{Context, Result, bail};

use super::entries::{Entries, Entry, Kind};
use super::rows::Fault;
use crate::allocator::decision::{Answer, Decision};
use crate::cli::output;
use crate::clock::{Clock, SystemClock, monotonic};
use crate::domain::rejection::Rejection;
use crate::grpc::status;
use crate::sequencer::round::{CommandRound, Outcome};
use crate::sequencer::{Pending, Reply, Sequencer};
use crate::store::Store;

/// Commands of one round.
pub(super) const ROUND: usize = 1_024;
/// Commands that wait for their answers: the next round fills while one runs.
const WAITING: usize = 4 * ROUND;
/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// What became of the entries of a file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Entries that were booked.
    pub(super) booked: u64,
    /// Entries that were there already.
    pub(super) repeated: u64,
    /// Entries that were refused.
    pub(super) refused: u64,
}

/// Shows how far a file is, on a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    doing: &'static str,
    shown: Monotonic,
}

impl Progress {
    pub(super) fn new(name: &str, doing: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            doing,
            shown: monotonic(),
        }
    }

    /// Shows it, unless that was done just now.
    pub(super) fn show(&mut self, entries: &Entries) {
        let now = monotonic();
        if now.duration_since(self.shown) >= PROGRESS_INTERVAL {
            self.shown = now;
            let (rows, percent) = (entries.rows_read, entries.percent());
            output::progress(&format!("{}: {} {rows} rows, {percent}%", self.name, self.doing));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        output::progress("");
    }
}

/// Reads all entries and answers how many rows are at fault; each fault is told.
pub(super) fn check(entries: &mut Entries, progress: &mut Progress, tell: &mut dyn FnMut(&Fault)) -> Result<u64> {
    let mut faults = 0_u64;
    while let Some(entry) = entries.next()? {
        if let Err(fault) = entry {
            faults = faults.saturating_add(1);
            tell(&fault);
        }
        progress.show(entries);
    }
    Ok(faults)
}

/// Decides all entries on a snapshot, in rounds that are not written, and answers how many would be refused; each is told.
pub(super) async fn rehearse(
    store: &dyn Store,
    kind: Kind,
    entries: &mut Entries,
    progress: &mut Progress,
    tell: &mut (dyn FnMut(&Fault) + Send),
) -> Result<u64> {
    let mut refused = 0_u64;
    loop {
        let (mut lines, mut commands) = (Vec::with_capacity(ROUND), Vec::with_capacity(ROUND));
        while commands.len() < ROUND {
            let Some(entry) = entries.next()? else { break };
            // Faults were told when the file was checked.
            let Ok(Entry {
                lines: of_entry,
                command,
            }) = entry
            else {
                continue;
            };
            lines.push(of_entry);
            commands.push(command);
        }
        if commands.is_empty() {
            return Ok(refused);
        }
        let mut round = CommandRound::new(SystemClock.now(), &commands);
        store.observe(&mut round).await?;
        let outcomes = round
            .into_outcomes()
            .map_err(|broken| anyhow::anyhow!(broken.join("; ")))?;
        for ((outcome, lines), command) in outcomes.into_iter().zip(lines).zip(commands.iter().cloned()) {
            if let Outcome::Decided(Decision::Rejected(rejection)) = outcome {
                refused = refused.saturating_add(1);
                tell(&refusal(kind, &Entry { lines, command }, rejection));
            }
        }
        progress.show(entries);
    }
}

/// Books all entries, and tells each that is refused.
pub(super) async fn book(
    sequencer: &Sequencer,
    kind: Kind,
    entries: &mut Entries,
    progress: &mut Progress,
    tell: &mut (dyn FnMut(&Fault) + Send),
) -> Result<Tally> {
    let (mut tally, mut waiting) = (Tally::default(), VecDeque::with_capacity(WAITING));
    while let Some(entry) = entries.next()? {
        let Ok(entry) = entry else { continue };
        let pending = sequencer.enqueue(entry.command.clone()).await?;
        waiting.push_back((entry, pending));
        if waiting.len() >= WAITING
            && let Some((entry, pending)) = waiting.pop_front()
        {
            settle(kind, &entry, pending, &mut tally, tell).await?;
        }
        progress.show(entries);
    }
    for (entry, pending) in waiting {
        settle(kind, &entry, pending, &mut tally, tell).await?;
    }
    Ok(tally)
}

async fn settle(
    kind: Kind,
    entry: &Entry,
    pending: Pending,
    tally: &mut Tally,
    tell: &mut (dyn FnMut(&Fault) + Send),
) -> Result<()> {
    let reply = pending.reply().await.context("the import is not finished: repeat it")?;
    let count = match reply {
        Reply::Rejected(rejection) => {
            tell(&refusal(kind, entry, rejection));
            &mut tally.refused
        }
        Reply::Accepted(answer) if is_repeat(&answer)? => &mut tally.repeated,
        Reply::Accepted(_) => &mut tally.booked,
    };
    *count = count.saturating_add(1);
    Ok(())
}

fn is_repeat(answer: &Answer) -> Result<bool> {
    match answer {
        Answer::Item { replayed, .. } => Ok(*replayed),
        Answer::Received(received) => Ok(received.replayed),
        Answer::Inbound(inbound) => Ok(inbound.replayed),
        Answer::Order(_)
        | Answer::Adjusted(_)
        | Answer::Location { .. }
        | Answer::Refilled
        | Answer::Lapsed
        | Answer::Reestimated => {
            bail!("an answer that belongs to no row: {answer:?}")
        }
    }
}

/// A refusal as a fault of a row.
fn refusal(kind: Kind, entry: &Entry, rejection: Rejection) -> Fault {
    let path = if let Rejection::UnknownSkus(unknown) = &rejection {
        let at = unknown.first().map_or(0, |(at, _)| *at);
        format!("[{at}].sku")
    } else if let Rejection::InvalidFields(fields) = &rejection
        && let Some((field, _)) = fields.first()
    {
        field.clone()
    } else if let Rejection::IdReused { kind, .. } = &rejection {
        (*kind).to_owned()
    } else {
        "row".to_owned()
    };
    let (line, field) = entry.place(&path);
    let said = status::rejected(rejection, kind.sku_field());
    Fault {
        line,
        field,
        description: format!("is refused: {}", said.message()),
    }
}
