//! The calendar and the dates of the model, day by day (`RULES.md` R5, R6).

use chrono::{Datelike, Days, NaiveDateTime, Offset, TimeDelta};
use holdfast::domain::calendar::Calendar;
use holdfast::domain::ids::InboundId;
use holdfast::domain::order::Supply;
use holdfast::domain::{Date, Instant};

/// The furthest that a zone's clocks are set back, in minutes.
const SET_BACK_MINUTES_MAX: i64 = 180;

pub(super) fn tomorrow(date: Date) -> Date {
    days_later(date, 1)
}

fn days_later(date: Date, days: u64) -> Date {
    date.checked_add_days(Days::new(days))
        .expect("tests stay within the calendar")
}

fn is_business_day(calendar: &Calendar, date: Date) -> bool {
    let bit = 1 << date.weekday().num_days_from_monday();
    calendar.working_days.bits() & bit != 0 && !calendar.holidays.contains(&date)
}

/// The date itself, or the first business day after it.
pub(super) fn business_day_from(calendar: &Calendar, date: Date) -> Date {
    let mut day = date;
    while !is_business_day(calendar, day) {
        day = tomorrow(day);
    }
    day
}

/// The day on which units leave that are ready on the date.
pub(super) fn ship_date(calendar: &Calendar, ready: Date) -> Date {
    let mut day = ready;
    for _ in 0..calendar.handling_days {
        day = business_day_from(calendar, tomorrow(day));
    }
    day
}

fn local(calendar: &Calendar, instant: Instant) -> NaiveDateTime {
    instant.with_timezone(&calendar.time_zone).naive_local()
}

pub(super) fn local_date(calendar: &Calendar, instant: Instant) -> Date {
    local(calendar, instant).date()
}

/// Whether the clock on the wall has shown a time of that day, now or before it was set back. Cut-offs and
/// changes of the clock are on whole minutes, so that looking at every minute misses none.
fn was_shown(calendar: &Calendar, now: Instant, time: NaiveDateTime) -> bool {
    let offset = |instant: Instant| instant.with_timezone(&calendar.time_zone).offset().fix();
    let earlier = |minutes: i64| now - TimeDelta::minutes(minutes);
    if offset(now) == offset(earlier(SET_BACK_MINUTES_MAX)) {
        return local(calendar, now) >= time;
    }
    (0..=SET_BACK_MINUTES_MAX).any(|minutes| local(calendar, earlier(minutes)) >= time)
}

pub(super) fn business_date(calendar: &Calendar, now: Instant) -> Date {
    let date = local_date(calendar, now);
    let is_late = calendar
        .cutoff
        .is_some_and(|cutoff| was_shown(calendar, now, date.and_time(cutoff)));
    business_day_from(calendar, if is_late { tomorrow(date) } else { date })
}

/// What is coming of a SKU, and who comes first.
pub(super) struct Coming {
    /// Expected date, id and open units.
    pub(super) inbounds: Vec<(Date, InboundId, i64)>,
    pub(super) lead_time_days: Option<u16>,
    /// Units of older lines and units that the safety stock lacks.
    pub(super) first: i64,
}

/// When the last of the lacking units is there, and what that counts on.
pub(super) fn ready_date(calendar: &Calendar, now: Instant, coming: &Coming, lacking: i64) -> Option<(Date, Supply)> {
    let (today, earliest) = (local_date(calendar, now), business_date(calendar, now));
    if lacking == 0 {
        return Some((earliest, Supply::OnHand));
    }
    let not_before = |date: Date| business_day_from(calendar, date).max(earliest);
    let effective = |date: Date| {
        if date < today {
            business_day_from(calendar, tomorrow(today))
        } else {
            date
        }
    };
    let mut inbounds: Vec<_> = coming
        .inbounds
        .iter()
        .map(|(date, id, open)| (effective(*date), id, *date, *open))
        .collect();
    inbounds.sort();
    let mut arrived = 0;
    for (date, id, expected, open) in &inbounds {
        arrived += open;
        if arrived >= coming.first + lacking {
            let supply = Supply::Inbound {
                inbound_id: InboundId::clone(id),
                expected_date: *expected,
            };
            return Some((not_before(*date), supply));
        }
    }
    let days = coming.lead_time_days?;
    let mut date = days_later(today, u64::from(days));
    for (other, ..) in inbounds {
        date = date.max(other);
    }
    Some((not_before(date), Supply::LeadTime { days }))
}
