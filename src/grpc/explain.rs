//! Explanations as callers see them: fields from which a date can be computed again, and the same in words.

use super::convert::{events, values};
use crate::allocator::explain::{self, LineWorth, Promised, Skip};
use crate::allocator::promise::{self, Coverage, Today};
use crate::allocator::working_set::{LocationSlot, OrderSlot, StockSlot, WorkingSet};
use crate::domain::Date;
use crate::domain::calendar::{Calendar, ZONE_DATABASE};
use crate::domain::order::{Order, OrderLine, OrderState, Supply};
use crate::domain::quantity::Units;
use crate::proto::google::r#type as google;
use crate::proto::holdfast::v1 as pb;

/// Why an order has its dates. Of an order that waits, units ahead, heads of queues and open inbounds must be loaded.
pub(crate) fn order(ws: &WorkingSet, slot: &OrderSlot) -> pb::OrderExplanation {
    let place = ws.location(slot.location);
    let (order, calendar, today) = (&slot.order, &place.location.calendar, place.today);
    let then = slot.calendar.as_ref();
    let worths: Vec<_> = order.lines.iter().map(|line| worth(ws, slot, line)).collect();
    let of_line = |line: &OrderLine| {
        let stock = stock_of(ws, place, line);
        let outlook = stock.map_or_else(promise::Outlook::nothing, |stock| promise::outlook(ws, stock));
        (outlook, ahead_of(slot, line))
    };
    let estimated = promise::estimate(calendar, today, order, of_line);
    let left = order
        .lines
        .iter()
        .zip(&worths)
        .filter(|(line, _)| !line.remaining().is_zero());
    let lines: Vec<_> = left
        .map(|(line, worth)| spelled(ws, slot, line, worth.as_ref()))
        .collect();
    let begins = order.ship_by_date.filter(|_| order.state == OrderState::Released);
    let skipped_days = begins.zip(estimated).map(|(ship_by, to)| {
        // A release counts whole days: whether the cut-off of today has passed does not matter any more.
        explain::skipped(calendar, None, ship_by.max(today.local), to)
    });
    pb::OrderExplanation {
        order_id: order.order_id.to_string(),
        location_id: place.location.location_id.to_string(),
        sequence: order.sequence.0,
        state: values::order_state(order.state).into(),
        promised_ship_date: Some(values::date(order.promised_ship_date)),
        estimated_ship_date: estimated.map(values::date),
        at_risk: promise::at_risk(order, estimated),
        ship_by_date: order.ship_by_date.map(values::date),
        explain_time: Some(values::timestamp(ws.now)),
        local_date: Some(values::date(today.local)),
        handling_days: i32::from(calendar.handling_days),
        promise_calendar_version: order.calendar_version,
        promise_local_date: then.map(|calendar| values::date(calendar.local_date(order.placed_at))),
        promise_handling_days: then.map_or(0, |calendar| i32::from(calendar.handling_days)),
        promise_zone_database: order.zone_database.to_string(),
        zone_database: ZONE_DATABASE.to_owned(),
        calendar_version: calendar.version,
        text: words(order, estimated, &lines),
        lines,
        skipped_days: skipped_days.map(|days| skipped(&days)).unwrap_or_default(),
    }
}

fn stock_of<'a>(ws: &'a WorkingSet, place: &LocationSlot, line: &OrderLine) -> Option<&'a StockSlot> {
    ws.stock_of(&place.location.location_id, &line.sku)
}

fn at<T: Copy>(list: &[T], line: &OrderLine) -> Option<T> {
    crate::domain::order::index_of(line.number).and_then(|at| list.get(at).copied())
}

fn ahead_of(slot: &OrderSlot, line: &OrderLine) -> Units {
    at(&slot.units_ahead, line).unwrap_or(Units::ZERO)
}

/// What a line of an order that waits is worth.
fn worth(ws: &WorkingSet, slot: &OrderSlot, line: &OrderLine) -> Option<LineWorth> {
    let place = ws.location(slot.location);
    let stock = stock_of(ws, place, line).filter(|_| slot.order.state.is_waiting())?;
    let outlook = promise::outlook(ws, stock);
    let calendar = &place.location.calendar;
    Some(explain::worth(
        calendar,
        place.today,
        outlook,
        ahead_of(slot, line),
        line.lacking,
    ))
}

fn spelled(ws: &WorkingSet, slot: &OrderSlot, line: &OrderLine, worth: Option<&LineWorth>) -> pb::LineExplanation {
    let place = ws.location(slot.location);
    let open = slot.order.state.is_open();
    let lacks = worth.is_some() && !line.lacking.is_zero();
    let stock = stock_of(ws, place, line).filter(|_| worth.is_some());
    let item = stock.map(|stock| &ws.item(stock.item).item);
    let shortfall = stock
        .zip(item)
        .map(|(stock, item)| stock.stock.shortfall(item.safety_stock));
    let coverage = worth.and_then(|worth| worth.coverage.as_ref());
    let covering = coverage.and_then(covering);
    let then = slot.calendar.as_ref();
    let promised = then.map(|calendar| explain::promised(calendar, slot.order.placed_at, line));
    let mut explanation = pb::LineExplanation {
        line_number: values::small(line.number.0),
        sku: line.sku.to_string(),
        quantity: line.remaining().get(),
        basis: Some(events::basis(&line.basis)),
        promised_ready_date: Some(values::date(line.ready_date)),
        promised_ship_date: Some(values::date(line.promised_ship_date)),
        allocated_quantity: if open { line.held().get() } else { 0 },
        backordered_quantity: if open { line.lacking.get() } else { 0 },
        units_ahead: if lacks { ahead_of(slot, line).get() } else { 0 },
        queue_position: if lacks {
            at(&slot.lines_ahead, line).unwrap_or(0).saturating_add(1)
        } else {
            0
        },
        lines_ahead: stock
            .filter(|_| lacks)
            .map(|stock| ahead(ws, slot, line, stock))
            .unwrap_or_default(),
        safety_shortfall: shortfall.unwrap_or(Units::ZERO).get(),
        arrivals: worth.map(arrivals).unwrap_or_default(),
        inbound_id: covering.map(|(id, _)| id).unwrap_or_default(),
        left_after: coverage.map_or(0, left_after),
        lead_time_days: item.and_then(|item| item.lead_time_days).map(i32::from),
        supply_date: coverage.map(|coverage| values::date(coverage.supply_date)),
        ready_date: coverage.map(|coverage| values::date(coverage.ready_date)),
        estimated_ship_date: worth.and_then(|worth| worth.ship_date).map(values::date),
        skipped_days: worth.map(|worth| skipped(&worth.skipped)).unwrap_or_default(),
        text: String::new(),
        promised_supply_date: promised.as_ref().map(|promised| values::date(promised.supply_date)),
        promise_skipped_days: promised
            .as_ref()
            .map(|promised| skipped(&promised.skipped))
            .unwrap_or_default(),
    };
    explanation.text = line_words(
        &explanation,
        coverage,
        i32::from(place.location.calendar.handling_days),
        place.today,
    );
    explanation.text.extend(
        promised
            .zip(then)
            .map(|(promised, calendar)| promise_words(line, &promised, calendar)),
    );
    explanation
}

fn covering(coverage: &Coverage) -> Option<(String, Date)> {
    match &coverage.supply {
        Supply::Inbound {
            inbound_id,
            expected_date,
        } => Some((inbound_id.to_string(), *expected_date)),
        Supply::OnHand | Supply::LeadTime { .. } => None,
    }
}

fn left_after(coverage: &Coverage) -> i64 {
    let left = covering(coverage).map(|_| coverage.coming.saturating_sub(coverage.needed));
    values::count(left.unwrap_or(0))
}

/// The lines of the queue's head that are before a line.
fn ahead(ws: &WorkingSet, slot: &OrderSlot, line: &OrderLine, stock: &StockSlot) -> Vec<pb::LineAhead> {
    let place = (slot.order.sequence, line.number);
    let before = stock
        .queue
        .range(..place)
        .map(|((_, number), order)| (ws.order(*order), *number));
    let lacking = before.filter_map(|(order, number)| Some((order, order.line(number)?)));
    let lacking = lacking.filter(|(_, line)| !line.lacking.is_zero()).take(10);
    let spelled = lacking.map(|(order, line)| pb::LineAhead {
        order_id: order.order_id.to_string(),
        sequence: order.sequence.0,
        line_number: values::small(line.number.0),
        backordered_quantity: line.lacking.get(),
    });
    spelled.collect()
}

fn arrivals(worth: &LineWorth) -> Vec<pb::ExpectedArrival> {
    let arrivals = worth.arrivals.iter().map(|arrival| pb::ExpectedArrival {
        inbound_id: arrival.inbound_id.to_string(),
        expected_date: Some(values::date(arrival.expected_date)),
        counts_as: Some(values::date(arrival.counts_as)),
        open_quantity: arrival.open.get(),
        counted_quantity: arrival.counted.get(),
    });
    arrivals.collect()
}

fn skipped(days: &[(Date, Skip)]) -> Vec<pb::SkippedDay> {
    let days = days.iter().map(|(date, reason)| pb::SkippedDay {
        date: Some(values::date(*date)),
        reason: match reason {
            Skip::Weekend => pb::SkipReason::Weekend,
            Skip::Holiday => pb::SkipReason::Holiday,
            Skip::Cutoff => pb::SkipReason::Cutoff,
        }
        .into(),
    });
    days.collect()
}

/// What a support agent can read out of a line.
fn line_words(line: &pb::LineExplanation, coverage: Option<&Coverage>, handling_days: i32, today: Today) -> String {
    let (quantity, sku) = (line.quantity, &line.sku);
    let Some(coverage) = coverage else {
        return match line.backordered_quantity {
            0 => format!("All {quantity} units of {sku} are held for the order."),
            lacking => format!(
                "{} of {quantity} units of {sku} are here; nobody can say when the other {lacking} come: no inbound covers \
                 them, and the item has no lead time.",
                line.allocated_quantity
            ),
        };
    };
    let supply = match &coverage.supply {
        Supply::OnHand => format!("All {quantity} units of {sku} are here."),
        Supply::Inbound {
            inbound_id,
            expected_date,
        } => {
            let overdue = if *expected_date < today.local {
                ", which is overdue"
            } else {
                ""
            };
            format!(
                "{} of {quantity} units of {sku} are here; the other {} come with inbound {inbound_id}, expected \
                 {expected_date}{overdue}, of which {} are left after them.",
                line.allocated_quantity, line.backordered_quantity, line.left_after
            )
        }
        Supply::LeadTime { days } => format!(
            "{} of {quantity} units of {sku} are here; no inbound covers the other {}, which can be had in {days} days.",
            line.allocated_quantity, line.backordered_quantity
        ),
    };
    let queue = match line.queue_position {
        0 => String::new(),
        position => format!(
            " The line is number {position} in the queue: {} units of older lines and {} for the safety stock come first.",
            line.units_ahead, line.safety_shortfall
        ),
    };
    let not_counted = not_counted(
        line.skipped_days
            .iter()
            .filter_map(|day| Some((day.date?, day.reason()))),
    );
    format!(
        "{supply}{queue} It is ready on {} and ships {} later{not_counted}.",
        coverage.ready_date,
        business_days(handling_days)
    )
}

fn business_days(count: i32) -> String {
    let days = if count == 1 { "day" } else { "days" };
    format!("{count} business {days}")
}

/// Which days do not count, as a remark in brackets; nothing where all do.
fn not_counted(days: impl Iterator<Item = (google::Date, pb::SkipReason)>) -> String {
    let named = days.map(|(date, reason)| {
        let date = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
        match reason {
            pb::SkipReason::Holiday => format!("{date}, a holiday"),
            pb::SkipReason::Cutoff => format!("{date}, whose cut-off has passed"),
            pb::SkipReason::Weekend | pb::SkipReason::Unspecified => format!("{date}, no working day"),
        }
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return String::new();
    }
    format!(" (not counted: {})", named.join("; "))
}

/// What a support agent can read out of the promise of a line.
fn promise_words(line: &OrderLine, promised: &Promised, calendar: &Calendar) -> String {
    let ahead = match line.basis.units_ahead + line.basis.safety_shortfall {
        Units::ZERO => String::new(),
        ahead => format!(", {ahead} units before its own"),
    };
    let supply = match &line.basis.supply {
        Supply::OnHand => "all of it was here".to_owned(),
        Supply::Inbound {
            inbound_id,
            expected_date,
        } => format!("it was to come with inbound {inbound_id}, then expected {expected_date}{ahead}"),
        Supply::LeadTime { days } => format!("no inbound covered it, and it could be had in {days} days{ahead}"),
    };
    let skipped = self::skipped(&promised.skipped);
    let not_counted = not_counted(skipped.iter().filter_map(|day| Some((day.date?, day.reason()))));
    format!(
        " When it was ordered, on {}, {supply}: ready on {}, to ship {} later, on {}{not_counted}.",
        promised.local_date,
        line.ready_date,
        business_days(i32::from(calendar.handling_days)),
        line.promised_ship_date
    )
}

/// What a support agent can read out of an order.
fn words(order: &Order, estimated: Option<Date>, lines: &[pb::LineExplanation]) -> String {
    let promised = order.promised_ship_date;
    let now = match (order.state, estimated) {
        (OrderState::Shipped, Some(date)) => format!("It shipped on {date}."),
        (OrderState::Cancelled | OrderState::Shipped, _) => "It is cancelled.".to_owned(),
        (OrderState::Released, Some(date)) => format!("It is complete, and the warehouse is to ship it by {date}."),
        (_, Some(date)) if date > promised => format!("As things stand it ships on {date}, later than promised."),
        (_, Some(date)) => format!("As things stand it ships on {date}."),
        (_, None) => "As things stand nobody can say when it ships.".to_owned(),
    };
    let lines = lines
        .iter()
        .map(|line| format!(" Line {}: {}", line.line_number, line.text));
    let lines: String = lines.filter(|_| order.state.is_open()).collect();
    format!(
        "Order {} was promised to ship on {promised}. {now}{lines}",
        order.order_id
    )
}
