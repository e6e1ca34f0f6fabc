//! The texts of the statements. Each is prepared once and run for each row that it is given: no text depends on a
//! round's size.

use super::super::tables::Load;
use super::super::tables::columns::{line_columns, order_columns, stock_columns};
use super::estimates;

/// The text of a statement that finds rows.
pub(super) const fn text(statement: Load) -> &'static str {
    match statement {
        Load::CatalogKeys => LOAD_CATALOG_KEYS,
        Load::Configs => LOAD_CONFIGS,
        Load::Calendars => LOAD_CALENDARS,
        Load::Stock => LOAD_STOCK,
        Load::StockByKey => LOAD_STOCK_BY_KEY,
        Load::ItemsEverywhere => LOAD_ITEMS_EVERYWHERE,
        Load::ItemsByKey => LOAD_ITEMS_BY_KEY,
        Load::Places => LOAD_PLACES,
        Load::Orders => LOAD_ORDERS,
        Load::Lines => LOAD_LINES,
        Load::Due => LOAD_DUE,
        Load::Cancellations => LOAD_CANCELLATIONS,
        Load::Receipts => LOAD_RECEIPTS,
        Load::Adjustments => LOAD_ADJUSTMENTS,
        Load::Inbounds => LOAD_INBOUNDS,
        Load::InboundLines => LOAD_INBOUND_LINES,
        Load::QueueHeads => LOAD_QUEUE_HEADS,
        Load::OpenInbounds => LOAD_OPEN_INBOUNDS,
        Load::Holders => LOAD_HOLDERS,
        Load::UnitsAhead => LOAD_UNITS_AHEAD,
        Load::ListOrders => LIST_ORDERS,
        Load::ListOpenOrders => LIST_OPEN_ORDERS,
        Load::ListOrdersAtRisk => estimates::LIST_ORDERS_AT_RISK,
        Load::ListBacklog => LIST_BACKLOG,
        Load::ListStock => LIST_STOCK,
        Load::ListInbounds => LIST_INBOUNDS,
        Load::ListInboundLines => LIST_INBOUND_LINES,
        Load::ListLocations => LIST_LOCATIONS,
        Load::ListItems => LIST_ITEMS,
        Load::ListEvents => LIST_EVENTS,
        Load::LastEvent => FIND_LAST_EVENT,
        Load::PendingRefills => LIST_PENDING_REFILLS,
        Load::LapsedLocations => LIST_LAPSED_LOCATIONS,
        Load::PendingEstimates => estimates::LIST_PENDING_ESTIMATES,
        Load::Days => estimates::LOAD_DAYS,
        Load::WaitingLines => estimates::LOAD_WAITING_LINES,
        Load::WaitingOrders => estimates::LOAD_WAITING_ORDERS,
        Load::LackingLines => estimates::LOAD_LACKING_LINES,
        Load::StockPage => estimates::LOAD_STOCK_PAGE,
        Load::Logs => LIST_LOGS,
        Load::Horizons => FIND_HORIZONS,
        Load::PutHorizon => PUT_HORIZON,
        Load::DeleteEvents => DELETE_EVENTS,
        Load::PutConsumers => PUT_CONSUMERS,
        Load::ListConsumers => LIST_CONSUMERS,
    }
}

/// Begins a round.
pub(super) const BEGIN_IMMEDIATE: &str = "-- begin_immediate
BEGIN IMMEDIATE";

/// Begins a snapshot.
pub(super) const BEGIN: &str = "-- begin
BEGIN";

/// Makes a round durable.
pub(super) const COMMIT: &str = "-- commit
COMMIT";

/// Leaves a round or a snapshot.
pub(super) const ROLLBACK: &str = "-- rollback
ROLLBACK";

const LOAD_CATALOG_KEYS: &str = "-- load_catalog_keys
SELECT
    coalesce((SELECT max(location_key) FROM locations), 0) + 1,
    coalesce((SELECT max(sku_key) FROM items), 0) + 1";

/// The location of id ?1.
pub(super) const LOAD_LOCATION: &str = "-- load_location
SELECT l.location_key, l.location_id, l.config_version, n.next_order, n.next_event, n.next_inbound, n.revision
FROM locations AS l
JOIN location_numbers AS n ON n.location_key = l.location_key
WHERE l.location_id = ?1";

/// The location of key ?1.
pub(super) const LOAD_LOCATION_BY_KEY: &str = "-- load_location_by_key
SELECT l.location_key, l.location_id, l.config_version, n.next_order, n.next_event, n.next_inbound, n.revision
FROM locations AS l
JOIN location_numbers AS n ON n.location_key = l.location_key
WHERE l.location_key = ?1";

/// Every location.
pub(super) const LOAD_ALL_LOCATIONS: &str = "-- load_all_locations
SELECT l.location_key, l.location_id, l.config_version, n.next_order, n.next_event, n.next_inbound, n.revision
FROM locations AS l
CROSS JOIN location_numbers AS n ON n.location_key = l.location_key
ORDER BY l.location_id";

const LOAD_CONFIGS: &str = "-- load_configs
SELECT location_key, location_id, config_version, config FROM locations WHERE location_key = ?1";

const LOAD_CALENDARS: &str = "-- load_calendars
SELECT location_key, calendar_version, calendar
FROM location_calendars WHERE location_key = ?1 AND calendar_version = ?2";

const LOAD_STOCK: &str = concat!(
    "-- load_stock
SELECT ",
    stock_columns!(),
    "
FROM items AS i
LEFT JOIN stock AS s ON s.location_key = ?1 AND s.sku_key = i.sku_key
WHERE i.sku = ?2"
);

const LOAD_STOCK_BY_KEY: &str = "-- load_stock_by_key
SELECT location_key, sku_key, on_hand, allocated, backlog, pending_refill, late_lines, pending_estimate
FROM stock WHERE location_key = ?1 AND sku_key = ?2";

const LOAD_ITEMS_EVERYWHERE: &str = concat!(
    "-- load_items_everywhere
SELECT s.location_key, ",
    stock_columns!(),
    "
FROM items AS i
LEFT JOIN stock AS s ON s.sku_key = i.sku_key
WHERE i.sku = ?1
ORDER BY s.location_key"
);

const LOAD_ITEMS_BY_KEY: &str = "-- load_items_by_key
SELECT sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock
FROM items WHERE sku_key = ?1";

const LOAD_PLACES: &str = "-- load_places
SELECT location_key, sequence FROM order_directory WHERE order_id = ?1";

const LOAD_ORDERS: &str = concat!(
    "-- load_orders
SELECT ",
    order_columns!(),
    " FROM orders AS o WHERE o.location_key = ?1 AND o.sequence = ?2"
);

const LOAD_LINES: &str = concat!(
    "-- load_lines
SELECT ",
    line_columns!(),
    " FROM order_lines AS l WHERE l.location_key = ?1 AND l.sequence = ?2 ORDER BY l.line_number"
);

const LOAD_DUE: &str = "-- load_due
SELECT location_key, sequence, payment_deadline_us
FROM orders INDEXED BY orders_tentative
WHERE location_key = ?1 AND state = 1 AND payment_deadline_us <= ?2
ORDER BY payment_deadline_us, sequence
LIMIT ?3";

const LOAD_CANCELLATIONS: &str = "-- load_cancellations
SELECT location_key, sequence, request_id, content, cancelled, completes, refund_units, refund_nanos
FROM cancellations WHERE location_key = ?1 AND sequence = ?2";

const LOAD_RECEIPTS: &str = "-- load_receipts
SELECT location_key, receipt_id, content, answer FROM receipts WHERE location_key = ?1 AND receipt_id = ?2";

const LOAD_ADJUSTMENTS: &str = "-- load_adjustments
SELECT location_key, adjustment_id, delta, content, answer
FROM adjustments WHERE location_key = ?1 AND adjustment_id = ?2";

const LOAD_INBOUNDS: &str = "-- load_inbounds
SELECT location_key, inbound_key, inbound_id, expected_date, state
FROM inbounds WHERE location_key = ?1 AND inbound_id = ?2";

const LOAD_INBOUND_LINES: &str = "-- load_inbound_lines
SELECT location_key, inbound_key, position, sku_key, quantity, received
FROM inbound_lines WHERE location_key = ?1 AND inbound_key = ?2 ORDER BY position";

/// The cost is the lines asked for and not the queue.
const LOAD_QUEUE_HEADS: &str = "-- load_queue_heads
SELECT location_key, sequence, line_number
FROM order_lines INDEXED BY order_lines_queue
WHERE location_key = ?1 AND sku_key = ?2 AND lacking > 0
ORDER BY sequence, line_number
LIMIT ?3";

const LOAD_OPEN_INBOUNDS: &str = "-- load_open_inbounds
SELECT l.location_key, l.sku_key, b.inbound_id, b.expected_date, l.open
FROM inbound_lines AS l INDEXED BY inbound_lines_open
CROSS JOIN inbounds AS b ON b.location_key = l.location_key AND b.inbound_key = l.inbound_key
WHERE l.location_key = ?1 AND l.sku_key = ?2 AND l.open > 0";

const LOAD_HOLDERS: &str = "-- load_holders
SELECT o.location_key, o.sequence
FROM orders AS o INDEXED BY orders_open
WHERE o.location_key = ?1 AND o.state <= 3 AND EXISTS (
    SELECT 1 FROM order_lines AS l
    WHERE l.location_key = o.location_key AND l.sequence = o.sequence
        AND l.quantity - l.cancelled - l.lacking > 0 AND l.sku_key IN (SELECT value FROM json_each(?2))
)";

const LOAD_UNITS_AHEAD: &str = "-- load_units_ahead
SELECT coalesce(sum(lacking), 0), count(*)
FROM order_lines INDEXED BY order_lines_queue
WHERE location_key = ?1 AND sku_key = ?2 AND lacking > 0
    AND (sequence, line_number) >= (?3, ?4) AND (sequence, line_number) < (?5, ?6)";

const LIST_ORDERS: &str = "-- list_orders
SELECT o.sequence, o.order_id
FROM orders AS o
WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND o.sequence > ?2
    AND ((1 << o.state) & ?4) <> 0 AND (?6 IS NULL OR o.at_risk = ?6)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY o.sequence
LIMIT ?3";

/// A walk of the open orders' index, so that what shipped costs nothing.
const LIST_OPEN_ORDERS: &str = "-- list_open_orders
SELECT o.sequence, o.order_id
FROM orders AS o INDEXED BY orders_open
WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND o.sequence > ?2
    AND o.state = ?4 AND o.state <= 3 AND (?6 IS NULL OR o.at_risk = ?6)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY o.sequence
LIMIT ?3";

/// Each line with what it lacks, and with what those up to the place before the page lack.
const LIST_BACKLOG: &str = "-- list_backlog
WITH queue (location_key, sku_key) AS MATERIALIZED (
    SELECT l.location_key, i.sku_key FROM locations AS l JOIN items AS i WHERE l.location_id = ?1 AND i.sku = ?2
)
SELECT q.sequence, q.line_number, o.order_id, q.lacking, (
    SELECT coalesce(sum(b.lacking), 0)
    FROM order_lines AS b INDEXED BY order_lines_queue
    WHERE b.location_key = (SELECT location_key FROM queue) AND b.sku_key = (SELECT sku_key FROM queue) AND b.lacking > 0
        AND (b.sequence, b.line_number) <= (?3, ?4)
)
FROM order_lines AS q INDEXED BY order_lines_queue
CROSS JOIN orders AS o
WHERE q.location_key = (SELECT location_key FROM queue) AND q.sku_key = (SELECT sku_key FROM queue) AND q.lacking > 0
    AND (q.sequence, q.line_number) > (?3, ?4)
    AND o.location_key = q.location_key AND o.sequence = q.sequence
ORDER BY q.sequence, q.line_number
LIMIT ?5";

const LIST_STOCK: &str = "-- list_stock
SELECT i.sku
FROM items AS i
CROSS JOIN stock AS s ON s.sku_key = i.sku_key
WHERE i.sku > ?2 AND s.location_key = (SELECT location_key FROM locations WHERE location_id = ?1)
    AND (?4 = 0 OR s.backlog > 0)
ORDER BY i.sku
LIMIT ?3";

const LIST_INBOUNDS: &str = "-- list_inbounds
SELECT b.location_key, b.inbound_key, b.inbound_id, b.expected_date, b.state
FROM inbounds AS b
WHERE b.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND b.inbound_id > ?2
    AND (?4 IS NULL OR b.state = ?4)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM inbound_lines AS l
        WHERE l.location_key = b.location_key AND l.inbound_key = b.inbound_key
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY b.inbound_id
LIMIT ?3";

const LIST_INBOUND_LINES: &str = "-- list_inbound_lines
SELECT l.location_key, l.inbound_key, l.position, i.sku, l.quantity, l.received
FROM inbound_lines AS l
CROSS JOIN items AS i ON i.sku_key = l.sku_key
WHERE l.location_key = ?1 AND l.inbound_key = ?2
ORDER BY l.position";

const LIST_LOCATIONS: &str = "-- list_locations
SELECT location_key, location_id, config FROM locations WHERE location_id > ?1 ORDER BY location_id LIMIT ?2";

const LIST_ITEMS: &str = "-- list_items
SELECT sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock
FROM items WHERE sku > ?1 ORDER BY sku LIMIT ?2";

const LIST_EVENTS: &str = "-- list_events
SELECT event_sequence, at_us, order_id, payload
FROM events WHERE location_key = ?1 AND event_sequence > ?2 ORDER BY event_sequence LIMIT ?3";

const FIND_LAST_EVENT: &str = "-- find_last_event
SELECT l.location_key, n.next_event
FROM locations AS l JOIN location_numbers AS n ON n.location_key = l.location_key
WHERE l.location_id = ?1";

const LIST_PENDING_REFILLS: &str = "-- list_pending_refills
SELECT l.location_id, i.sku
FROM stock AS s INDEXED BY stock_pending
CROSS JOIN locations AS l ON l.location_key = s.location_key
CROSS JOIN items AS i ON i.sku_key = s.sku_key
WHERE s.pending_refill IS NOT NULL
ORDER BY l.location_id, i.sku";

const LIST_LAPSED_LOCATIONS: &str = "-- list_lapsed_locations
SELECT l.location_id
FROM locations AS l
WHERE EXISTS (
    SELECT 1 FROM orders AS o INDEXED BY orders_tentative
    WHERE o.location_key = l.location_key AND o.state = 1 AND o.payment_deadline_us <= ?1
)
ORDER BY l.location_id";

const LIST_LOGS: &str = "-- list_logs
SELECT l.location_id, n.next_event,
    (SELECT min(e.event_sequence) FROM events AS e WHERE e.location_key = n.location_key)
FROM location_numbers AS n JOIN locations AS l ON l.location_key = n.location_key
ORDER BY n.location_key";

const FIND_HORIZONS: &str = "-- find_horizons
SELECT n.location_key, min((
    SELECT coalesce(min(iif(o.at_us >= ?1, o.event_sequence, NULL)), max(o.event_sequence))
    FROM (
        SELECT e.event_sequence, e.at_us FROM events AS e
        WHERE e.location_key = n.location_key ORDER BY e.event_sequence LIMIT ?2
    ) AS o
), coalesce((
    SELECT min(c.acknowledged_event) + 1 FROM consumers AS c
    WHERE c.location_key = n.location_key AND c.acknowledged_at_us >= ?3
), n.next_event))
FROM location_numbers AS n";

const PUT_CONSUMERS: &str = "-- put_consumers
INSERT INTO consumers (location_key, consumer_id, acknowledged_event, acknowledged_at_us)
SELECT l.location_key, ?2, ?3, ?4 FROM locations AS l WHERE l.location_id = ?1
ON CONFLICT (location_key, consumer_id) DO UPDATE SET
    acknowledged_event = max(acknowledged_event, excluded.acknowledged_event),
    acknowledged_at_us = max(acknowledged_at_us, excluded.acknowledged_at_us)
RETURNING acknowledged_event";

const LIST_CONSUMERS: &str = "-- list_consumers
SELECT c.consumer_id, l.location_id, c.acknowledged_event, c.acknowledged_at_us, n.next_event, (
    SELECT e.at_us FROM events AS e
    WHERE e.location_key = c.location_key AND e.event_sequence > c.acknowledged_event
    ORDER BY e.event_sequence LIMIT 1
)
FROM consumers AS c
JOIN locations AS l ON l.location_key = c.location_key
JOIN location_numbers AS n ON n.location_key = c.location_key
ORDER BY c.location_key, c.consumer_id";

const PUT_HORIZON: &str = "-- put_horizon
INSERT INTO log_horizons (location_key, oldest_event) VALUES (?1, ?2)
ON CONFLICT (location_key) DO UPDATE SET oldest_event = excluded.oldest_event WHERE excluded.oldest_event > oldest_event
RETURNING location_key";

const DELETE_EVENTS: &str = "-- delete_events
DELETE FROM events WHERE location_key = ?1 AND event_sequence < ?2 RETURNING event_sequence";

/// The texts beside those of [`text`], for the test that prepares them.
#[cfg(test)]
pub(super) const OTHERS: [&str; 7] = [
    BEGIN_IMMEDIATE,
    BEGIN,
    COMMIT,
    ROLLBACK,
    LOAD_LOCATION,
    LOAD_LOCATION_BY_KEY,
    LOAD_ALL_LOCATIONS,
];
