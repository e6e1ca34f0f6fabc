//! The texts of the statements that list: each finds a page for what it is given, by a walk of an index.

use super::sql::given;

macro_rules! list_orders {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- ",
            $name,
            "
SELECT k.at - 1, o.sequence, o.order_id
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
    WITH ORDINALITY AS k (location_id, after, row_limit, states, sku, at_risk, at)
CROSS JOIN LATERAL (
    SELECT o.sequence, o.order_id
    FROM orders AS o
    WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = k.location_id) AND o.sequence > k.after
        AND ",
            $condition,
            "
        AND (k.at_risk IS NULL OR o.at_risk = k.at_risk)
        AND (k.sku IS NULL OR EXISTS (
            SELECT 1 FROM order_lines AS l
            WHERE l.location_key = o.location_key AND l.sequence = o.sequence
                AND l.sku_key = (SELECT sku_key FROM items WHERE sku = k.sku)
        ))
    ORDER BY o.sequence
    LIMIT k.row_limit
) AS o
ORDER BY k.at, o.sequence"
        )
    };
}

pub(super) use list_orders;

pub(super) const LIST_ORDERS: &str = list_orders!("list_orders", "((1::bigint << o.state::integer) & k.states) <> 0");

/// A walk of the open orders' index, so that what shipped costs nothing.
pub(super) const LIST_OPEN_ORDERS: &str = list_orders!("list_open_orders", "o.state = k.states AND o.state <= 3");

/// Each line with what it lacks, and with what those up to the place before the page lack.
pub(super) const LIST_BACKLOG: &str = "-- list_backlog
SELECT k.at - 1, q.sequence, q.line_number, o.order_id, q.lacking, ahead.units
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    WITH ORDINALITY AS k (location_id, sku, sequence, line_number, row_limit, at)
CROSS JOIN LATERAL (SELECT * FROM locations WHERE location_id = k.location_id OFFSET 0) AS p
CROSS JOIN LATERAL (SELECT * FROM items WHERE sku = k.sku OFFSET 0) AS i
CROSS JOIN LATERAL (
    SELECT coalesce(sum(b.lacking), 0)::bigint AS units
    FROM order_lines AS b
    WHERE b.location_key = p.location_key AND b.sku_key = i.sku_key AND b.lacking > 0
        AND (b.sequence, b.line_number) <= (k.sequence, k.line_number)
) AS ahead
CROSS JOIN LATERAL (
    SELECT location_key, sequence, line_number, lacking
    FROM order_lines
    WHERE location_key = p.location_key AND sku_key = i.sku_key AND lacking > 0
        AND (sequence, line_number) > (k.sequence, k.line_number)
    ORDER BY location_key, sku_key, sequence, line_number
    LIMIT k.row_limit
) AS q
JOIN orders AS o ON o.location_key = q.location_key AND o.sequence = q.sequence
ORDER BY k.at, q.sequence, q.line_number";

pub(super) const LIST_STOCK: &str = "-- list_stock
SELECT k.at - 1, i.sku
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS k (location_id, after, row_limit, wanting, at)
CROSS JOIN LATERAL (
    SELECT i.sku
    FROM items AS i
    JOIN stock AS s ON s.sku_key = i.sku_key
    WHERE i.sku > k.after AND s.location_key = (SELECT location_key FROM locations WHERE location_id = k.location_id)
        AND (k.wanting = 0 OR s.backlog > 0)
    ORDER BY i.sku
    LIMIT k.row_limit
) AS i
ORDER BY k.at, i.sku";

pub(super) const LIST_INBOUNDS: &str = "-- list_inbounds
SELECT k.at - 1, b.location_key, b.inbound_key, b.inbound_id, b.expected_date, b.state
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[])
    WITH ORDINALITY AS k (location_id, after, row_limit, state, sku, at)
CROSS JOIN LATERAL (
    SELECT b.*
    FROM inbounds AS b
    WHERE b.location_key = (SELECT location_key FROM locations WHERE location_id = k.location_id) AND b.inbound_id > k.after
        AND (k.state IS NULL OR b.state = k.state)
        AND (k.sku IS NULL OR EXISTS (
            SELECT 1 FROM inbound_lines AS l
            WHERE l.location_key = b.location_key AND l.inbound_key = b.inbound_key
                AND l.sku_key = (SELECT sku_key FROM items WHERE sku = k.sku)
        ))
    ORDER BY b.inbound_id
    LIMIT k.row_limit
) AS b
ORDER BY k.at, b.inbound_id";

pub(super) const LIST_INBOUND_LINES: &str = concat!(
    "-- list_inbound_lines
SELECT k.at - 1, l.location_key, l.inbound_key, l.position, i.sku, l.quantity, l.received\n",
    given!(pairs "location_key, inbound_key"),
    "CROSS JOIN LATERAL (
    SELECT * FROM inbound_lines WHERE location_key = k.location_key AND inbound_key = k.inbound_key OFFSET 0
) AS l
CROSS JOIN LATERAL (SELECT * FROM items WHERE sku_key = l.sku_key OFFSET 0) AS i
ORDER BY k.at, l.position"
);

pub(super) const LIST_LOCATIONS: &str = "-- list_locations
SELECT k.at - 1, l.location_key, l.location_id, l.config
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (after, row_limit, at)
CROSS JOIN LATERAL (
    SELECT * FROM locations WHERE location_id > k.after ORDER BY location_id LIMIT k.row_limit
) AS l
ORDER BY k.at, l.location_id";

pub(super) const LIST_ITEMS: &str = "-- list_items
SELECT k.at - 1, i.sku_key, i.sku, i.display_name, i.backorderable, i.lead_time_days, i.max_backlog, i.safety_stock
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS k (after, row_limit, at)
CROSS JOIN LATERAL (SELECT * FROM items WHERE sku > k.after ORDER BY sku LIMIT k.row_limit) AS i
ORDER BY k.at, i.sku";

pub(super) const LIST_EVENTS: &str = "-- list_events
SELECT k.at - 1, e.event_sequence, e.at_us, e.order_id, e.payload
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (location_key, after, row_limit, at)
CROSS JOIN LATERAL (
    SELECT * FROM events
    WHERE location_key = k.location_key AND event_sequence > k.after
    ORDER BY location_key, event_sequence
    LIMIT k.row_limit
) AS e
ORDER BY k.at, e.event_sequence";

pub(super) const FIND_LAST_EVENT: &str = concat!(
    "-- find_last_event\nSELECT k.at - 1, l.location_key, n.next_event\n",
    given!(texts "location_id"),
    "JOIN locations AS l ON l.location_id = k.location_id
JOIN location_numbers AS n ON n.location_key = l.location_key"
);

pub(super) const LIST_PENDING_REFILLS: &str = "-- list_pending_refills
SELECT 0::bigint, l.location_id, i.sku
FROM stock AS s
JOIN locations AS l ON l.location_key = s.location_key
JOIN items AS i ON i.sku_key = s.sku_key
WHERE s.pending_refill IS NOT NULL
ORDER BY l.location_id, i.sku";

pub(super) const LIST_LAPSED_LOCATIONS: &str = concat!(
    "-- list_lapsed_locations\nSELECT k.at - 1, l.location_id\n",
    given!(ints "now_us"),
    "CROSS JOIN locations AS l
WHERE EXISTS (
    SELECT 1 FROM orders AS o
    WHERE o.location_key = l.location_key AND o.state = 1 AND o.payment_deadline_us <= k.now_us
)
ORDER BY l.location_id"
);

pub(super) const LIST_LOGS: &str = "-- list_logs
SELECT 0::bigint, l.location_id, n.next_event,
    (SELECT min(e.event_sequence) FROM events AS e WHERE e.location_key = n.location_key)
FROM location_numbers AS n JOIN locations AS l ON l.location_key = n.location_key
ORDER BY n.location_key";

pub(super) const FIND_HORIZONS: &str = "-- find_horizons
SELECT k.at - 1, n.location_key, (
    SELECT least(coalesce(min(CASE WHEN o.at_us >= k.before THEN o.event_sequence END), max(o.event_sequence)), coalesce((
        SELECT min(c.acknowledged_event) + 1 FROM consumers AS c
        WHERE c.location_key = n.location_key AND c.acknowledged_at_us >= k.heard_since
    ), n.next_event))
    FROM (
        SELECT e.event_sequence, e.at_us FROM events AS e
        WHERE e.location_key = n.location_key ORDER BY e.location_key, e.event_sequence LIMIT k.most
    ) AS o
)
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (before, most, heard_since, at)
CROSS JOIN location_numbers AS n
ORDER BY n.location_key";

pub(super) const PUT_CONSUMERS: &str = "-- put_consumers
INSERT INTO consumers AS c (location_key, consumer_id, acknowledged_event, acknowledged_at_us)
SELECT l.location_key, k.consumer_id, k.event, k.at_us
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS k (location_id, consumer_id, event, at_us, at)
JOIN locations AS l ON l.location_id = k.location_id
ORDER BY l.location_key
ON CONFLICT (location_key, consumer_id) DO UPDATE SET
    acknowledged_event = greatest(c.acknowledged_event, excluded.acknowledged_event),
    acknowledged_at_us = greatest(c.acknowledged_at_us, excluded.acknowledged_at_us)
RETURNING 0::bigint, acknowledged_event";

pub(super) const LIST_CONSUMERS: &str = "-- list_consumers
SELECT 0::bigint, c.consumer_id, l.location_id, c.acknowledged_event, c.acknowledged_at_us, n.next_event, (
    SELECT e.at_us FROM events AS e
    WHERE e.location_key = c.location_key AND e.event_sequence > c.acknowledged_event
    ORDER BY e.location_key, e.event_sequence LIMIT 1
)
FROM consumers AS c
JOIN locations AS l ON l.location_key = c.location_key
JOIN location_numbers AS n ON n.location_key = c.location_key
ORDER BY c.location_key, c.consumer_id";

pub(super) const PUT_HORIZON: &str = concat!(
    "-- put_horizon
INSERT INTO log_horizons AS h (location_key, oldest_event)
SELECT k.location_key, k.oldest_event\n",
    given!(pairs "location_key, oldest_event"),
    "ON CONFLICT (location_key) DO UPDATE SET oldest_event = excluded.oldest_event
WHERE excluded.oldest_event > h.oldest_event
RETURNING 0::bigint, location_key"
);

pub(super) const DELETE_EVENTS: &str = concat!(
    "-- delete_events
WITH k AS (SELECT *\n",
    given!(pairs "location_key, oldest_event"),
    ")
DELETE FROM events AS e USING k
WHERE e.location_key = k.location_key AND e.event_sequence < k.oldest_event
RETURNING k.at - 1, e.event_sequence"
);
