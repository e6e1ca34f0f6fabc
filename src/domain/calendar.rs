//! Business calendars: which civil date an instant counts for, and which date is n business days later
//! (`RULES.md` R6).

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Date, Instant};

/// The most business days that handling may take.
pub const HANDLING_DAYS_MAX: u16 = 365;
/// The version of the zone database that dates are computed with: it comes with the binary.
pub const ZONE_DATABASE: &str = chrono_tz::IANA_TZDB_VERSION;

/// The most holidays of one calendar: ten years of every day.
pub const HOLIDAYS_MAX: usize = 3_660;
/// How long before a skipped local time the old offset surely held: gaps are a day long at most.
const GAP_SEARCH_SECONDS: i64 = 48 * 3_600;

/// The weekdays on which a location works, as a set of bits, Monday the lowest; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkingDays(u8);

impl WorkingDays {
    /// Monday to Friday.
    pub const MONDAY_TO_FRIDAY: Self = Self(0b001_1111);

    /// The set with these days; `None` when there is none.
    #[must_use]
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Option<Self> {
        let bits = days.into_iter().fold(0, |bits, day| bits | Self::bit(day));
        (bits != 0).then_some(Self(bits))
    }

    /// The set from its bits; `None` when there is none or a bit beyond Sunday.
    #[must_use]
    pub fn from_bits(bits: i64) -> Option<Self> {
        u8::try_from(bits)
            .ok()
            .filter(|bits| (1..=0b111_1111).contains(bits))
            .map(Self)
    }

    /// The bits, Monday the lowest.
    #[must_use]
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// Whether the day is a working day.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1_u8.wrapping_shl(day.num_days_from_monday())
    }
}

/// A location's business calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The zone of every date.
    pub time_zone: Tz,
    /// The time of day from which a day's orders count for the next business day; `None`: the whole day counts.
    pub cutoff: Option<NaiveTime>,
    /// Working weekdays.
    pub working_days: WorkingDays,
    /// Dates that are no business days.
    pub holidays: BTreeSet<Date>,
    /// Business days from having the units to shipping them.
    pub handling_days: u16,
    /// Grows with each change, so that a promise can name the calendar it was made with.
    pub version: i64,
}

impl Calendar {
    /// Whether the location works on the date.
    #[must_use]
    pub fn is_business_day(&self, date: Date) -> bool {
        self.working_days.contains(date.weekday()) && !self.holidays.contains(&date)
    }

    /// The date itself if it is a business day, otherwise the next one.
    #[must_use]
    pub fn on_or_after(&self, date: Date) -> Date {
        let mut day = date;
        while !self.is_business_day(day) {
            day = next(day);
        }
        day
    }

    /// The n-th business day strictly after the date; the date itself for n = 0.
    #[must_use]
    pub fn plus_business_days(&self, date: Date, n: u16) -> Date {
        (0..n).fold(date, |day, _| self.on_or_after(next(day)))
    }

    /// The day on which units ready on the date leave: `handling_days` business days later.
    #[must_use]
    pub fn ship_date(&self, ready: Date) -> Date {
        self.plus_business_days(ready, self.handling_days)
    }

    /// Business days from a date to another: those after the first, up to and with the second; negative if the second is
    /// earlier.
    #[must_use]
    pub fn business_days_between(&self, from: Date, to: Date) -> i64 {
        if to < from {
            return self.business_days_between(to, from).saturating_neg();
        }
        let (mut days, mut day) = (0_i64, from);
        while day < to {
            day = next(day);
            days = days.saturating_add(i64::from(self.is_business_day(day)));
        }
        days
    }

    /// The local date of an instant.
    #[must_use]
    pub fn local_date(&self, instant: Instant) -> Date {
        instant.with_timezone(&self.time_zone).date_naive()
    }

    /// The business date of an instant: its local date if that is a business day and the cut-off has not
    /// come, otherwise the next business day. Exactly at the cut-off is after it.
    #[must_use]
    pub fn business_date(&self, instant: Instant) -> Date {
        let date = self.local_date(instant);
        if !self.is_business_day(date) {
            return self.on_or_after(date);
        }
        match self.cutoff {
            Some(cutoff) if instant >= self.first_instant(date.and_time(cutoff)) => self.on_or_after(next(date)),
            _ => date,
        }
    }

    /// The first instant after `now` at which a day begins, or its cut-off comes: until then today stays today.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Instant {
        let date = self.local_date(now);
        let midnight = self.first_instant(next(date).and_time(NaiveTime::MIN));
        let cutoff = self.cutoff.map(|cutoff| self.first_instant(date.and_time(cutoff)));
        cutoff
            .filter(|cutoff| *cutoff > now)
            .map_or(midnight, |cutoff| cutoff.min(midnight))
    }

    /// The instant of a local time: the earlier of two, and the first instant after the gap for none.
    fn first_instant(&self, local: NaiveDateTime) -> Instant {
        match self.time_zone.from_local_datetime(&local) {
            MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => instant.with_timezone(&Utc),
            MappedLocalTime::None => self.end_of_gap(local),
        }
    }

    /// The transition that skipped a local time. Read with the offset that held before it, that time lies after it.
    fn end_of_gap(&self, local: NaiveDateTime) -> Instant {
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap_or_default();
        let offset = |second: i64| {
            at(second)
                .with_timezone(&self.time_zone)
                .offset()
                .fix()
                .local_minus_utc()
        };
        let local = local.and_utc().timestamp();
        let mut before = local.saturating_sub(GAP_SEARCH_SECONDS);
        let offset_before = offset(before);
        let mut after = local.saturating_sub(i64::from(offset_before));
        while after.saturating_sub(before) > 1 {
            let middle = before.midpoint(after);
            if offset(middle) == offset_before {
                before = middle;
            } else {
                after = middle;
            }
        }
        at(after)
    }
}

/// The next day. Dates are refused at the edge far below the last one that chrono can name.
fn next(date: Date) -> Date {
    plus_days(date, 1)
}

/// The date some calendar days later.
#[must_use]
pub fn plus_days(date: Date, days: u16) -> Date {
    date.checked_add_days(Days::new(u64::from(days)))
        .expect("dates are bounded at the edge, years before the last one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: Tz, cutoff: Option<(u32, u32)>) -> Calendar {
        Calendar {
            time_zone: zone,
            cutoff: cutoff.and_then(|(h, m)| NaiveTime::from_hms_opt(h, m, 0)),
            working_days: WorkingDays::MONDAY_TO_FRIDAY,
            holidays: BTreeSet::new(),
            handling_days: 1,
            version: 1,
        }
    }

    fn at(text: &str) -> Instant {
        text.parse().expect("an instant")
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn friday_plus_one_is_monday_unless_monday_is_a_holiday() {
        let mut c = calendar(Tz::UTC, None);
        assert_eq!(c.plus_business_days(date("2026-03-06"), 1), date("2026-03-09"));
        c.holidays.insert(date("2026-03-09"));
        assert_eq!(c.plus_business_days(date("2026-03-06"), 1), date("2026-03-10"));
    }

    #[test]
    fn business_days_are_counted_both_ways() {
        let mut c = calendar(Tz::UTC, None);
        c.holidays.insert(date("2026-03-10"));
        assert_eq!(c.business_days_between(date("2026-03-06"), date("2026-03-11")), 2);
        assert_eq!(c.business_days_between(date("2026-03-11"), date("2026-03-06")), -2);
        assert_eq!(c.business_days_between(date("2026-03-06"), date("2026-03-06")), 0);
    }

    #[test]
    fn exactly_at_the_cutoff_is_after_it() {
        let c = calendar(Tz::America__New_York, Some((14, 0)));
        assert_eq!(c.business_date(at("2026-03-06T18:59:59Z")), date("2026-03-06"));
        assert_eq!(c.business_date(at("2026-03-06T19:00:00Z")), date("2026-03-09"));
        assert_eq!(c.business_date(at("2026-03-07T12:00:00Z")), date("2026-03-09"));
    }

    #[test]
    fn a_cutoff_inside_a_gap_means_the_first_instant_after_it() {
        // Brussels skips 02:00–03:00 on Sunday 2026-03-29; the gap ends at 01:00Z.
        let mut c = calendar(Tz::Europe__Brussels, Some((2, 30)));
        c.working_days = WorkingDays::from_bits(0b111_1111).expect("all days");
        assert_eq!(c.business_date(at("2026-03-29T00:59:59Z")), date("2026-03-29"));
        assert_eq!(c.business_date(at("2026-03-29T01:00:00Z")), date("2026-03-30"));
    }

    #[test]
    fn a_cutoff_that_occurs_twice_means_the_earlier() {
        // Brussels repeats 02:00–03:00 on Sunday 2026-10-25; 02:30 comes first at 00:30Z.
        let mut c = calendar(Tz::Europe__Brussels, Some((2, 30)));
        c.working_days = WorkingDays::from_bits(0b111_1111).expect("all days");
        assert_eq!(c.business_date(at("2026-10-25T00:29:59Z")), date("2026-10-25"));
        assert_eq!(c.business_date(at("2026-10-25T00:30:00Z")), date("2026-10-26"));
        assert_eq!(c.business_date(at("2026-10-25T01:10:00Z")), date("2026-10-26"));
    }

    #[test]
    fn a_cutoff_on_a_day_that_a_zone_skipped_ends_with_the_gap() {
        // Samoa had no 2011-12-30.
        let c = calendar(Tz::Pacific__Apia, Some((12, 0)));
        let gap = date("2011-12-30").and_time(NaiveTime::from_hms_opt(12, 0, 0).expect("noon"));
        assert_eq!(c.first_instant(gap), at("2011-12-30T10:00:00Z"));
    }
}
