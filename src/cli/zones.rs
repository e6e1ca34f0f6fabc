//! Compares the zones that the binary brings with those of the system that it runs on.
//!
//! Holdfast computes dates with a zone database of its own, so that a date does not depend on the machine. It is as old as
//! the binary: where a government has changed its clocks since, the system's database may know and ours not.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Offset, SecondsFormat, TimeDelta};
use chrono_tz::Tz;
use tz::TimeZone;

use crate::clock::{Clock, SystemClock};
use crate::domain::Instant;
use crate::store::{Page, Store, StoreError};

/// Where systems keep their zones.
pub const SYSTEM_ZONES: &str = "/usr/share/zoneinfo";
/// The variable that names another place.
pub const SYSTEM_ZONES_VARIABLE: &str = "TZDIR";

/// How far ahead zones are compared: two years, one of them a leap year.
const AHEAD: TimeDelta = TimeDelta::days(366 + 365);
/// The distance at which zones are compared. Clocks change at quarters of an hour, and stay changed for longer.
const STEP: TimeDelta = TimeDelta::minutes(15);
/// Locations that are read at a time.
const PAGE: u32 = 1_000;

/// How a zone of ours compares with the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same offsets throughout.
    Same,
    /// The system has no such zone.
    Missing,
    /// The system's file cannot be used, and why.
    Unusable(String),
    /// Other offsets, from an instant on.
    Differs(Difference),
}

/// Where two zones part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The first instant with other offsets.
    pub since: Instant,
    /// Our offset then, in seconds east of UTC.
    pub ours: i32,
    /// The system's.
    pub theirs: i32,
}

/// What was found of each zone, by name.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where the system's zones were looked for.
    pub directory: PathBuf,
    /// The version of the system's zones, where it says so.
    pub system_version: Option<String>,
    /// The zones in use.
    pub zones: Vec<(Tz, Comparison)>,
}

/// The zones of all locations.
///
/// # Errors
/// When rows cannot be read.
pub async fn in_use(store: &dyn Store) -> Result<Vec<Tz>, StoreError> {
    let (mut zones, mut after) = (BTreeSet::new(), None);
    loop {
        let page = store.list_locations(Page { after, limit: PAGE }).await?;
        zones.extend(page.iter().map(|location| location.calendar.time_zone.name()));
        let full = u32::try_from(page.len()).is_ok_and(|found| found == PAGE);
        after = page.last().map(|location| location.location_id.clone());
        if !full {
            break;
        }
    }
    Ok(zones.into_iter().filter_map(|name| name.parse().ok()).collect())
}

/// Compares zones with those in a directory, from an instant on.
#[must_use]
pub fn compare(zones: &[Tz], directory: &Path, now: Instant) -> Report {
    let compared = zones.iter().map(|zone| (*zone, compare_one(*zone, directory, now)));
    Report {
        directory: directory.to_owned(),
        system_version: version(directory),
        zones: compared.collect(),
    }
}

/// Compares the zones of all locations with the system's, and writes what is to be known into the log.
///
/// # Errors
/// When rows cannot be read.
pub async fn log(store: &dyn Store) -> Result<(), StoreError> {
    let zones = in_use(store).await?;
    let directory = std::env::var_os(SYSTEM_ZONES_VARIABLE).unwrap_or_else(|| SYSTEM_ZONES.into());
    let compared = tokio::task::spawn_blocking(move || compare(&zones, Path::new(&directory), SystemClock.now()));
    // A comparison does not panic; if it did, the service runs without it.
    let Ok(report) = compared.await else { return Ok(()) };
    tracing::info!(version = chrono_tz::IANA_TZDB_VERSION, "{report}");
    for (zone, comparison) in &report.zones {
        match comparison {
            Comparison::Same => {}
            Comparison::Missing => tracing::info!(zone = zone.name(), "zone {zone}: {comparison}"),
            Comparison::Unusable(_) | Comparison::Differs(_) => {
                tracing::warn!(zone = zone.name(), "zone {zone}: {comparison}");
            }
        }
    }
    Ok(())
}

fn compare_one(zone: Tz, directory: &Path, now: Instant) -> Comparison {
    let path = directory.join(zone.name());
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Comparison::Missing,
        Err(error) => return Comparison::Unusable(format!("{}: {error}", path.display())),
    };
    let found = TimeZone::from_tz_data(&bytes).and_then(|theirs| difference(zone, &theirs, now));
    match found {
        Ok(None) => Comparison::Same,
        Ok(Some(difference)) => Comparison::Differs(difference),
        Err(error) => Comparison::Unusable(format!("{}: {error}", path.display())),
    }
}

/// The first second with other offsets. It is looked for in steps, and then between the last two.
fn difference(zone: Tz, theirs: &TimeZone, now: Instant) -> Result<Option<Difference>, tz::error::TzError> {
    let offsets = |second: i64| {
        let instant = DateTime::from_timestamp(second, 0).unwrap_or_default();
        let ours = instant.with_timezone(&zone).offset().fix().local_minus_utc();
        let theirs = theirs.find_local_time_type(second)?.ut_offset();
        Ok::<_, tz::error::TzError>((instant, ours, theirs))
    };
    let end = now.timestamp().saturating_add(AHEAD.num_seconds());
    let (mut alike, mut second) = (None, now.timestamp());
    while second <= end {
        let (_, ours, theirs) = offsets(second)?;
        if ours != theirs {
            break;
        }
        alike = Some(second);
        second = second.saturating_add(STEP.num_seconds());
    }
    if second > end {
        return Ok(None);
    }
    while let Some(before) = alike.filter(|before| second.saturating_sub(*before) > 1) {
        let middle = before.midpoint(second);
        let (_, ours, theirs) = offsets(middle)?;
        if ours == theirs {
            alike = Some(middle);
        } else {
            second = middle;
        }
    }
    let (since, ours, theirs) = offsets(second)?;
    Ok(Some(Difference { since, ours, theirs }))
}

/// What the system says of the version of its zones: some name it in a file of its own, others in their source.
fn version(directory: &Path) -> Option<String> {
    let named = fs::read_to_string(directory.join("+VERSION")).ok();
    let source = || fs::read_to_string(directory.join("tzdata.zi")).ok();
    let line = named.or_else(source)?.lines().next()?.to_owned();
    Some(line.strip_prefix("# version ").unwrap_or(&line).trim().to_owned())
}

impl Report {
    /// How many zones have other offsets than the system's.
    #[must_use]
    pub fn differing(&self) -> usize {
        let differs = |comparison: &Comparison| matches!(comparison, Comparison::Differs(_));
        self.zones.iter().filter(|(_, comparison)| differs(comparison)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, directory) = (chrono_tz::IANA_TZDB_VERSION, self.directory.display());
        let theirs = self.system_version.as_deref().unwrap_or("of unknown version");
        write!(f, "zones: {ours} in this binary, {theirs} in {directory}; ")?;
        write!(f, "{} in use, {} with other clocks", self.zones.len(), self.differing())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the same as the system's for two years"),
            Self::Missing => f.write_str("the system has no such zone to compare with"),
            Self::Unusable(why) => write!(f, "the system's file cannot be used: {why}"),
            Self::Differs(found) => {
                let since = found.since.to_rfc3339_opts(SecondsFormat::Secs, true);
                let (ours, theirs) = (Utc(found.ours), Utc(found.theirs));
                write!(f, "from {since} on it is {ours} here and {theirs} on this system")
            }
        }
    }
}

/// An offset in seconds, as people write it.
struct Utc(i32);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::FixedOffset::east_opt(self.0) {
            Some(offset) => write!(f, "UTC{offset}"),
            None => write!(f, "{} s east of UTC", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    /// Zones of which one file holds the clocks of another.
    fn renamed(file_of: &str, named: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        let to = directory.path().join(named);
        fs::create_dir_all(to.parent().expect("a zone has a region")).expect("a directory");
        fs::copy(Path::new(SYSTEM_ZONES).join(file_of), to).expect("the system has zones");
        directory
    }

    #[test]
    fn the_first_second_on_which_clocks_differ_is_found() {
        // London and Lisbon changed together until a file says that Lisbon keeps the time of Abidjan, without summers.
        let directory = renamed("Africa/Abidjan", "Europe/Lisbon");
        let report = compare(&[Tz::Europe__Lisbon], directory.path(), at("2026-01-01T00:07:00Z"));
        let expected = Difference {
            since: at("2026-03-29T01:00:00Z"),
            ours: 3_600,
            theirs: 0,
        };
        assert_eq!(report.zones, [(Tz::Europe__Lisbon, Comparison::Differs(expected))]);
        let said = report.zones[0].1.to_string();
        assert_eq!(
            said,
            "from 2026-03-29T01:00:00Z on it is UTC+01:00 here and UTC+00:00 on this system"
        );
        assert_eq!(report.differing(), 1);
    }

    #[test]
    fn a_difference_from_the_start_and_one_beyond_two_years_are_told_apart() {
        let directory = renamed("Asia/Tokyo", "Europe/Lisbon");
        let now = at("2026-01-01T00:00:00Z");
        let report = compare(&[Tz::Europe__Lisbon], directory.path(), now);
        assert!(
            matches!(report.zones[0].1, Comparison::Differs(Difference { since, .. }) if since == now),
            "{report:?}"
        );
        // Turkey left summer time in 2016: before 2014 nothing of that lies within two years.
        let directory = renamed("Europe/Athens", "Europe/Istanbul");
        let differs = |now: &str| compare(&[Tz::Europe__Istanbul], directory.path(), at(now)).differing();
        assert_eq!(differs("2012-01-01T00:00:00Z"), 0);
        assert_eq!(differs("2015-12-01T00:00:00Z"), 1);
    }

    #[test]
    fn a_zone_that_is_missing_or_damaged_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("UTC"), "no zone").expect("a file");
        let report = compare(&[Tz::Asia__Tokyo, Tz::UTC], directory.path(), Instant::default());
        assert_eq!(report.zones[0].1, Comparison::Missing);
        assert!(matches!(report.zones[1].1, Comparison::Unusable(_)), "{report:?}");
        assert!(report.to_string().contains("of unknown version"), "{report}");
    }

    #[test]
    fn the_version_of_the_system_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("tzdata.zi"), "# version 2031c\n# more\n").expect("a file");
        assert_eq!(version(directory.path()).as_deref(), Some("2031c"));
        fs::write(directory.path().join("+VERSION"), "2031d\n").expect("a file");
        assert_eq!(version(directory.path()).as_deref(), Some("2031d"));
    }
}
