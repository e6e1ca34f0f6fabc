//! What a shop sets up: locations and items.

use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::ids::{LocationId, Sku};
use super::quantity::Units;

/// One warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Its id.
    pub location_id: LocationId,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Its business calendar.
    pub calendar: Calendar,
    /// Which location comes first when dates are equal: the lower.
    pub rank: i32,
    /// Whether it takes new orders.
    pub active: bool,
    /// How much of what an inbound still brings is not counted on, in per cent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inbound_buffer_percent: u8,
}

/// One sellable product variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its stock keeping unit.
    pub sku: Sku,
    /// What people call it; may be empty.
    pub display_name: String,
    /// Whether a customer may wait for it (`RULES.md` R7).
    pub backorderable: bool,
    /// Calendar days in which supply can be had when no inbound covers a line; `None` when nobody can say.
    pub lead_time_days: Option<u16>,
    /// The most units of backlog at one location; `None` for no limit.
    pub max_backlog: Option<Units>,
    /// On-hand units that are never allocated, at each location.
    pub safety_stock: Units,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(percent: &u8) -> bool {
    *percent == 0
}
