//! Civil dates as `YYYY-MM-DD`. The calendar's library writes them through its general formatting, which is a third of the
//! cost of an event's JSON; what it reads and writes is the same.

use chrono::Datelike as _;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

use super::Date;

/// Writes a date.
///
/// # Errors
/// Those of the serializer.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(super) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    let Ok(year @ 0..=9_999) = u32::try_from(date.year()) else {
        return date.serialize(serializer);
    };
    let digit = |number: u32, place: u32| {
        let digit = number.checked_div(place).unwrap_or(0) % 10;
        u8::try_from(digit).map_or(b'0', |digit| digit.saturating_add(b'0'))
    };
    let [millennium, century, decade] = [1_000, 100, 10].map(|place| digit(year, place));
    let [month, day] = [date.month(), date.day()].map(|number| (digit(number, 10), digit(number, 1)));
    let text = [
        millennium,
        century,
        decade,
        digit(year, 1),
        b'-',
        month.0,
        month.1,
        b'-',
        day.0,
        day.1,
    ];
    match std::str::from_utf8(&text) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => date.serialize(serializer),
    }
}

/// Reads a date.
///
/// # Errors
/// What is no date.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    Date::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Written(#[serde(with = "super")] Date);

    #[test]
    fn a_date_is_written_as_the_library_writes_it() {
        let dates = ["2026-11-23", "2024-02-29", "0000-01-01", "9999-12-31", "0987-10-09"];
        let parsed = dates.map(|date| date.parse::<Date>().expect("a date"));
        for date in parsed.into_iter().chain([Date::MIN, Date::MAX]) {
            let written = serde_json::to_string(&Written(date)).expect("JSON");
            assert_eq!(written, serde_json::to_string(&date).expect("JSON"));
            assert_eq!(serde_json::from_str::<Written>(&written).ok(), Some(Written(date)));
        }
    }
}
