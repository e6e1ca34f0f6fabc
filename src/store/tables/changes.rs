//! What a round changed, as rows for each table.

use std::collections::{BTreeMap, BTreeSet};

use super::super::codec;
use super::rows::{Column, RowCells, Rows};
use super::statements::Table;
use crate::allocator::working_set::{
    AdjustmentSlot, CancellationSlot, Fate, InboundSlot, Index, LackingLine, LocationSlot, OrderSlot, WaitingOrder,
    WorkingSet,
};
use crate::domain::ids::{LineNumber, OrderId, RequestId};
use crate::domain::inbound::InboundState;
use crate::domain::money::Currency;
use crate::domain::order::{Order, OrderLine};
use crate::domain::quantity::Units;

/// The most rows of a table whose room is kept for the next round: beyond it are refills, not orders.
const ROOM_ROWS_MAX: usize = 8_192;

/// What a round changed.
#[derive(Debug, Default)]
pub(in crate::store) struct Changes(BTreeMap<Table, Rows>);

impl Changes {
    /// Replaces them by the changes of a working set.
    pub(super) fn fill(&mut self, ws: &WorkingSet) {
        self.0.retain(|_, rows| rows.count() <= ROOM_ROWS_MAX);
        self.0.values_mut().for_each(Rows::clear);
        let changes = self;
        changes.add_catalog(ws);
        for (slot, _) in ws.stocks.written() {
            let (location, item, stock) = (ws.location(slot.location).key.0, ws.item(slot.item).key.0, &slot.stock);
            let row = changes.row(Table::Stock).int(location).int(item);
            let row = row
                .int(stock.on_hand.get())
                .int(stock.allocated.get())
                .int(stock.backlog.get());
            let row = row.maybe_json(stock.pending_refill.as_ref()).int(stock.late_lines);
            row.maybe_json(stock.pending_estimate.as_ref()).end();
        }
        for (slot, fate) in ws.orders.written() {
            let location = ws.location(slot.location).key.0;
            if fate == Fate::New {
                changes.add_new_order(location, &slot.order);
            } else {
                changes.add_changed_order(location, slot);
            }
        }
        for (slot, _) in ws.waiting_orders.written() {
            changes.add_waiting_order(ws.location(slot.location).key.0, slot);
        }
        for (slot, _) in ws.cancellations.written() {
            changes.add_cancellation(ws, slot);
        }
        for (slot, fate) in ws.inbounds.written() {
            changes.add_inbound(ws, slot, fate);
        }
        for (slot, _) in ws.receipts.written() {
            let row = changes.row(Table::Receipts).int(ws.location(slot.location).key.0);
            row.text(slot.answer.receipt_id.as_str())
                .json(&slot.content)
                .json(&slot.answer)
                .end();
        }
        for (slot, _) in ws.adjustments.written() {
            changes.add_adjustment(ws, slot);
        }
        for (location, event) in &ws.events {
            let row = changes.row(Table::Events).int(ws.location(*location).key.0);
            let row = row.int(event.event_sequence.0).int(event.at.timestamp_micros());
            row.maybe_text(event.order_id.as_ref().map(OrderId::as_str))
                .json(&event.payload)
                .end();
        }
        for (slot, _) in ws.days.written() {
            let row = changes.row(Table::Days).int(ws.location(slot.location).key.0);
            let row = row
                .int(slot.begun_at.timestamp_micros())
                .int(slot.next_at.timestamp_micros());
            row.maybe_json(slot.walk.as_ref()).end();
        }
        if !changes.is_empty() {
            changes.add_numbers(ws);
        }
    }

    /// Whether there are none: nothing has to be committed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(Rows::is_empty)
    }

    /// The rows of a table, if there are any.
    pub(in crate::store) fn rows(&self, table: Table) -> Option<&Rows> {
        self.0.get(&table).filter(|rows| !rows.is_empty())
    }

    /// How many rows of the database writing a table touches; `None` where that is not known.
    pub(in crate::store) fn touches(&self, table: Table) -> Option<u64> {
        let rows = self.rows(table)?;
        match (table, rows.columns()) {
            // How many lines are cut off.
            (Table::InboundCuts, _) => None,
            (Table::LateLines, [_, _, Column::Ints(first), Column::Ints(last), ..]) => {
                let ranges = first.iter().flatten().zip(last.iter().flatten());
                let lines = ranges.map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
                u64::try_from(lines.sum::<i64>()).ok()
            }
            _ => u64::try_from(rows.count()).ok(),
        }
    }

    fn row(&mut self, table: Table) -> RowCells<'_> {
        self.0.entry(table).or_insert_with(|| Rows::new(table.columns())).row()
    }

    fn add_catalog(&mut self, ws: &WorkingSet) {
        for (slot, _) in ws.locations.written().filter(|(slot, _)| slot.config_changed) {
            let row = self.row(Table::Locations).int(slot.key.0);
            row.text(slot.location.location_id.as_str()).json(&slot.location).end();
            let calendar = &slot.location.calendar;
            let row = self.row(Table::Calendars).int(slot.key.0).int(calendar.version);
            row.json(calendar).end();
        }
        for (slot, _) in ws.items.written() {
            let item = &slot.item;
            let row = self.row(Table::Items).int(slot.key.0).text(item.sku.as_str());
            let row = row.text(&item.display_name).int(i64::from(item.backorderable));
            let row = row.maybe_int(item.lead_time_days.map(i64::from));
            row.maybe_int(item.max_backlog.map(Units::get))
                .int(item.safety_stock.get())
                .end();
        }
    }

    /// Writes the numbers of every location where something changed, so that its revision grows. An item belongs to all.
    fn add_numbers(&mut self, ws: &WorkingSet) {
        let written = touched(ws);
        for (_, slot) in ws.locations.iter().filter(|(index, _)| written.contains(index)) {
            let row = self.row(Table::Numbers).int(slot.key.0);
            row.int(slot.next_order.0)
                .int(slot.next_event.0)
                .int(slot.next_inbound.0)
                .end();
        }
    }

    fn add_new_order(&mut self, location: i64, order: &Order) {
        let (sequence, id) = (order.sequence.0, order.order_id.as_str());
        self.row(Table::Directory).text(id).int(location).int(sequence).end();
        let row = self.row(Table::NewOrders).int(location).int(sequence).text(id);
        let row = row.int(codec::order_state_number(order.state)).int(order.lacking.get());
        let row = row
            .int(order.placed_at.timestamp_micros())
            .date(order.promised_ship_date)
            .int(order.calendar_version);
        let row = row
            .int(order.event_sequence.0)
            .maybe_text(order.currency.map(Currency::code));
        let row = row.maybe_json(codec::stored_terms(&order.terms));
        let row = ending(row, order).maybe_instant(order.terms.payment_deadline);
        let row = row.maybe_instant(order.confirmed_at).int(order.at_risk.into());
        row.maybe_text(Some(&order.zone_database)).end();
        for line in &order.lines {
            self.add_new_line(location, sequence, line);
        }
    }

    fn add_new_line(&mut self, location: i64, sequence: i64, line: &OrderLine) {
        let row = self.row(Table::NewLines).int(location).int(sequence);
        let row = row.int(line.number.0).int(line.sku_key.0).int(line.quantity.get());
        let row = row.int(line.cancelled.get()).int(line.lacking.get());
        let row = row.date(line.ready_date).date(line.promised_ship_date);
        let row = row.maybe_amount(line.price).maybe_amount(Some(line.refunded));
        row.maybe_json(codec::stored_basis(line)).int(line.is_late.into()).end();
    }

    fn add_changed_order(&mut self, location: i64, slot: &OrderSlot) {
        let order = &slot.order;
        let row = self.row(Table::Orders).int(location).int(order.sequence.0);
        let row = row.int(codec::order_state_number(order.state)).int(order.lacking.get());
        ending(row.int(order.event_sequence.0), order)
            .maybe_instant(order.confirmed_at)
            .int(order.at_risk.into())
            .end();
        let numbers: BTreeSet<LineNumber> = slot.changed_lines.iter().copied().collect();
        for line in numbers.into_iter().filter_map(|number| order.line(number)) {
            let row = self.row(Table::Lines).int(location).int(order.sequence.0);
            let row = row.int(line.number.0).int(line.cancelled.get()).int(line.lacking.get());
            row.maybe_amount(Some(line.refunded)).int(line.is_late.into()).end();
        }
    }

    /// Lines that changed alike and follow each other are written together.
    fn add_waiting_order(&mut self, location: i64, order: &WaitingOrder) {
        if let Some(event_sequence) = order.event_sequence {
            let row = self.row(Table::Risks).int(location).int(order.sequence.0);
            row.int(event_sequence.0).int(order.at_risk.into()).end();
        }
        let changed: Vec<_> = order.lines.iter().filter(|line| line.is_changed).collect();
        let follows = |one: &&LackingLine, other: &&LackingLine| {
            one.is_late == other.is_late && one.number.0.saturating_add(1) == other.number.0
        };
        for alike in changed.chunk_by(follows) {
            if let (Some(first), Some(last)) = (alike.first(), alike.last()) {
                let row = self.row(Table::LateLines).int(location).int(order.sequence.0);
                row.int(first.number.0)
                    .int(last.number.0)
                    .int(first.is_late.into())
                    .end();
            }
        }
    }

    fn add_cancellation(&mut self, ws: &WorkingSet, slot: &CancellationSlot) {
        let OrderSlot { location, order, .. } = ws.orders.get(slot.order);
        let row = self.row(Table::Cancellations).int(ws.location(*location).key.0);
        let row = row
            .int(order.sequence.0)
            .text(slot.request_id.as_ref().map_or("", RequestId::as_str));
        let row = row
            .json(&slot.content)
            .json(&slot.cancelled)
            .int(i64::from(slot.completes));
        row.maybe_amount(slot.refund.map(|refund| refund.amount)).end();
    }

    fn add_inbound(&mut self, ws: &WorkingSet, slot: &InboundSlot, fate: Fate) {
        let (location, key, inbound) = (ws.location(slot.location).key.0, slot.key.0, &slot.inbound);
        let row = self.row(Table::Inbounds).int(location).int(key);
        row.text(inbound.inbound_id.as_str())
            .date(inbound.expected_date)
            .int(codec::inbound_state_number(inbound.state))
            .end();
        let mut lines = 0_i64;
        for (line, position) in inbound.lines.iter().zip(0..) {
            let item = ws
                .find_item(&line.sku)
                .expect("an inbound's items are loaded with it, or with the command that put it");
            let open = if inbound.state == InboundState::Closed {
                Units::ZERO
            } else {
                line.open()
            };
            let row = self.row(Table::InboundLines).int(location).int(key).int(position);
            let row = row.int(ws.item(item).key.0).int(line.quantity.get());
            row.int(line.received.get()).int(open.get()).end();
            lines = lines.max(position.saturating_add(1));
        }
        if fate == Fate::Changed {
            self.row(Table::InboundCuts).int(location).int(key).int(lines).end();
        }
    }

    fn add_adjustment(&mut self, ws: &WorkingSet, slot: &AdjustmentSlot) {
        let item = ws
            .find_item(&slot.content.sku)
            .expect("an adjustment's item is loaded with its command");
        let row = self.row(Table::Adjustments).int(ws.location(slot.location).key.0);
        let row = row.text(slot.adjustment_id.as_str()).int(ws.item(item).key.0);
        row.int(slot.delta).json(&slot.content).json(&slot.answer).end();
    }
}

/// The cells of an order that tell its release, shipment and end.
fn ending<'a>(row: RowCells<'a>, order: &Order) -> RowCells<'a> {
    let row = row.maybe_instant(order.released_at).maybe_date(order.ship_by_date);
    let row = row.maybe_instant(order.shipped_at).maybe_instant(order.cancelled_at);
    row.maybe_json(codec::Handling::of(order).as_ref())
}

/// The locations where something changed.
pub(super) fn touched(ws: &WorkingSet) -> BTreeSet<Index<LocationSlot>> {
    if ws.items.written().next().is_some() {
        return ws.locations.iter().map(|(index, _)| index).collect();
    }
    let of_stocks = ws.stocks.written().map(|(slot, _)| slot.location);
    let of_orders = ws.orders.written().map(|(slot, _)| slot.location);
    let of_waiting = ws.waiting_orders.written().map(|(slot, _)| slot.location);
    let of_inbounds = ws.inbounds.written().map(|(slot, _)| slot.location);
    let of_records = ws.receipts.written().map(|(slot, _)| slot.location);
    let mut touched: BTreeSet<_> = of_stocks
        .chain(of_orders)
        .chain(of_waiting)
        .chain(of_inbounds)
        .chain(of_records)
        .collect();
    touched.extend(ws.days.written().map(|(slot, _)| slot.location));
    touched.extend(ws.adjustments.written().map(|(slot, _)| slot.location));
    touched.extend(
        ws.cancellations
            .written()
            .map(|(slot, _)| ws.orders.get(slot.order).location),
    );
    touched.extend(ws.events.iter().map(|(location, _)| *location));
    touched.extend(ws.locations.written_indexes());
    touched
}
