//! The date of an order from nothing but its explanation, as somebody with a calendar and a pencil would find it.

use chrono::{Days, NaiveDate};
use holdfast::proto::google::r#type::Date;
use holdfast::proto::holdfast::v1::{LineExplanation, OrderExplanation, OrderState, SkippedDay};

fn day(date: &Date) -> NaiveDate {
    let part = |number: i32| u32::try_from(number).expect("a part of a date");
    NaiveDate::from_ymd_opt(date.year, part(date.month), part(date.day)).expect("a whole date")
}

fn later(date: NaiveDate, days: i32) -> NaiveDate {
    let days = u64::try_from(days).expect("days to come");
    date.checked_add_days(Days::new(days))
        .expect("tests stay within the calendar")
}

/// The first day from a date on that is not skipped.
fn counted(from: NaiveDate, skipped: &[SkippedDay]) -> NaiveDate {
    let mut date = from;
    while skipped.iter().any(|skip| skip.date.as_ref().map(day) == Some(date)) {
        date = later(date, 1);
    }
    date
}

/// When the supply of a line is there: by the first inbound up to which enough adds up, or by the lead time.
fn supply_date(line: &LineExplanation, today: NaiveDate) -> Option<NaiveDate> {
    if line.backordered_quantity == 0 {
        return Some(today);
    }
    let needed = line.units_ahead + line.safety_shortfall + line.backordered_quantity;
    let mut coming = 0;
    let mut last = None;
    for arrival in &line.arrivals {
        assert!(arrival.counted_quantity <= arrival.open_quantity, "{arrival:?}");
        coming += arrival.counted_quantity;
        last = arrival.counts_as.as_ref().map(day);
        if coming >= needed {
            assert_eq!(
                (&line.inbound_id, line.left_after),
                (&arrival.inbound_id, coming - needed),
                "{line:?}"
            );
            return last;
        }
    }
    let by_lead_time = later(today, line.lead_time_days?);
    Some(last.map_or(by_lead_time, |last| last.max(by_lead_time)))
}

fn line_date(line: &LineExplanation, explanation: &OrderExplanation) -> Option<NaiveDate> {
    let today = explanation.local_date.as_ref().map(day).expect("a day");
    let supply = supply_date(line, today);
    assert_eq!(supply, line.supply_date.as_ref().map(day), "{line:?}");
    let ready = counted(supply?.max(today), &line.skipped_days);
    assert_eq!(Some(ready), line.ready_date.as_ref().map(day), "{line:?}");
    let mut ships = ready;
    for _ in 0..explanation.handling_days {
        ships = counted(later(ships, 1), &line.skipped_days);
    }
    assert_eq!(Some(ships), line.estimated_ship_date.as_ref().map(day), "{line:?}");
    Some(ships)
}

/// Checks that an explanation adds up to its date.
pub(crate) fn adds_up(explanation: &OrderExplanation) {
    let stated = explanation.estimated_ship_date.as_ref().map(day);
    let computed = match explanation.state() {
        OrderState::Tentative | OrderState::Waiting => {
            let dates: Option<Vec<_>> = explanation
                .lines
                .iter()
                .map(|line| line_date(line, explanation))
                .collect();
            dates.and_then(|dates| dates.into_iter().max())
        }
        OrderState::Released => {
            let today = explanation.local_date.as_ref().map(day).expect("a day");
            let ship_by = explanation
                .ship_by_date
                .as_ref()
                .map(day)
                .expect("a released order has one");
            if ship_by >= today {
                Some(ship_by)
            } else {
                Some(counted(today, &explanation.skipped_days))
            }
        }
        OrderState::Shipped => stated,
        OrderState::Cancelled | OrderState::Unspecified => None,
    };
    assert_eq!(computed, stated, "{explanation:?}");
    let promised = explanation
        .lines
        .iter()
        .filter_map(|line| line.promised_ship_date.as_ref())
        .map(day)
        .max();
    assert!(
        promised <= explanation.promised_ship_date.as_ref().map(day),
        "{explanation:?}"
    );
    assert!(explanation.text.contains(&explanation.order_id), "{}", explanation.text);
}
