//! The kinds of fields that several messages have: lists, texts, dates, instants, times of day, money, enumerations.

use std::fmt::Display;

use chrono::{NaiveTime, TimeZone, Utc};

use super::violations::Violations;
use crate::domain::ids::LocationId;
use crate::domain::money::{Amount, Currency};
use crate::domain::{Date, Instant};
use crate::proto::google::r#type as google;

/// The years of a date: what is outside is a mistake. Business days can be counted on from any of these.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2999;
/// The most seconds of a `google.protobuf.Timestamp`: the end of the year 9999.
const TIMESTAMP_SECONDS_MAX: i64 = 253_402_300_799;

/// Each entry of a list of 1 to `max`, parsed.
pub(crate) fn list<M, T>(
    v: &mut Violations,
    path: &str,
    entries: Vec<M>,
    max: usize,
    mut parse: impl FnMut(&mut Violations, usize, M) -> Option<T>,
) -> Vec<T> {
    let count = entries.len();
    v.check(count > 0, path, format_args!("is empty: send 1 to {max} entries"));
    at_most(v, path, count, max);
    entries
        .into_iter()
        .take(max)
        .enumerate()
        .filter_map(|(at, entry)| parse(v, at, entry))
        .collect()
}

/// Notes a list that is too long.
pub(crate) fn at_most(v: &mut Violations, path: &str, count: usize, max: usize) {
    v.check(
        count <= max,
        path,
        format_args!("has {count} entries, at most {max} are allowed: send fewer"),
    );
}

/// The location that is to fill an order; `None` if it is left out, and if it is malformed, which is noted.
pub(crate) fn filled_at(v: &mut Violations, id: &str) -> Option<LocationId> {
    if id.is_empty() {
        return None;
    }
    v.take("location_id", LocationId::parse(id))
}

/// A message that must be there.
pub(crate) fn required<M>(v: &mut Violations, path: &str, message: Option<M>) -> Option<M> {
    v.check(message.is_some(), path, "is missing: send it");
    message
}

/// A short text for people: up to `max` bytes of UTF-8, without control characters.
pub(crate) fn name(v: &mut Violations, path: impl Display, text: String, max: usize) -> String {
    free_text(v, path, text, max, |_| false)
}

/// A free text: up to `max` bytes of UTF-8; of control characters, only line breaks and tabs.
pub(crate) fn note(v: &mut Violations, path: impl Display, text: String, max: usize) -> String {
    free_text(v, path, text, max, |c| matches!(c, '\n' | '\r' | '\t'))
}

fn free_text(
    v: &mut Violations,
    path: impl Display,
    text: String,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> String {
    let bytes = text.len();
    if bytes > max {
        v.add(
            path,
            format_args!("has {bytes} bytes of UTF-8, at most {max} are allowed: shorten it"),
        );
        return String::new();
    }
    if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control() && !allowed(*c)) {
        v.add(path, format_args!("has a control character at byte {at}: leave it out"));
    }
    text
}

/// A whole number within a range.
pub(crate) fn number<N, T>(
    v: &mut Violations,
    path: impl Display,
    number: N,
    range: std::ops::RangeInclusive<N>,
) -> Option<T>
where
    N: PartialOrd + Display + Copy,
    T: TryFrom<N>,
{
    let value = range.contains(&number).then(|| T::try_from(number).ok()).flatten();
    v.check(
        value.is_some(),
        path,
        format_args!("is {number}, must be {} to {}", range.start(), range.end()),
    );
    value
}

/// A whole civil date.
pub(crate) fn date(v: &mut Violations, path: impl Display, date: google::Date) -> Option<Date> {
    if !YEARS.contains(&date.year) {
        v.add(
            path,
            format_args!(
                "has the year {}, must be {} to {}",
                date.year,
                YEARS.start(),
                YEARS.end()
            ),
        );
        return None;
    }
    let part = |number: i32| u32::try_from(number).ok();
    let parsed = part(date.month)
        .zip(part(date.day))
        .and_then(|(month, day)| Date::from_ymd_opt(date.year, month, day));
    v.check(
        parsed.is_some(),
        path,
        format_args!(
            "is not a day of the calendar (year {}, month {}, day {}): send a whole date",
            date.year, date.month, date.day
        ),
    );
    parsed
}

/// An instant since 1970, cut to whole microseconds: what is older is a mistake.
pub(crate) fn instant(v: &mut Violations, path: impl Display, timestamp: prost_types::Timestamp) -> Option<Instant> {
    let prost_types::Timestamp { seconds, nanos } = timestamp;
    let valid = (0..=TIMESTAMP_SECONDS_MAX).contains(&seconds);
    let micros = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)
        .and_then(|nanos| nanos.checked_div(1_000));
    let parsed = micros
        .filter(|_| valid)
        .and_then(|micros| Utc.timestamp_opt(seconds, micros.saturating_mul(1_000)).single());
    v.check(
        parsed.is_some(),
        path,
        format_args!(
            "is out of range ({seconds} s, {nanos} ns): seconds must lie within the years 1970 to 9999, nanos within 0 to \
             999,999,999"
        ),
    );
    parsed
}

/// A time of day in whole seconds.
pub(crate) fn time_of_day(v: &mut Violations, path: &str, time: google::TimeOfDay) -> Option<NaiveTime> {
    let google::TimeOfDay {
        hours,
        minutes,
        seconds,
        nanos,
    } = time;
    if hours == 24 {
        v.add(
            path,
            "is 24:00, which is the next day: leave the cut-off out, so that the whole day counts",
        );
        return None;
    }
    let part = |number: i32| u32::try_from(number).ok();
    let parsed = match (part(hours), part(minutes), part(seconds), nanos) {
        (Some(hours), Some(minutes), Some(seconds), 0) => NaiveTime::from_hms_opt(hours, minutes, seconds),
        _ => None,
    };
    v.check(
        parsed.is_some(),
        path,
        format_args!(
            "is {hours} h {minutes} min {seconds} s {nanos} ns, must be 00:00:00 to 23:59:59 in whole seconds"
        ),
    );
    parsed
}

/// What was paid, in a known currency and without fractions of its minor unit.
pub(crate) fn money(v: &mut Violations, path: impl Display, money: &google::Money) -> Option<(Currency, Amount)> {
    let currency = match Currency::parse(&money.currency_code) {
        Ok(currency) => Some(currency),
        Err(error) => {
            v.add(format_args!("{path}.currency_code"), error);
            None
        }
    };
    let amount = v.take(&path, Amount::parse(money.units, money.nanos));
    let (currency, amount) = currency.zip(amount)?;
    let fraction = i128::from(money.nanos).checked_rem(currency.minor_unit_nanos());
    v.check(
        fraction == Some(0),
        format_args!("{path}.nanos"),
        format_args!(
            "is {}, a fraction of the minor unit of {}: send whole minor units",
            money.nanos,
            currency.code()
        ),
    );
    Some((currency, amount))
}

/// A value of an enumeration that is known and not the unspecified one.
pub(crate) fn specified<E, T>(
    v: &mut Violations,
    path: impl Display,
    number: i32,
    parse: impl Fn(E) -> Option<T>,
) -> Option<T>
where
    E: TryFrom<i32>,
{
    let value = E::try_from(number).ok().and_then(parse);
    v.check(
        value.is_some(),
        path,
        format_args!("is {number}, which is not one of the values: see the enumeration"),
    );
    value
}
