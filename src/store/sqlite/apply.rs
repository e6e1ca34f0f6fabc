//! Writes what a round changed: one statement a table, each with one array of rows, each counted.

use super::super::{StoreError, codec};
use super::arrays::{Row, Rows, write};
use super::connection::{Connection, Parameter};
use super::sql;
use crate::allocator::working_set::{AdjustmentSlot, CancellationSlot, Fate, InboundSlot, OrderSlot, WorkingSet};
use crate::domain::ids::{LineNumber, OrderId, RequestId};
use crate::domain::inbound::InboundState;
use crate::domain::money::Amount;
use crate::domain::order::{Order, OrderLine};
use crate::domain::quantity::Units;

/// What a round changed, as arrays of rows.
#[derive(Debug)]
pub(super) struct Changes {
    locations: Rows,
    numbers: Rows,
    items: Rows,
    stock: Rows,
    directory: Rows,
    new_orders: Rows,
    changed_orders: Rows,
    new_lines: Rows,
    changed_lines: Rows,
    cancellations: Rows,
    inbounds: Rows,
    inbound_lines: Rows,
    inbound_cuts: Rows,
    receipts: Rows,
    adjustments: Rows,
    events: Rows,
    payloads: Vec<u8>,
}

impl Changes {
    /// The changes of a working set.
    pub(super) fn of(ws: &WorkingSet) -> Self {
        let mut changes = Self {
            locations: Rows::new(),
            numbers: Rows::new(),
            items: Rows::new(),
            stock: Rows::new(),
            directory: Rows::new(),
            new_orders: Rows::new(),
            changed_orders: Rows::new(),
            new_lines: Rows::new(),
            changed_lines: Rows::new(),
            cancellations: Rows::new(),
            inbounds: Rows::new(),
            inbound_lines: Rows::new(),
            inbound_cuts: Rows::new(),
            receipts: Rows::new(),
            adjustments: Rows::new(),
            events: Rows::new(),
            payloads: Vec::new(),
        };
        changes.add_catalog(ws);
        for (slot, _) in ws.stocks.written() {
            let (location, item, stock) = (ws.location(slot.location).key.0, ws.item(slot.item).key.0, &slot.stock);
            let row = changes.stock.row().int(location).int(item);
            let row = row
                .int(stock.on_hand.get())
                .int(stock.allocated.get())
                .int(stock.backlog.get());
            stock.pending_refill.iter().fold(row, Row::json).end();
        }
        for (slot, fate) in ws.orders.written() {
            let location = ws.location(slot.location).key.0;
            if fate == Fate::New {
                changes.add_new_order(location, &slot.order);
            } else {
                changes.add_changed_order(location, &slot.order);
                changes.add_changed_lines(location, slot);
            }
        }
        for (slot, _) in ws.cancellations.written() {
            changes.add_cancellation(ws, slot);
        }
        for (slot, fate) in ws.inbounds.written() {
            changes.add_inbound(ws, slot, fate);
        }
        for (slot, _) in ws.receipts.written() {
            let row = changes
                .receipts
                .row()
                .int(ws.location(slot.location).key.0)
                .text(slot.answer.receipt_id.as_str());
            row.json(&slot.content).json(&slot.answer).end();
        }
        for (slot, _) in ws.adjustments.written() {
            changes.add_adjustment(ws, slot);
        }
        changes.add_events(ws);
        changes
    }

    /// Whether there are none: nothing has to be committed.
    pub(super) fn is_empty(&self) -> bool {
        let rows = [
            &self.locations,
            &self.numbers,
            &self.items,
            &self.stock,
            &self.new_orders,
            &self.changed_orders,
        ];
        let rest = [
            &self.cancellations,
            &self.inbounds,
            &self.receipts,
            &self.adjustments,
            &self.events,
        ];
        rows.iter().chain(&rest).all(|rows| rows.is_empty())
    }

    fn add_catalog(&mut self, ws: &WorkingSet) {
        for (slot, _) in ws.locations.written() {
            let (key, id) = (slot.key.0, slot.location.location_id.as_str());
            if slot.config_changed {
                self.locations.row().int(key).text(id).json(&slot.location).end();
            }
            let row = self.numbers.row().int(key);
            row.int(slot.next_order.0)
                .int(slot.next_event.0)
                .int(slot.next_inbound.0)
                .end();
        }
        for (slot, _) in ws.items.written() {
            let item = &slot.item;
            let row = self
                .items
                .row()
                .int(slot.key.0)
                .text(item.sku.as_str())
                .text(&item.display_name);
            let row = row
                .int(i64::from(item.backorderable))
                .maybe_int(item.lead_time_days.map(i64::from));
            row.maybe_int(item.max_backlog.map(Units::get))
                .int(item.safety_stock.get())
                .end();
        }
    }

    fn add_new_order(&mut self, location: i64, order: &Order) {
        let (sequence, id) = (order.sequence.0, order.order_id.as_str());
        self.directory.row().text(id).int(location).int(sequence).end();
        let row = self.new_orders.row().int(location).int(sequence).text(id);
        let row = row.int(codec::order_state_number(order.state)).int(order.lacking.get());
        let row = row
            .int(order.placed_at.timestamp_micros())
            .date(order.promised_ship_date)
            .int(order.calendar_version);
        let row = row
            .int(order.event_sequence.0)
            .maybe_text(order.currency.map(crate::domain::money::Currency::code));
        let row = row.maybe_instant(order.released_at).maybe_date(order.ship_by_date);
        let row = codec::stored_terms(&order.terms).into_iter().fold(row, Row::json);
        let deadline = order.terms.payment_deadline;
        deadline
            .into_iter()
            .fold(row, |row, at| row.int(at.timestamp_micros()))
            .end();
        for line in &order.lines {
            self.add_new_line(location, sequence, line);
        }
        // Rows of new orders have no cells for what few of them came to within their round.
        if order.confirmed_at.is_some()
            || order.shipped_at.is_some()
            || order.cancelled_at.is_some()
            || order.shipment.is_some()
        {
            self.add_changed_order(location, order);
        }
        let nothing = (Units::ZERO, Amount::default());
        for line in order
            .lines
            .iter()
            .filter(|line| (line.cancelled, line.refunded) != nothing)
        {
            self.add_changed_line(location, sequence, line);
        }
    }

    fn add_new_line(&mut self, location: i64, sequence: i64, line: &OrderLine) {
        let row = self
            .new_lines
            .row()
            .int(location)
            .int(sequence)
            .int(line.number.0)
            .int(line.sku_key.0);
        let row = row.int(line.quantity.get()).int(line.lacking.get());
        let row = row.date(line.ready_date).date(line.promised_ship_date);
        let basis = codec::stored_basis(line);
        if line.price.is_none() && basis.is_none() {
            row.end();
        } else {
            basis.into_iter().fold(row.maybe_amount(line.price), Row::json).end();
        }
    }

    fn add_changed_order(&mut self, location: i64, order: &Order) {
        let row = self.changed_orders.row().int(location).int(order.sequence.0);
        let row = row
            .int(codec::order_state_number(order.state))
            .int(order.lacking.get())
            .int(order.event_sequence.0);
        let row = row
            .maybe_instant(order.released_at)
            .maybe_date(order.ship_by_date)
            .maybe_instant(order.shipped_at);
        let row = row.maybe_instant(order.cancelled_at).json(&order.shipment);
        row.maybe_instant(order.confirmed_at).end();
    }

    fn add_changed_lines(&mut self, location: i64, slot: &OrderSlot) {
        let order = &slot.order;
        let mut numbers: Vec<LineNumber> = slot.changed_lines.clone();
        numbers.sort_unstable();
        numbers.dedup();
        for line in numbers.into_iter().filter_map(|number| order.line(number)) {
            self.add_changed_line(location, order.sequence.0, line);
        }
    }

    fn add_changed_line(&mut self, location: i64, sequence: i64, line: &OrderLine) {
        let row = self.changed_lines.row().int(location).int(sequence).int(line.number.0);
        row.int(line.cancelled.get())
            .int(line.lacking.get())
            .maybe_amount(Some(line.refunded))
            .end();
    }

    fn add_cancellation(&mut self, ws: &WorkingSet, slot: &CancellationSlot) {
        let OrderSlot { location, order, .. } = ws.orders.get(slot.order);
        let row = self
            .cancellations
            .row()
            .int(ws.location(*location).key.0)
            .int(order.sequence.0);
        let row = row.text(slot.request_id.as_ref().map_or("", RequestId::as_str));
        let row = row
            .json(&slot.content)
            .json(&slot.cancelled)
            .int(i64::from(slot.completes));
        row.maybe_amount(slot.refund.map(|refund| refund.amount)).end();
    }

    fn add_inbound(&mut self, ws: &WorkingSet, slot: &InboundSlot, fate: Fate) {
        let (location, key, inbound) = (ws.location(slot.location).key.0, slot.key.0, &slot.inbound);
        let row = self
            .inbounds
            .row()
            .int(location)
            .int(key)
            .text(inbound.inbound_id.as_str());
        row.date(inbound.expected_date)
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
            let row = self
                .inbound_lines
                .row()
                .int(location)
                .int(key)
                .int(position)
                .int(ws.item(item).key.0);
            row.int(line.quantity.get())
                .int(line.received.get())
                .int(open.get())
                .end();
            lines = lines.max(position.saturating_add(1));
        }
        if fate == Fate::Changed {
            self.inbound_cuts.row().int(location).int(key).int(lines).end();
        }
    }

    fn add_adjustment(&mut self, ws: &WorkingSet, slot: &AdjustmentSlot) {
        let item = ws
            .find_item(&slot.content.sku)
            .expect("an adjustment's item is loaded with its command");
        let row = self
            .adjustments
            .row()
            .int(ws.location(slot.location).key.0)
            .text(slot.adjustment_id.as_str());
        row.int(ws.item(item).key.0)
            .int(slot.delta)
            .json(&slot.content)
            .json(&slot.answer)
            .end();
    }

    fn add_events(&mut self, ws: &WorkingSet) {
        for (location, event) in &ws.events {
            let first = self.payloads.len();
            write(&mut self.payloads, &event.payload);
            let bytes = self.payloads.len().saturating_sub(first);
            let row = self
                .events
                .row()
                .int(ws.location(*location).key.0)
                .int(event.event_sequence.0);
            let row = row
                .int(event.at.timestamp_micros())
                .maybe_text(event.order_id.as_ref().map(OrderId::as_str));
            // The bytes of a text are counted from 1.
            row.int(number(first.saturating_add(1))).int(number(bytes)).end();
        }
    }

    /// Writes the changes in the transaction that they were loaded in.
    pub(super) async fn write_in_tx(self, connection: &mut Connection) -> Result<(), StoreError> {
        let tables = [
            (sql::PUT_LOCATIONS, self.locations),
            (sql::PUT_NUMBERS, self.numbers),
            (sql::PUT_ITEMS, self.items),
            (sql::PUT_STOCK, self.stock),
            (sql::INSERT_DIRECTORY, self.directory),
            (sql::INSERT_ORDERS, self.new_orders),
            (sql::UPDATE_ORDERS, self.changed_orders),
            (sql::INSERT_LINES, self.new_lines),
            (sql::UPDATE_LINES, self.changed_lines),
            (sql::INSERT_CANCELLATIONS, self.cancellations),
            (sql::PUT_INBOUNDS, self.inbounds),
            (sql::PUT_INBOUND_LINES, self.inbound_lines),
            (sql::INSERT_RECEIPTS, self.receipts),
            (sql::INSERT_ADJUSTMENTS, self.adjustments),
        ];
        for (statement, rows) in tables.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            connection.write(statement, rows.count(), [rows.into()]).await?;
        }
        if !self.inbound_cuts.is_empty() {
            connection
                .execute(sql::CUT_INBOUND_LINES, [self.inbound_cuts.into()])
                .await?;
        }
        if !self.events.is_empty() {
            let count = self.events.count();
            connection
                .write(
                    sql::INSERT_EVENTS,
                    count,
                    [self.events.into(), Parameter::Blob(self.payloads)],
                )
                .await?;
        }
        Ok(())
    }
}

fn number(bytes: usize) -> i64 {
    i64::try_from(bytes).expect("a round's events fit the memory")
}
