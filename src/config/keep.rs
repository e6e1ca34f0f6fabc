//! How long something is kept: an age, as people write it.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::Deserialize;

use crate::domain::Instant;

/// The units of an age, with their seconds.
const UNITS: [(char, i64); 3] = [('d', 86_400), ('h', 3_600), ('m', 60)];
/// The longest age, in days: a century.
const DAYS_MAX: i64 = 36_500;

/// An age up to which something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Keep {
    count: i64,
    unit: char,
    seconds: i64,
}

impl Keep {
    /// The instant before which things are older, seen from another; `None` when it lies before all time.
    #[must_use]
    pub fn before(self, now: Instant) -> Option<Instant> {
        now.checked_sub_signed(TimeDelta::try_seconds(self.seconds)?)
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("{text:?} is no age: write a number of days, hours or minutes, such as 90d, 12h or 30m");
        let unit = text.chars().next_back().ok_or_else(refused)?;
        let seconds = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, seconds)| *seconds);
        let seconds = seconds.ok_or_else(refused)?;
        let digits = text.strip_suffix(unit).unwrap_or_default();
        let count: i64 = digits.parse().map_err(|_| refused())?;
        let seconds = count
            .checked_mul(seconds)
            .filter(|seconds| *seconds <= DAYS_MAX * 86_400);
        let seconds = seconds.filter(|seconds| *seconds > 0).ok_or_else(refused)?;
        Ok(Self { count, unit, seconds })
    }
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        let now: Instant = "2026-03-02T12:00:00Z".parse().expect("an instant");
        for (text, before) in [
            ("90d", "2025-12-02T12:00:00Z"),
            ("12h", "2026-03-02T00:00:00Z"),
            ("30m", "2026-03-02T11:30:00Z"),
        ] {
            let keep: Keep = text.parse().expect("an age");
            assert_eq!(keep.before(now), Some(before.parse().expect("an instant")));
            assert_eq!(keep.to_string(), text);
        }
        for text in ["", "d", "90", "-1d", "0h", "1w", "1.5h", "99999999999999999d", "90 d"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
