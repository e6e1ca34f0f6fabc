//! Writes what a round changed: the tables of the hot path in one statement, and one more for each other table.

use super::super::StoreError;
use super::super::tables::{Changes, Table};
use super::connection::Connection;
use super::failures::name_of;
use super::rows::NamedRows;

/// The tables of [`WRITE_HOT`], in the order of its parameters and of what it counts, each with the type of its rows. An
/// array of rows costs the database less than one array for each column, each of which it unpacks by itself.
const HOT: [(Table, &str); 8] = [
    (Table::Numbers, "round_numbers"),
    (Table::Stock, "round_stock"),
    (Table::Directory, "round_directory"),
    (Table::NewOrders, "round_new_orders"),
    (Table::Orders, "round_orders"),
    (Table::NewLines, "round_new_lines"),
    (Table::Lines, "round_lines"),
    (Table::Events, "round_events"),
];

impl Connection {
    /// Writes changes in the transaction that they were loaded in.
    pub(super) async fn write_changes(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for (table, statement) in OTHERS {
            let Some(rows) = changes.rows(table) else { continue };
            let touched = self.count(statement, &[rows], 1).await?;
            if let Some(expected) = changes.touches(table) {
                check(statement, expected, touched.first().copied())?;
            }
        }
        let rows = HOT.map(|(table, name)| NamedRows {
            rows: changes.rows(table),
            type_name: name,
        });
        let touched = self.count_rows(WRITE_HOT, &rows).await?;
        for (rows, touched) in rows.iter().zip(touched) {
            let expected = u64::try_from(rows.count()).unwrap_or(u64::MAX);
            check(WRITE_HOT, expected, Some(touched))?;
        }
        Ok(())
    }
}

fn check(statement: &'static str, expected: u64, touched: Option<i64>) -> Result<(), StoreError> {
    let touched = touched
        .and_then(|touched| u64::try_from(touched).ok())
        .unwrap_or_default();
    if touched == expected {
        return Ok(());
    }
    Err(StoreError::RowCount {
        statement: name_of(statement),
        expected,
        touched,
    })
}

/// Statements of the other tables, in the order in which they are run. Each answers how many rows it touched.
const OTHERS: [(Table, &str); 12] = [
    (Table::Locations, PUT_LOCATIONS),
    (Table::Calendars, PUT_CALENDARS),
    (Table::Items, PUT_ITEMS),
    (Table::Cancellations, INSERT_CANCELLATIONS),
    (Table::Inbounds, PUT_INBOUNDS),
    (Table::InboundLines, PUT_INBOUND_LINES),
    (Table::InboundCuts, CUT_INBOUND_LINES),
    (Table::Receipts, INSERT_RECEIPTS),
    (Table::Adjustments, INSERT_ADJUSTMENTS),
    (Table::Days, PUT_DAYS),
    (Table::Risks, UPDATE_RISKS),
    (Table::LateLines, UPDATE_LATE_LINES),
];

/// Every statement that writes.
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    OTHERS.into_iter().map(|(_, text)| text).chain([WRITE_HOT])
}

/// Ids of orders are the one thing that rounds of different locations contend for, so they are taken in order too.
/// Nothing that it writes is read by it: each part sees the rows as they were before. No timeout may cut the COMMIT that
/// comes next.
const WRITE_HOT: &str = "-- write_hot
WITH numbers AS (
    INSERT INTO location_numbers AS n (location_key, next_order, next_event, next_inbound, revision)
    SELECT c.*, 1 FROM unnest($1::round_numbers[]) AS c
    ON CONFLICT (location_key) DO UPDATE SET
        next_order = excluded.next_order, next_event = excluded.next_event, next_inbound = excluded.next_inbound,
        revision = n.revision + 1
    RETURNING 1
), counters AS (
    INSERT INTO stock (location_key, sku_key, on_hand, allocated, backlog, pending_refill, late_lines, pending_estimate)
    SELECT * FROM unnest($2::round_stock[])
    ON CONFLICT (location_key, sku_key) DO UPDATE SET
        on_hand = excluded.on_hand, allocated = excluded.allocated, backlog = excluded.backlog,
        pending_refill = excluded.pending_refill, late_lines = excluded.late_lines,
        pending_estimate = excluded.pending_estimate
    RETURNING 1
), directory AS (
    INSERT INTO order_directory (order_id, location_key, sequence)
    SELECT * FROM unnest($3::round_directory[]) ORDER BY 1
    RETURNING 1
), new_orders AS (
    INSERT INTO orders (
        location_key, sequence, order_id, state, lacking, placed_at_us, promised_ship_date, calendar_version,
        event_sequence, currency, terms, released_at_us, ship_by_date, shipped_at_us, cancelled_at_us, shipment,
        payment_deadline_us, confirmed_at_us, at_risk, zone_database
    )
    SELECT * FROM unnest($4::round_new_orders[])
    RETURNING 1
), changed_orders AS (
    UPDATE orders AS o SET
        state = c.state, lacking = c.lacking, event_sequence = c.event_sequence, released_at_us = c.released_at_us,
        ship_by_date = c.ship_by_date, shipped_at_us = c.shipped_at_us, cancelled_at_us = c.cancelled_at_us,
        shipment = c.shipment, confirmed_at_us = c.confirmed_at_us, at_risk = c.at_risk
    FROM unnest($5::round_orders[]) AS c
    WHERE o.location_key = c.location_key AND o.sequence = c.sequence
    RETURNING 1
), new_lines AS (
    INSERT INTO order_lines (
        location_key, sequence, line_number, sku_key, quantity, cancelled, lacking, ready_date, promised_ship_date,
        price_units, price_nanos, refunded_units, refunded_nanos, basis, is_late
    )
    SELECT * FROM unnest($6::round_new_lines[])
    RETURNING 1
), changed_lines AS (
    UPDATE order_lines AS l SET
        cancelled = c.cancelled, lacking = c.lacking, refunded_units = c.refunded_units,
        refunded_nanos = c.refunded_nanos, is_late = c.is_late
    FROM unnest($7::round_lines[]) AS c
    WHERE l.location_key = c.location_key AND l.sequence = c.sequence AND l.line_number = c.line_number
    RETURNING 1
), new_events AS (
    INSERT INTO events (location_key, event_sequence, at_us, order_id, payload)
    SELECT * FROM unnest($8::round_events[])
    RETURNING 1
)
SELECT (SELECT count(*) FROM numbers), (SELECT count(*) FROM counters), (SELECT count(*) FROM directory),
    (SELECT count(*) FROM new_orders), (SELECT count(*) FROM changed_orders), (SELECT count(*) FROM new_lines),
    (SELECT count(*) FROM changed_lines), (SELECT count(*) FROM new_events),
    set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)";

const PUT_CALENDARS: &str = "-- put_calendars
WITH written AS (
    INSERT INTO location_calendars (location_key, calendar_version, calendar)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])
    ON CONFLICT (location_key, calendar_version) DO UPDATE SET calendar = excluded.calendar
    RETURNING 1
)
SELECT count(*) FROM written";

const PUT_LOCATIONS: &str = "-- put_locations
WITH written AS (
    INSERT INTO locations AS l (location_key, location_id, config_version, config)
    SELECT c1, c2, 1, c3 FROM unnest($1::bigint[], $2::text[], $3::text[]) AS c (c1, c2, c3)
    ON CONFLICT (location_key) DO UPDATE SET config_version = l.config_version + 1, config = excluded.config
    WHERE l.location_id = excluded.location_id
    RETURNING 1
)
SELECT count(*) FROM written";

const PUT_ITEMS: &str = "-- put_items
WITH written AS (
    INSERT INTO items AS i (sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock)
    SELECT * FROM unnest(
        $1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]
    )
    ON CONFLICT (sku_key) DO UPDATE SET
        display_name = excluded.display_name, backorderable = excluded.backorderable,
        lead_time_days = excluded.lead_time_days, max_backlog = excluded.max_backlog, safety_stock = excluded.safety_stock
    WHERE i.sku = excluded.sku
    RETURNING 1
)
SELECT count(*) FROM written";

const INSERT_CANCELLATIONS: &str = "-- insert_cancellations
WITH written AS (
    INSERT INTO cancellations (
        location_key, sequence, request_id, content, cancelled, completes, refund_units, refund_nanos
    )
    SELECT * FROM unnest(
        $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]
    )
    RETURNING 1
)
SELECT count(*) FROM written";

const PUT_INBOUNDS: &str = "-- put_inbounds
WITH written AS (
    INSERT INTO inbounds (location_key, inbound_key, inbound_id, expected_date, state)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::date[], $5::bigint[])
    ON CONFLICT (location_key, inbound_key) DO UPDATE SET expected_date = excluded.expected_date, state = excluded.state
    RETURNING 1
)
SELECT count(*) FROM written";

const PUT_INBOUND_LINES: &str = "-- put_inbound_lines
WITH written AS (
    INSERT INTO inbound_lines (location_key, inbound_key, position, sku_key, quantity, received, open)
    SELECT * FROM unnest(
        $1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]
    )
    ON CONFLICT (location_key, inbound_key, position) DO UPDATE SET
        sku_key = excluded.sku_key, quantity = excluded.quantity, received = excluded.received, open = excluded.open
    RETURNING 1
)
SELECT count(*) FROM written";

const CUT_INBOUND_LINES: &str = "-- cut_inbound_lines
WITH written AS (
    DELETE FROM inbound_lines AS l
    USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS c (location_key, inbound_key, lines)
    WHERE l.location_key = c.location_key AND l.inbound_key = c.inbound_key AND l.position >= c.lines
    RETURNING 1
)
SELECT count(*) FROM written";

const INSERT_RECEIPTS: &str = "-- insert_receipts
WITH written AS (
    INSERT INTO receipts (location_key, receipt_id, content, answer)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
    RETURNING 1
)
SELECT count(*) FROM written";

const INSERT_ADJUSTMENTS: &str = "-- insert_adjustments
WITH written AS (
    INSERT INTO adjustments (location_key, adjustment_id, sku_key, delta, content, answer)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
    RETURNING 1
)
SELECT count(*) FROM written";

const UPDATE_RISKS: &str = "-- update_risks
WITH written AS (
    UPDATE orders AS o SET event_sequence = c.event_sequence, at_risk = c.at_risk
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS c (location_key, sequence, event_sequence, at_risk)
    WHERE o.location_key = c.location_key AND o.sequence = c.sequence
    RETURNING 1
)
SELECT count(*) FROM written";

const UPDATE_LATE_LINES: &str = "-- update_late_lines
WITH written AS (
    UPDATE order_lines AS l SET is_late = c.is_late
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS c (location_key, sequence, first, last, is_late)
    WHERE l.location_key = c.location_key AND l.sequence = c.sequence AND l.line_number BETWEEN c.first AND c.last
    RETURNING 1
)
SELECT count(*) FROM written";

const PUT_DAYS: &str = "-- put_days
WITH written AS (
    INSERT INTO estimated_days (location_key, begun_at_us, next_at_us, pending_walk)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
    ON CONFLICT (location_key) DO UPDATE SET
        begun_at_us = excluded.begun_at_us, next_at_us = excluded.next_at_us, pending_walk = excluded.pending_walk
    RETURNING 1
)
SELECT count(*) FROM written";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::rows::Kind;

    const TYPES: &str = include_str!("../../../migrations/postgres/0009_rows_of_rounds.sql");

    #[test]
    fn rows_have_the_columns_of_their_types() {
        for (table, name) in HOT {
            let (_, rest) = TYPES
                .split_once(&format!("CREATE TYPE {name} AS ("))
                .expect("the type is made");
            let (columns, _) = rest.split_once(')').expect("the type ends");
            let kinds = columns.split(',').map(|column| match column.split_whitespace().last() {
                Some("BIGINT") => Kind::Int,
                Some("TEXT") => Kind::Text,
                Some("DATE") => Kind::Date,
                other => panic!("{name} has a column of {other:?}"),
            });
            assert_eq!(kinds.collect::<Vec<_>>(), table.columns(), "{name}");
        }
    }
}
