//! The statements of rounds. Each has a fixed text, whatever the round's size: what varies is the length of the JSON
//! arrays that it unpacks. `CROSS JOIN` fixes the order of loops: from the array to the rows that it names.

use super::columns::{line_columns, order_columns, stock_columns};

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

/// The keys of new locations and items.
pub(super) const LOAD_CATALOG_KEYS: &str = "-- load_catalog_keys
SELECT
    coalesce((SELECT max(location_key) FROM locations), 0) + 1,
    coalesce((SELECT max(sku_key) FROM items), 0) + 1";

/// Locations by ids ?1 or keys ?2.
pub(super) const LOAD_LOCATIONS: &str = "-- load_locations
SELECT l.location_key, l.location_id, l.config_version, n.next_order, n.next_event, n.next_inbound
FROM locations AS l
JOIN location_numbers AS n ON n.location_key = l.location_key
WHERE l.location_id IN (SELECT value FROM json_each(?1)) OR l.location_key IN (SELECT value FROM json_each(?2))
ORDER BY l.location_id";

/// The keys of all locations.
pub(super) const LOAD_LOCATION_KEYS: &str = "-- load_location_keys
SELECT location_key FROM locations";

/// Configurations by location keys ?1.
pub(super) const LOAD_CONFIGS: &str = "-- load_configs
SELECT l.location_key, l.location_id, l.config_version, l.config
FROM json_each(?1) AS named
CROSS JOIN locations AS l ON l.location_key = named.value";

/// Items and their counters by `[location_key, [sku, …]]` ?1. Rows name the positions in the array.
pub(super) const LOAD_STOCK: &str = concat!(
    "-- load_stock
WITH at AS MATERIALIZED (
    SELECT key, value ->> 0 AS location_key, jsonb_extract(value, '$[1]') AS skus FROM jsonb_each(?1)
)
SELECT at.key, named.key, ",
    stock_columns!(),
    "
FROM at
CROSS JOIN json_each(at.skus) AS named
CROSS JOIN items AS i ON i.sku = named.value
LEFT JOIN stock AS s ON s.location_key = at.location_key AND s.sku_key = i.sku_key"
);

/// Counters by `[location_key, [sku_key, …]]` ?1.
pub(super) const LOAD_STOCK_BY_KEY: &str = "-- load_stock_by_key
SELECT s.location_key, s.sku_key, s.on_hand, s.allocated, s.backlog, s.pending_refill
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN stock AS s ON s.location_key = at.value ->> 0 AND s.sku_key = named.value";

/// Items by SKUs ?1, with their counters at every location that has some.
pub(super) const LOAD_ITEMS_EVERYWHERE: &str = concat!(
    "-- load_items_everywhere
SELECT s.location_key, named.key, ",
    stock_columns!(),
    "
FROM json_each(?1) AS named
CROSS JOIN items AS i ON i.sku = named.value
LEFT JOIN stock AS s ON s.sku_key = i.sku_key
ORDER BY named.key, s.location_key"
);

/// Items by keys ?1.
pub(super) const LOAD_ITEMS_BY_KEY: &str = "-- load_items_by_key
SELECT i.sku_key, i.sku, i.display_name, i.backorderable, i.lead_time_days, i.max_backlog, i.safety_stock
FROM json_each(?1) AS named
CROSS JOIN items AS i ON i.sku_key = named.value";

/// Orders by ids ?1, without their lines.
pub(super) const LOAD_ORDERS_BY_ID: &str = concat!(
    "-- load_orders_by_id
SELECT ",
    order_columns!(),
    "
FROM json_each(?1) AS named
CROSS JOIN order_directory AS d ON d.order_id = named.value
CROSS JOIN orders AS o ON o.location_key = d.location_key AND o.sequence = d.sequence"
);

/// Orders by `[location_key, [sequence, …]]` ?1, without their lines.
pub(super) const LOAD_ORDERS_BY_PLACE: &str = concat!(
    "-- load_orders_by_place
SELECT ",
    order_columns!(),
    "
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS place
CROSS JOIN orders AS o ON o.location_key = at.value ->> 0 AND o.sequence = place.value"
);

/// Tentative orders whose deadline has come by ?2 at location keys ?1, without their lines: of each location the first ?3 by
/// deadline.
pub(super) const LOAD_DUE: &str = concat!(
    "-- load_due
SELECT ",
    order_columns!(),
    "
FROM json_each(?1) AS at
CROSS JOIN orders AS o ON o.location_key = at.value AND o.state = 1 AND o.sequence IN (
    SELECT t.sequence FROM orders AS t INDEXED BY orders_tentative
    WHERE t.location_key = at.value AND t.state = 1 AND t.payment_deadline_us <= ?2
    ORDER BY t.payment_deadline_us, t.sequence
    LIMIT ?3
)"
);

/// Lines of the orders at `[location_key, [sequence, …]]` ?1.
pub(super) const LOAD_LINES: &str = concat!(
    "-- load_lines
SELECT ",
    line_columns!(),
    "
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS place
CROSS JOIN order_lines AS l ON l.location_key = at.value ->> 0 AND l.sequence = place.value"
);

/// Cancellations of the orders at `[location_key, [sequence, …]]` ?1.
pub(super) const LOAD_CANCELLATIONS: &str = "-- load_cancellations
SELECT c.location_key, c.sequence, c.request_id, c.content, c.cancelled, c.completes, c.refund_units, c.refund_nanos
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS place
CROSS JOIN cancellations AS c ON c.location_key = at.value ->> 0 AND c.sequence = place.value";

/// Receipts by `[location_key, [receipt_id, …]]` ?1.
pub(super) const LOAD_RECEIPTS: &str = "-- load_receipts
SELECT r.location_key, r.receipt_id, r.content, r.answer
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN receipts AS r ON r.location_key = at.value ->> 0 AND r.receipt_id = named.value";

/// Adjustments by `[location_key, [adjustment_id, …]]` ?1.
pub(super) const LOAD_ADJUSTMENTS: &str = "-- load_adjustments
SELECT a.location_key, a.adjustment_id, a.delta, a.content, a.answer
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN adjustments AS a ON a.location_key = at.value ->> 0 AND a.adjustment_id = named.value";

/// Inbounds by `[location_key, [inbound_id, …]]` ?1, without their lines.
pub(super) const LOAD_INBOUNDS: &str = "-- load_inbounds
SELECT b.location_key, b.inbound_key, b.inbound_id, b.expected_date, b.state
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN inbounds AS b ON b.location_key = at.value ->> 0 AND b.inbound_id = named.value";

/// Lines of the inbounds at `[location_key, [inbound_key, …]]` ?1, in their order.
pub(super) const LOAD_INBOUND_LINES: &str = "-- load_inbound_lines
SELECT l.location_key, l.inbound_key, l.position, l.sku_key, l.quantity, l.received
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN inbound_lines AS l ON l.location_key = at.value ->> 0 AND l.inbound_key = named.value
ORDER BY l.location_key, l.inbound_key, l.position";

/// The first lines of queues, for each `[location_key, sku_key, lines]` of ?1. Each step finds the next place by the
/// index, so that the cost is the lines asked for and not the queue. A place is one number: an order has at most 500
/// lines.
pub(super) const LOAD_QUEUE_HEADS: &str = "-- load_queue_heads
WITH RECURSIVE head (at, location_key, sku_key, left, place) AS (
    SELECT key, value ->> 0, value ->> 1, value ->> 2, 0 FROM jsonb_each(?1)
    UNION ALL
    SELECT at, location_key, sku_key, left - 1, (
        SELECT q.sequence * 1024 + q.line_number
        FROM order_lines AS q INDEXED BY order_lines_queue
        WHERE q.location_key = head.location_key AND q.sku_key = head.sku_key AND q.lacking > 0
            AND (q.sequence, q.line_number) > (head.place / 1024, head.place % 1024)
        ORDER BY q.sequence, q.line_number
        LIMIT 1
    )
    FROM head
    WHERE left > 0 AND place IS NOT NULL
)
SELECT at, location_key, sku_key, place / 1024, place % 1024 FROM head WHERE place > 0";

/// What is coming of SKUs, by `[location_key, [sku_key, …]]` ?1.
pub(super) const LOAD_OPEN_INBOUNDS: &str = "-- load_open_inbounds
SELECT l.location_key, l.sku_key, b.inbound_id, b.expected_date, l.open
FROM jsonb_each(?1) AS at
CROSS JOIN json_each(at.value, '$[1]') AS named
CROSS JOIN inbound_lines AS l INDEXED BY inbound_lines_open
    ON l.location_key = at.value ->> 0 AND l.sku_key = named.value AND l.open > 0
CROSS JOIN inbounds AS b ON b.location_key = l.location_key AND b.inbound_key = l.inbound_key";

/// The places of open orders with a line that holds units of a SKU, by `[location_key, [sku_key, …]]` ?1.
pub(super) const LOAD_HOLDERS: &str = "-- load_holders
WITH at AS MATERIALIZED (
    SELECT value ->> 0 AS location_key, jsonb_extract(value, '$[1]') AS sku_keys FROM jsonb_each(?1)
)
SELECT DISTINCT o.location_key, o.sequence
FROM at
CROSS JOIN orders AS o INDEXED BY orders_open ON o.location_key = at.location_key AND o.state IN (1, 2, 3)
CROSS JOIN order_lines AS l ON l.location_key = o.location_key AND l.sequence = o.sequence
WHERE l.quantity - l.cancelled - l.lacking > 0 AND l.sku_key IN (SELECT value FROM json_each(at.sku_keys))
ORDER BY o.location_key, o.sequence";

/// Units that lines lack between two places of a queue, the lower one included, and how many lines do, for each
/// `[location_key, sku_key, lower sequence, its line, upper sequence, its line]` of ?1.
pub(super) const LOAD_UNITS_AHEAD: &str = "-- load_units_ahead
WITH span AS MATERIALIZED (
    SELECT key, value ->> 0 AS location_key, value ->> 1 AS sku_key,
        value ->> 2 AS low_sequence, value ->> 3 AS low_line, value ->> 4 AS high_sequence, value ->> 5 AS high_line
    FROM jsonb_each(?1)
)
SELECT span.key, coalesce(sum(q.lacking), 0), count(q.lacking)
FROM span
LEFT JOIN order_lines AS q INDEXED BY order_lines_queue
    ON q.location_key = span.location_key AND q.sku_key = span.sku_key AND q.lacking > 0
        AND (q.sequence, q.line_number) >= (low_sequence, low_line)
        AND (q.sequence, q.line_number) < (high_sequence, high_line)
GROUP BY span.key
ORDER BY span.key";

/// Locations as `[location_key, location_id, config]` of ?1.
pub(super) const PUT_LOCATIONS: &str = "-- put_locations
INSERT INTO locations (location_key, location_id, config_version, config)
SELECT value ->> 0, value ->> 1, 1, value ->> 2 FROM jsonb_each(?1) WHERE true
ON CONFLICT (location_key) DO UPDATE SET config_version = config_version + 1, config = excluded.config";

/// Numbers that locations give out, as `[location_key, next_order, next_event, next_inbound]` of ?1.
pub(super) const PUT_NUMBERS: &str = "-- put_numbers
INSERT INTO location_numbers (location_key, next_order, next_event, next_inbound)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?1) WHERE true
ON CONFLICT (location_key) DO UPDATE SET
    next_order = excluded.next_order, next_event = excluded.next_event, next_inbound = excluded.next_inbound";

/// Items as rows of ?1.
pub(super) const PUT_ITEMS: &str = "-- put_items
INSERT INTO items (sku_key, sku, display_name, backorderable, lead_time_days, max_backlog, safety_stock)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?1) WHERE true
ON CONFLICT (sku_key) DO UPDATE SET
    display_name = excluded.display_name, backorderable = excluded.backorderable, lead_time_days = excluded.lead_time_days,
    max_backlog = excluded.max_backlog, safety_stock = excluded.safety_stock";

/// Counters as rows of ?1.
pub(super) const PUT_STOCK: &str = "-- put_stock
INSERT INTO stock (location_key, sku_key, on_hand, allocated, backlog, pending_refill)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?1) WHERE true
ON CONFLICT (location_key, sku_key) DO UPDATE SET
    on_hand = excluded.on_hand, allocated = excluded.allocated, backlog = excluded.backlog,
    pending_refill = excluded.pending_refill";

/// Ids of new orders as `[order_id, location_key, sequence]` of ?1.
pub(super) const INSERT_DIRECTORY: &str = "-- insert_directory
INSERT INTO order_directory (order_id, location_key, sequence)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?1)";

/// New orders as rows of ?1; terms, and the deadline that is among them, are absent when they are the default. What few orders come to within their first round
/// (shipped, cancelled) is left to `update_orders`.
pub(super) const INSERT_ORDERS: &str = "-- insert_orders
INSERT INTO orders (
    location_key, sequence, order_id, state, lacking, placed_at_us, promised_ship_date, calendar_version, event_sequence,
    currency, released_at_us, ship_by_date, terms, payment_deadline_us
)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
    value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13
FROM jsonb_each(?1)";

/// Orders that changed, as rows of ?1.
pub(super) const UPDATE_ORDERS: &str = "-- update_orders
UPDATE orders SET
    state = changed.value ->> 2, lacking = changed.value ->> 3, event_sequence = changed.value ->> 4,
    released_at_us = changed.value ->> 5, ship_by_date = changed.value ->> 6, shipped_at_us = changed.value ->> 7,
    cancelled_at_us = changed.value ->> 8, shipment = changed.value ->> 9, confirmed_at_us = changed.value ->> 10
FROM jsonb_each(?1) AS changed
WHERE orders.location_key = changed.value ->> 0 AND orders.sequence = changed.value ->> 1";

/// Lines of new orders as rows of ?1; what is absent at the end of a row is empty. Nothing is cancelled or refunded:
/// that is left to `update_lines`.
pub(super) const INSERT_LINES: &str = "-- insert_lines
INSERT INTO order_lines (
    location_key, sequence, line_number, sku_key, quantity, lacking, ready_date, promised_ship_date,
    price_units, price_nanos, basis
)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
    value ->> 8, value ->> 9, value ->> 10
FROM jsonb_each(?1)";

/// Lines that changed, as rows of ?1.
pub(super) const UPDATE_LINES: &str = "-- update_lines
UPDATE order_lines SET
    cancelled = changed.value ->> 3, lacking = changed.value ->> 4,
    refunded_units = changed.value ->> 5, refunded_nanos = changed.value ->> 6
FROM jsonb_each(?1) AS changed
WHERE order_lines.location_key = changed.value ->> 0 AND order_lines.sequence = changed.value ->> 1
    AND order_lines.line_number = changed.value ->> 2";

/// Cancellations as rows of ?1.
pub(super) const INSERT_CANCELLATIONS: &str = "-- insert_cancellations
INSERT INTO cancellations (location_key, sequence, request_id, content, cancelled, completes, refund_units, refund_nanos)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM jsonb_each(?1)";

/// Inbounds as rows of ?1.
pub(super) const PUT_INBOUNDS: &str = "-- put_inbounds
INSERT INTO inbounds (location_key, inbound_key, inbound_id, expected_date, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?1) WHERE true
ON CONFLICT (location_key, inbound_key) DO UPDATE SET expected_date = excluded.expected_date, state = excluded.state";

/// Lines of inbounds as rows of ?1.
pub(super) const PUT_INBOUND_LINES: &str = "-- put_inbound_lines
INSERT INTO inbound_lines (location_key, inbound_key, position, sku_key, quantity, received, open)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?1) WHERE true
ON CONFLICT (location_key, inbound_key, position) DO UPDATE SET
    sku_key = excluded.sku_key, quantity = excluded.quantity, received = excluded.received, open = excluded.open";

/// Drops lines that inbounds no longer have, by `[location_key, inbound_key, lines]` of ?1.
pub(super) const CUT_INBOUND_LINES: &str = "-- cut_inbound_lines
DELETE FROM inbound_lines WHERE (location_key, inbound_key, position) IN (
    SELECT l.location_key, l.inbound_key, l.position
    FROM jsonb_each(?1) AS kept
    CROSS JOIN inbound_lines AS l ON l.location_key = kept.value ->> 0 AND l.inbound_key = kept.value ->> 1
    WHERE l.position >= kept.value ->> 2
)";

/// Receipts as rows of ?1.
pub(super) const INSERT_RECEIPTS: &str = "-- insert_receipts
INSERT INTO receipts (location_key, receipt_id, content, answer)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?1)";

/// Adjustments as rows of ?1.
pub(super) const INSERT_ADJUSTMENTS: &str = "-- insert_adjustments
INSERT INTO adjustments (location_key, adjustment_id, sku_key, delta, content, answer)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?1)";

/// Events as `[location_key, event_sequence, at_us, order_id, first byte, bytes]` of ?1; their payloads lie end to end in
/// ?2. Cutting them from there takes half the time of payloads inside the array.
pub(super) const INSERT_EVENTS: &str = "-- insert_events
INSERT INTO events (location_key, event_sequence, at_us, order_id, payload)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, CAST(substr(?2, value ->> 4, value ->> 5) AS TEXT)
FROM jsonb_each(?1)";

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const ALL: [&str; 41] = [
    BEGIN_IMMEDIATE,
    BEGIN,
    COMMIT,
    ROLLBACK,
    LOAD_CATALOG_KEYS,
    LOAD_LOCATIONS,
    LOAD_LOCATION_KEYS,
    LOAD_CONFIGS,
    LOAD_STOCK,
    LOAD_STOCK_BY_KEY,
    LOAD_ITEMS_EVERYWHERE,
    LOAD_ITEMS_BY_KEY,
    LOAD_ORDERS_BY_ID,
    LOAD_ORDERS_BY_PLACE,
    LOAD_DUE,
    LOAD_LINES,
    LOAD_CANCELLATIONS,
    LOAD_RECEIPTS,
    LOAD_ADJUSTMENTS,
    LOAD_INBOUNDS,
    LOAD_INBOUND_LINES,
    LOAD_QUEUE_HEADS,
    LOAD_OPEN_INBOUNDS,
    LOAD_HOLDERS,
    LOAD_UNITS_AHEAD,
    PUT_LOCATIONS,
    PUT_NUMBERS,
    PUT_ITEMS,
    PUT_STOCK,
    INSERT_DIRECTORY,
    INSERT_ORDERS,
    UPDATE_ORDERS,
    INSERT_LINES,
    UPDATE_LINES,
    INSERT_CANCELLATIONS,
    PUT_INBOUNDS,
    PUT_INBOUND_LINES,
    CUT_INBOUND_LINES,
    INSERT_RECEIPTS,
    INSERT_ADJUSTMENTS,
    INSERT_EVENTS,
];
