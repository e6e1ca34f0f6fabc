//! Days that pass: what a location's dates are worth on a new day, or with another calendar (`RULES.md` R5, R6).
//!
//! A location is gone through in parts: its queues are noted, to be walked one after the other; released and tentative
//! orders, which wait for nothing, are looked at here.

use chrono::TimeDelta;

use super::command::Reestimate;
use super::estimate;
use super::risk::reassess;
use super::slot::LocationPage;
use super::working_set::{DaySlot, Index, LocationSlot, WorkingSet};
use crate::domain::risk::{Cause, CauseKind, LocationWalk, Stage};

/// The most counters, or orders, of a location that a step looks at.
pub const LOCATION_PAGE_MAX: i64 = 500;

/// How far clocks of instances may be apart: one that is behind does not begin a day again that another began,
/// and a day that began further ahead was begun by a clock that was wrong.
pub const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Says that a location is to be gone through, as of now.
pub(super) fn begin(ws: &mut WorkingSet, location: Index<LocationSlot>, cause: Option<Cause>) {
    let (now, place) = (ws.now, ws.location(location));
    let next_at = place.location.calendar.next_change(now);
    let location_id = place.location.location_id.clone();
    let goes_on = cause.is_some();
    let walk = cause.map(LocationWalk::begin);
    let slot = DaySlot {
        location,
        begun_at: now,
        next_at,
        walk,
    };
    match ws.days.find(&location) {
        Some(day) => *ws.days.change(day) = slot,
        None => drop(ws.days.create(location, slot)),
    }
    if goes_on {
        ws.to_estimate.insert(Reestimate { location_id, sku: None });
    }
}

/// Goes one step through a location: begins where a day has begun, or goes on.
pub(super) fn walk(ws: &mut WorkingSet, location: Index<LocationSlot>) {
    let now = ws.now;
    let day = ws.days.find(&location).map(|day| ws.days.get(day).clone());
    let is_today = day
        .as_ref()
        .is_some_and(|day| day.begun_at.signed_duration_since(now) <= SKEW && now < day.next_at);
    let Some(day) = day.filter(|_| is_today) else {
        return begin(ws, location, Some(Cause::of(CauseKind::DayPassed)));
    };
    let (Some(walk), Some(page)) = (day.walk, ws.pages.remove(&location)) else {
        return;
    };
    for stock in &page.stocks {
        estimate::mark(ws, *stock, &walk.cause);
    }
    for order in &page.orders {
        reassess(ws, *order, &walk.cause, None);
    }
    let next = next_stage(walk.stage, &page).map(|stage| LocationWalk { stage, ..walk });
    let goes_on = next.is_some();
    let index = ws.days.find(&location).expect("it was just there");
    ws.days.change(index).walk = next;
    if goes_on {
        let location_id = ws.location(location).location.location_id.clone();
        ws.to_estimate.insert(Reestimate { location_id, sku: None });
    }
}

fn next_stage(stage: Stage, page: &LocationPage) -> Option<Stage> {
    use crate::domain::ids::{Sequence, SkuKey};
    match (stage, page.last) {
        (Stage::Queues(_), Some(last)) => Some(Stage::Queues(SkuKey(last))),
        (Stage::Queues(_), None) => Some(Stage::Released(Sequence(0))),
        (Stage::Released(_), Some(last)) => Some(Stage::Released(Sequence(last))),
        (Stage::Released(_), None) => Some(Stage::Tentative(Sequence(0))),
        (Stage::Tentative(_), Some(last)) => Some(Stage::Tentative(Sequence(last))),
        (Stage::Tentative(_), None) => None,
    }
}
