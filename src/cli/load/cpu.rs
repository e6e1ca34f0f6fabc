//! The CPU time of another process, as Linux counts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// One tick of `/proc`: Linux counts 100 a second for user space on every platform (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// The fields before `utime`, counted from the one behind the command's name (proc(5): 3 is the state, 14 is `utime`).
const FIELDS_BEFORE_UTIME: usize = 11;

/// CPU time spent by a process, in user and kernel; `None` when nobody asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct CpuTime(pub(super) Option<Duration>);

impl CpuTime {
    /// What the process has spent since it started.
    pub(super) fn read(pid: Option<u32>) -> Result<Self> {
        let Some(pid) = pid else {
            return Ok(Self(None));
        };
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let spent = spent(&text).with_context(|| format!("cannot make sense of {path}"))?;
        Ok(Self(Some(spent)))
    }

    /// What was spent since an earlier reading.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self(self.0.zip(earlier.0).map(|(now, then)| now.saturating_sub(then)))
    }
}

fn spent(stat: &str) -> Option<Duration> {
    // The name of the command may hold spaces and parentheses; it ends at the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(FIELDS_BEFORE_UTIME);
    let user: u32 = fields.next()?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    TICK.checked_mul(user.checked_add(kernel)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_kernel_time_are_summed_behind_an_odd_name() {
        let stat = "7 (hold) fast) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 9 9 20 0 4 0 1 2 3";
        assert_eq!(spent(stat), Some(Duration::from_secs(3)));
        assert_eq!(spent("7 (holdfast) S 1"), None);
    }
}
