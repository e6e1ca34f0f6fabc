//! Plain values as the contract spells them.

use chrono::{Datelike, NaiveTime, Timelike, Weekday};

use crate::domain::catalog::{Item, Location};
use crate::domain::event::LineUnits;
use crate::domain::ids::LocationId;
use crate::domain::inbound::{Inbound, InboundState};
use crate::domain::money::{Amount, Currency, Money};
use crate::domain::order::{Customer, OrderState, Parcel};
use crate::domain::{Date, Instant};
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

/// Monday to Sunday, with their names in the contract.
const WEEK: [(Weekday, google::DayOfWeek); 7] = [
    (Weekday::Mon, google::DayOfWeek::Monday),
    (Weekday::Tue, google::DayOfWeek::Tuesday),
    (Weekday::Wed, google::DayOfWeek::Wednesday),
    (Weekday::Thu, google::DayOfWeek::Thursday),
    (Weekday::Fri, google::DayOfWeek::Friday),
    (Weekday::Sat, google::DayOfWeek::Saturday),
    (Weekday::Sun, google::DayOfWeek::Sunday),
];

/// A count that is far below the limit of its field.
pub(crate) fn small(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// A count of rows or of time.
pub(crate) fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A civil date.
pub(crate) fn date(date: Date) -> google::Date {
    google::Date {
        year: date.year(),
        month: small(date.month()),
        day: small(date.day()),
    }
}

/// An instant.
pub(crate) fn timestamp(at: Instant) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: small(at.timestamp_subsec_nanos()),
    }
}

fn time_of_day(time: NaiveTime) -> google::TimeOfDay {
    let (hours, minutes, seconds) = (small(time.hour()), small(time.minute()), small(time.second()));
    google::TimeOfDay {
        hours,
        minutes,
        seconds,
        nanos: 0,
    }
}

/// An amount with its currency.
pub(crate) fn money(money: Money) -> google::Money {
    let (units, nanos) = money.amount.into();
    google::Money {
        currency_code: money.currency.code().to_owned(),
        units,
        nanos,
    }
}

/// What was paid for a line, if that is known.
pub(crate) fn price(currency: Option<Currency>, amount: Option<Amount>) -> Option<google::Money> {
    let (currency, amount) = currency.zip(amount)?;
    Some(money(Money { currency, amount }))
}

/// An order's state.
pub(crate) fn order_state(state: OrderState) -> pb::OrderState {
    match state {
        OrderState::Tentative => pb::OrderState::Tentative,
        OrderState::Waiting => pb::OrderState::Waiting,
        OrderState::Released => pb::OrderState::Released,
        OrderState::Shipped => pb::OrderState::Shipped,
        OrderState::Cancelled => pb::OrderState::Cancelled,
    }
}

/// Parcels.
pub(crate) fn parcels(parcels: &[Parcel]) -> Vec<pb::Parcel> {
    let spelled = parcels.iter().map(|parcel| pb::Parcel {
        carrier: parcel.carrier.clone(),
        tracking_number: parcel.tracking_number.clone(),
    });
    spelled.collect()
}

/// Who ordered.
pub(crate) fn customer(customer: &Customer) -> pb::Customer {
    let Customer { email, name, locale } = customer.clone();
    pb::Customer { email, name, locale }
}

/// Units of lines.
pub(crate) fn line_quantities(lines: &[LineUnits]) -> Vec<pb::LineQuantity> {
    let spelled = lines.iter().map(|line| pb::LineQuantity {
        line_number: small(line.line_number.0),
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
    });
    spelled.collect()
}

/// A location, its defaults filled in.
pub(crate) fn location(location: &Location) -> pb::Location {
    let calendar = &location.calendar;
    let working = WEEK.iter().filter(|(day, _)| calendar.working_days.contains(*day));
    pb::Location {
        location_id: location.location_id.to_string(),
        display_name: location.display_name.clone(),
        time_zone: calendar.time_zone.name().to_owned(),
        cutoff: calendar.cutoff.map(time_of_day),
        working_days: working.map(|(_, day)| i32::from(*day)).collect(),
        holidays: calendar.holidays.iter().copied().map(date).collect(),
        handling_days: Some(i32::from(calendar.handling_days)),
        rank: location.rank,
        active: Some(location.active),
        calendar_version: calendar.version,
        inbound_buffer_percent: i32::from(location.inbound_buffer_percent),
    }
}

/// An item, its defaults filled in.
pub(crate) fn item(item: &Item) -> pb::Item {
    pb::Item {
        sku: item.sku.to_string(),
        display_name: item.display_name.clone(),
        backorderable: Some(item.backorderable),
        lead_time_days: item.lead_time_days.map(i32::from),
        max_backlog: item.max_backlog.map(crate::domain::quantity::Units::get),
        safety_stock: item.safety_stock.get(),
    }
}

/// An inbound of a location.
pub(crate) fn inbound(location_id: &LocationId, inbound: &Inbound) -> pb::Inbound {
    let state = match inbound.state {
        InboundState::Open => pb::InboundState::Open,
        InboundState::Received => pb::InboundState::Received,
        InboundState::Closed => pb::InboundState::Closed,
    };
    // A line that was taken off after units had come for it is remembered, and not shown.
    let shown = inbound.lines.iter().filter(|line| !line.quantity.is_zero());
    let lines = shown.map(|line| pb::InboundLine {
        sku: line.sku.to_string(),
        quantity: line.quantity.get(),
        received_quantity: line.received.get(),
    });
    pb::Inbound {
        location_id: location_id.to_string(),
        inbound_id: inbound.inbound_id.to_string(),
        expected_date: Some(date(inbound.expected_date)),
        lines: lines.collect(),
        state: state.into(),
    }
}
