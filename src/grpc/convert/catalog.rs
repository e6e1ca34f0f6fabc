//! The requests of `CatalogService`.

use std::collections::BTreeSet;

use chrono::Weekday;
use chrono_tz::Tz;

use super::fields;
use super::violations::Violations;
use crate::domain::Date;
use crate::domain::calendar::{Calendar, HANDLING_DAYS_MAX, HOLIDAYS_MAX, WorkingDays};
use crate::domain::catalog::{Item, Location};
use crate::domain::ids::{LocationId, Sku};
use crate::domain::quantity::Units;
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

/// The longest name, in bytes.
const DISPLAY_NAME_BYTES_MAX: usize = 200;
/// Business days of handling where none are said: "ships within one business day of receiving".
const HANDLING_DAYS_DEFAULT: i32 = 1;
/// The longest lead time, in calendar days.
const LEAD_TIME_DAYS_MAX: i32 = 3_650;
/// The highest limit of backlog, and the most safety stock.
const SETTING_UNITS_MAX: i64 = 1_000_000_000_000;
/// The most entries of a list of weekdays: each once.
const WEEKDAYS_MAX: usize = 7;

/// Parses a location to be put. The version of its calendar is the server's.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn put_location(request: pb::PutLocationRequest) -> Result<Location, Violations> {
    let mut v = Violations::default();
    let Some(location) = fields::required(&mut v, "location", request.location) else {
        return Err(v);
    };
    let location_id = v.take("location.location_id", LocationId::parse(&location.location_id));
    let display_name = fields::name(
        &mut v,
        "location.display_name",
        location.display_name,
        DISPLAY_NAME_BYTES_MAX,
    );
    let time_zone = time_zone(&mut v, &location.time_zone);
    let cutoff = location
        .cutoff
        .and_then(|time| fields::time_of_day(&mut v, "location.cutoff", time));
    let working_days = working_days(&mut v, &location.working_days);
    let holidays = holidays(&mut v, &location.holidays);
    let days = location.handling_days.unwrap_or(HANDLING_DAYS_DEFAULT);
    let handling_days = fields::number(&mut v, "location.handling_days", days, 0..=i32::from(HANDLING_DAYS_MAX));
    let percent = location.inbound_buffer_percent;
    let inbound_buffer_percent = fields::number(&mut v, "location.inbound_buffer_percent", percent, 0..=100);
    let (rank, active) = (location.rank, location.active.unwrap_or(true));
    let build = || {
        let (time_zone, handling_days) = (time_zone?, handling_days?);
        let calendar = Calendar {
            time_zone,
            cutoff,
            working_days,
            holidays,
            handling_days,
            version: 1,
        };
        Some(Location {
            location_id: location_id?,
            display_name,
            calendar,
            rank,
            active,
            inbound_buffer_percent: inbound_buffer_percent?,
        })
    };
    v.finish(build())
}

fn time_zone(v: &mut Violations, name: &str) -> Option<Tz> {
    let zone = name.parse().ok();
    let description = if name.is_empty() {
        "is missing: send an IANA time zone, such as Europe/Brussels"
    } else {
        "is not an IANA time zone, such as Europe/Brussels"
    };
    v.check(zone.is_some(), "location.time_zone", description);
    zone
}

fn working_days(v: &mut Violations, days: &[i32]) -> WorkingDays {
    fields::at_most(v, "location.working_days", days.len(), WEEKDAYS_MAX);
    let numbered = days.iter().take(WEEKDAYS_MAX).enumerate();
    let parsed = numbered
        .filter_map(|(at, day)| fields::specified(v, format_args!("location.working_days[{at}]"), *day, weekday));
    WorkingDays::new(parsed).unwrap_or(WorkingDays::MONDAY_TO_FRIDAY)
}

fn weekday(day: google::DayOfWeek) -> Option<Weekday> {
    match day {
        google::DayOfWeek::Unspecified => None,
        google::DayOfWeek::Monday => Some(Weekday::Mon),
        google::DayOfWeek::Tuesday => Some(Weekday::Tue),
        google::DayOfWeek::Wednesday => Some(Weekday::Wed),
        google::DayOfWeek::Thursday => Some(Weekday::Thu),
        google::DayOfWeek::Friday => Some(Weekday::Fri),
        google::DayOfWeek::Saturday => Some(Weekday::Sat),
        google::DayOfWeek::Sunday => Some(Weekday::Sun),
    }
}

fn holidays(v: &mut Violations, holidays: &[google::Date]) -> BTreeSet<Date> {
    fields::at_most(v, "location.holidays", holidays.len(), HOLIDAYS_MAX);
    let numbered = holidays.iter().take(HOLIDAYS_MAX).enumerate();
    numbered
        .filter_map(|(at, date)| fields::date(v, format_args!("location.holidays[{at}]"), *date))
        .collect()
}

/// Parses an item to be put.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn put_item(request: pb::PutItemRequest) -> Result<Item, Violations> {
    let mut v = Violations::default();
    let Some(item) = fields::required(&mut v, "item", request.item) else {
        return Err(v);
    };
    let sku = v.take("item.sku", Sku::parse(&item.sku));
    let display_name = fields::name(&mut v, "item.display_name", item.display_name, DISPLAY_NAME_BYTES_MAX);
    let lead_time = item.lead_time_days;
    let lead_time_days =
        lead_time.and_then(|days| fields::number(&mut v, "item.lead_time_days", days, 0..=LEAD_TIME_DAYS_MAX));
    let max_backlog = item
        .max_backlog
        .and_then(|limit| setting(&mut v, "item.max_backlog", limit));
    let safety_stock = setting(&mut v, "item.safety_stock", item.safety_stock);
    let backorderable = item.backorderable.unwrap_or(true);
    let build = || {
        let (sku, safety_stock) = (sku?, safety_stock?);
        Some(Item {
            sku,
            display_name,
            backorderable,
            lead_time_days,
            max_backlog,
            safety_stock,
        })
    };
    v.finish(build())
}

fn setting(v: &mut Violations, path: &str, units: i64) -> Option<Units> {
    fields::number(v, path, units, 0..=SETTING_UNITS_MAX).and_then(|units: i64| Units::new(units))
}

/// Parses the id of a location.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn location_id(text: &str) -> Result<LocationId, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(text));
    v.finish(location_id)
}

/// Parses the SKU of an item.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn sku(text: &str) -> Result<Sku, Violations> {
    let mut v = Violations::default();
    let sku = v.take("sku", Sku::parse(text));
    v.finish(sku)
}

/// Parses a location and a SKU.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn stock(location_id: &str, sku: &str) -> Result<(LocationId, Sku), Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(location_id));
    let sku = v.take("sku", Sku::parse(sku));
    v.finish(location_id.zip(sku))
}
