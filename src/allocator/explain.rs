//! Why an order has the date that it has, such that the date can be computed again from the explanation alone.

use super::promise::{self, Coverage, Outlook, Today};
use crate::domain::calendar::{Calendar, plus_days};
use crate::domain::ids::InboundId;
use crate::domain::order::{OrderLine, Supply};
use crate::domain::quantity::Units;
use crate::domain::{Date, Instant};

/// Why a day does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The location does not work on that day of the week.
    Weekend,
    /// It is a holiday of the location.
    Holiday,
    /// The cut-off of the day has passed.
    Cutoff,
}

/// An inbound that brings units of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its id.
    pub inbound_id: InboundId,
    /// When it is expected.
    pub expected_date: Date,
    /// When it counts as expected: an overdue one on the next business day.
    pub counts_as: Date,
    /// Units still to come.
    pub open: Units,
    /// Units of them that dates count on.
    pub counted: Units,
}

/// What the date of a line is worth today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineWorth {
    /// Where its units come from and when; `None` when nobody can say.
    pub coverage: Option<Coverage>,
    /// When it would ship alone; `None` when nobody can say.
    pub ship_date: Option<Date>,
    /// Inbounds that bring units of its SKU, in the order in which they are counted on.
    pub arrivals: Vec<Arrival>,
    /// Days that do not count, from the day on which its supply is there until it ships.
    pub skipped: Vec<(Date, Skip)>,
}

/// What the date of a line of an order that waits is worth.
#[must_use]
pub fn worth(calendar: &Calendar, today: Today, outlook: Outlook<'_>, ahead: Units, lacking: Units) -> LineWorth {
    let coverage = promise::coverage(calendar, today, outlook, ahead, lacking);
    let arrivals = promise::arrivals(calendar, today, outlook);
    let arrivals = arrivals.into_iter().map(|(counts_as, inbound, counted)| Arrival {
        inbound_id: inbound.inbound_id.clone(),
        expected_date: inbound.expected_date,
        counts_as,
        open: inbound.open,
        counted,
    });
    let ship_date = coverage
        .as_ref()
        .map(|coverage| calendar.ship_date(coverage.ready_date));
    let begins = coverage.as_ref().map(|coverage| coverage.supply_date.max(today.local));
    let skipped = begins
        .zip(ship_date)
        .map(|(from, to)| skipped(calendar, Some(today), from, to));
    LineWorth {
        arrivals: arrivals.collect(),
        skipped: skipped.unwrap_or_default(),
        coverage,
        ship_date,
    }
}

/// How a line's promised dates came about, in the calendar that they were computed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promised {
    /// The local date on which the promise was made.
    pub local_date: Date,
    /// The day on which its supply was to be there.
    pub supply_date: Date,
    /// Days that did not count, from the later of both until it was to ship.
    pub skipped: Vec<(Date, Skip)>,
}

/// How the promised dates of a line came about, with the calendar of the time at the instant of the promise.
#[must_use]
pub fn promised(calendar: &Calendar, placed_at: Instant, line: &OrderLine) -> Promised {
    let today = Today::of(calendar, placed_at);
    let supply_date = match &line.basis.supply {
        Supply::OnHand => today.local,
        Supply::Inbound { expected_date, .. } => promise::counts_as(calendar, today, *expected_date),
        Supply::LeadTime { days } => {
            let by_lead_time = plus_days(today.local, *days);
            let ready_date = calendar.on_or_after(by_lead_time).max(today.business);
            // Where an inbound was expected after it, that one's date counted.
            if ready_date == line.ready_date {
                by_lead_time
            } else {
                line.ready_date
            }
        }
    };
    let from = supply_date.max(today.local);
    Promised {
        local_date: today.local,
        supply_date,
        skipped: skipped(calendar, Some(today), from, line.promised_ship_date),
    }
}

/// Days from a date to another, both included, that do not count. Of today the cut-off may have passed.
#[must_use]
pub fn skipped(calendar: &Calendar, today: Option<Today>, from: Date, to: Date) -> Vec<(Date, Skip)> {
    let mut skipped = Vec::new();
    let mut day = from;
    while day <= to {
        let is_over = today.is_some_and(|today| day == today.local && today.business > day);
        if calendar.holidays.contains(&day) {
            skipped.push((day, Skip::Holiday));
        } else if !calendar.is_business_day(day) {
            skipped.push((day, Skip::Weekend));
        } else if is_over {
            skipped.push((day, Skip::Cutoff));
        }
        day = plus_days(day, 1);
    }
    skipped
}
