//! Writes what a round changed: prepared statements of each table, run for its rows, and counted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::super::StoreError;
use super::super::tables::{Changes, Table};
use super::connection::{Connection, name_of};

/// How many rows a statement inserts at once. A quarter of the cost of a row is that of its statement; of more rows a
/// statement only gets longer.
pub(super) const ROWS_AT_ONCE: usize = 16;

/// For each table that rows are inserted into, the statement of several rows.
static AT_ONCE: LazyLock<BTreeMap<Table, String>> = LazyLock::new(|| {
    let texts = Table::ALL
        .into_iter()
        .map(|table| (table, at_once(text(table), table.columns().len())));
    texts.filter_map(|(table, text)| Some((table, text?))).collect()
});

impl Connection {
    /// Writes changes in the transaction that they were loaded in.
    pub(super) fn write_changes(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for table in Table::ALL {
            let Some(rows) = changes.rows(table) else { continue };
            let statement = text(table);
            let touched = self.execute_each(statement, text_at_once(table), rows)?;
            let expected = changes.touches(table).unwrap_or(touched);
            if touched != expected {
                return Err(StoreError::RowCount {
                    statement: name_of(statement),
                    expected,
                    touched,
                });
            }
        }
        Ok(())
    }
}

/// The text of a statement that writes a row of a table, with its columns in their order.
pub(super) const fn text(table: Table) -> &'static str {
    match table {
        Table::Locations => PUT_LOCATIONS,
        Table::Calendars => PUT_CALENDARS,
        Table::Numbers => PUT_NUMBERS,
        Table::Items => PUT_ITEMS,
        Table::Stock => PUT_STOCK,
        Table::Directory => INSERT_DIRECTORY,
        Table::NewOrders => INSERT_ORDERS,
        Table::Orders => UPDATE_ORDERS,
        Table::NewLines => INSERT_LINES,
        Table::Lines => UPDATE_LINES,
        Table::Risks => UPDATE_RISKS,
        Table::LateLines => UPDATE_LATE_LINES,
        Table::Cancellations => INSERT_CANCELLATIONS,
        Table::Inbounds => PUT_INBOUNDS,
        Table::InboundLines => PUT_INBOUND_LINES,
        Table::InboundCuts => CUT_INBOUND_LINES,
        Table::Receipts => INSERT_RECEIPTS,
        Table::Adjustments => INSERT_ADJUSTMENTS,
        Table::Events => INSERT_EVENTS,
        Table::Days => PUT_DAYS,
    }
}

/// The text of a statement that inserts [`ROWS_AT_ONCE`] rows of a table, if it is one that rows are inserted into.
pub(super) fn text_at_once(table: Table) -> Option<&'static str> {
    AT_ONCE.get(&table).map(String::as_str)
}

/// An insertion of one row, made one of several: its values are repeated, with numbers that go on.
fn at_once(text: &str, columns: usize) -> Option<String> {
    let (head, rest) = text.split_once("VALUES (")?;
    let (values, tail) = rest.split_once(')')?;
    let rows = (0..ROWS_AT_ONCE).map(|row| format!("({})", renumbered(values, row.saturating_mul(columns))));
    Some(format!("{head}VALUES {}{tail}", rows.collect::<Vec<_>>().join(", ")))
}

fn renumbered(values: &str, by: usize) -> String {
    let renumbered = values.split(", ").map(|value| {
        let number = value.strip_prefix('?').and_then(|number| number.parse::<usize>().ok());
        number.map_or_else(|| value.to_owned(), |number| format!("?{}", number.saturating_add(by)))
    });
    renumbered.collect::<Vec<_>>().join(", ")
}

const PUT_LOCATIONS: &str = "-- put_locations
INSERT INTO locations (location_key, location_id, config_version, config) VALUES (?1, ?2, 1, ?3)
ON CONFLICT (location_key) DO UPDATE SET config_version = config_version + 1, config = excluded.config";

const PUT_NUMBERS: &str = "-- put_numbers
INSERT INTO location_numbers (location_key, next_order, next_event, next_inbound, revision) VALUES (?1, ?2, ?3, ?4, 1)
ON CONFLICT (location_key) DO UPDATE SET
    next_order = excluded.next_order, next_event = excluded.next_event, next_inbound = excluded.next_inbound,
    revision = revision + 1";

const PUT_CALENDARS: &str = "-- put_calendars
INSERT INTO location_calendars (location_key, calendar_version, calendar) VALUES (?1, ?2, ?3)
ON CONFLICT (location_key, calendar_version) DO UPDATE SET calendar = excluded.calendar";

const PUT_ITEMS: &str = "-- put_items
INSERT INTO items (sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (sku_key) DO UPDATE SET
    display_name = excluded.display_name, backorderable = excluded.backorderable, lead_time_days = excluded.lead_time_days,
    max_backlog = excluded.max_backlog, safety_stock = excluded.safety_stock";

const PUT_STOCK: &str = "-- put_stock
INSERT INTO stock (location_key, sku_key, on_hand, allocated, backlog, pending_refill, late_lines, pending_estimate)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (location_key, sku_key) DO UPDATE SET
    on_hand = excluded.on_hand, allocated = excluded.allocated, backlog = excluded.backlog,
    pending_refill = excluded.pending_refill, late_lines = excluded.late_lines, pending_estimate = excluded.pending_estimate";

const INSERT_DIRECTORY: &str = "-- insert_directory
INSERT INTO order_directory (order_id, location_key, sequence) VALUES (?1, ?2, ?3)";

const INSERT_ORDERS: &str = "-- insert_orders
INSERT INTO orders (
    location_key, sequence, order_id, state, lacking, placed_at_us, promised_ship_date, calendar_version, event_sequence,
    currency, terms, released_at_us, ship_by_date, shipped_at_us, cancelled_at_us, shipment, payment_deadline_us,
    confirmed_at_us, at_risk, zone_database
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

const UPDATE_ORDERS: &str = "-- update_orders
UPDATE orders SET
    state = ?3, lacking = ?4, event_sequence = ?5, released_at_us = ?6, ship_by_date = ?7, shipped_at_us = ?8,
    cancelled_at_us = ?9, shipment = ?10, confirmed_at_us = ?11, at_risk = ?12
WHERE location_key = ?1 AND sequence = ?2";

const INSERT_LINES: &str = "-- insert_lines
INSERT INTO order_lines (
    location_key, sequence, line_number, sku_key, quantity, cancelled, lacking, ready_date, promised_ship_date,
    price_units, price_nanos, refunded_units, refunded_nanos, basis, is_late
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

const UPDATE_LINES: &str = "-- update_lines
UPDATE order_lines SET cancelled = ?4, lacking = ?5, refunded_units = ?6, refunded_nanos = ?7, is_late = ?8
WHERE location_key = ?1 AND sequence = ?2 AND line_number = ?3";

/// Names no column of an index but that of the orders at risk: each index of a named column is written anew.
const UPDATE_RISKS: &str = "-- update_risks
UPDATE orders SET event_sequence = ?3, at_risk = ?4 WHERE location_key = ?1 AND sequence = ?2";

const UPDATE_LATE_LINES: &str = "-- update_late_lines
UPDATE order_lines SET is_late = ?5 WHERE location_key = ?1 AND sequence = ?2 AND line_number BETWEEN ?3 AND ?4";

const INSERT_CANCELLATIONS: &str = "-- insert_cancellations
INSERT INTO cancellations (location_key, sequence, request_id, content, cancelled, completes, refund_units, refund_nanos)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const PUT_INBOUNDS: &str = "-- put_inbounds
INSERT INTO inbounds (location_key, inbound_key, inbound_id, expected_date, state) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (location_key, inbound_key) DO UPDATE SET expected_date = excluded.expected_date, state = excluded.state";

const PUT_INBOUND_LINES: &str = "-- put_inbound_lines
INSERT INTO inbound_lines (location_key, inbound_key, position, sku_key, quantity, received, open)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (location_key, inbound_key, position) DO UPDATE SET
    sku_key = excluded.sku_key, quantity = excluded.quantity, received = excluded.received, open = excluded.open";

const CUT_INBOUND_LINES: &str = "-- cut_inbound_lines
DELETE FROM inbound_lines WHERE location_key = ?1 AND inbound_key = ?2 AND position >= ?3";

const INSERT_RECEIPTS: &str = "-- insert_receipts
INSERT INTO receipts (location_key, receipt_id, content, answer) VALUES (?1, ?2, ?3, ?4)";

const INSERT_ADJUSTMENTS: &str = "-- insert_adjustments
INSERT INTO adjustments (location_key, adjustment_id, sku_key, delta, content, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const INSERT_EVENTS: &str = "-- insert_events
INSERT INTO events (location_key, event_sequence, at_us, order_id, payload) VALUES (?1, ?2, ?3, ?4, ?5)";

const PUT_DAYS: &str = "-- put_days
INSERT INTO estimated_days (location_key, begun_at_us, next_at_us, pending_walk) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (location_key) DO UPDATE SET
    begun_at_us = excluded.begun_at_us, next_at_us = excluded.next_at_us, pending_walk = excluded.pending_walk";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insertion_of_several_rows_numbers_their_values_one_after_the_other() {
        let one = "-- put\nINSERT INTO t (a, b, c) VALUES (?1, ?2, 1)\nON CONFLICT (a) DO UPDATE SET b = excluded.b";
        let several = at_once(one, 2).expect("an insertion");
        assert!(several.starts_with("-- put\nINSERT INTO t (a, b, c) VALUES (?1, ?2, 1), (?3, ?4, 1), (?5, ?6, 1), "));
        assert!(several.ends_with("(?31, ?32, 1)\nON CONFLICT (a) DO UPDATE SET b = excluded.b"));
        assert_eq!(at_once("-- cut\nDELETE FROM t WHERE a = ?1", 1), None);
    }
}
