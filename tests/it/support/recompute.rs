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

/// Checks that the promise of a line adds up to its dates, in the calendar of the time.
fn promise_adds_up(line: &LineExplanation, explanation: &OrderExplanation) {
    let stated = |date: &Option<Date>| date.as_ref().map(day).expect("a day");
    let basis = line.basis.as_ref().expect("a promise has a basis");
    let (placed, supply) = (
        stated(&explanation.promise_local_date),
        stated(&line.promised_supply_date),
    );
    let expected = basis.inbound_expected_date.as_ref().map(day);
    if let Some(expected) = expected.filter(|expected| *expected >= placed) {
        assert_eq!(supply, expected, "{line:?}");
    }
    let ready = counted(supply.max(placed), &line.promise_skipped_days);
    assert_eq!(ready, stated(&line.promised_ready_date), "{line:?}");
    let mut ships = ready;
    for _ in 0..explanation.promise_handling_days {
        ships = counted(later(ships, 1), &line.promise_skipped_days);
    }
    assert_eq!(ships, stated(&line.promised_ship_date), "{line:?}");
    let skipped = line.promise_skipped_days.iter().filter_map(|skip| skip.date.as_ref());
    assert!(
        skipped.map(day).all(|date| supply <= date || placed <= date),
        "{line:?}"
    );
}

/// Checks that an explanation adds up to its dates.
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
    for line in &explanation.lines {
        promise_adds_up(line, explanation);
    }
    assert_eq!(explanation.promise_zone_database, chrono_tz::IANA_TZDB_VERSION);
    assert_eq!(explanation.zone_database, chrono_tz::IANA_TZDB_VERSION);
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
