//! What several benches measure with.

use holdfast::domain::Date;
use holdfast::domain::calendar::{Calendar, WorkingDays};
use holdfast::domain::catalog::{Item, Location};
use holdfast::domain::ids::{LocationId, Sku};
use holdfast::domain::quantity::Units;

/// A warehouse as usual: in a zone with daylight saving, with a list of holidays.
pub(crate) fn location(location_id: LocationId) -> Location {
    let calendar = Calendar {
        time_zone: chrono_tz::Tz::Europe__Brussels,
        cutoff: None,
        working_days: WorkingDays::MONDAY_TO_FRIDAY,
        holidays: (1..=20).filter_map(|day| Date::from_ymd_opt(2026, 12, day)).collect(),
        handling_days: 1,
        version: 1,
    };
    Location {
        location_id,
        display_name: "Warehouse".to_owned(),
        calendar,
        rank: 0,
        active: true,
        inbound_buffer_percent: 0,
    }
}

/// An item that can be had in 30 days.
pub(crate) fn item(sku: Sku) -> Item {
    Item {
        sku,
        display_name: "A thing of beauty".to_owned(),
        backorderable: true,
        lead_time_days: Some(30),
        max_backlog: None,
        safety_stock: Units::ZERO,
    }
}
