//! What must hold of the stored rows, each as a query that must find nothing (`PROMISES.md`).

/// One invariant.
pub(super) struct Invariant {
    /// Its name.
    pub(super) name: &'static str,
    /// What holds, in words.
    pub(super) description: &'static str,
    /// Finds rows that break it at location ?1, or at all when that is NULL: each in words, with their number. At most
    /// ?2 of them.
    pub(super) broken: &'static str,
    /// Counts the rows that it is about.
    pub(super) checked: &'static str,
}

pub(super) const COUNT_STOCK: &str = "-- count_stock
SELECT count(*) FROM stock WHERE ?1 IS NULL OR location_key = ?1";

pub(super) const COUNT_ORDERS: &str = "-- count_orders
SELECT count(*) FROM orders WHERE ?1 IS NULL OR location_key = ?1";

pub(super) const COUNT_LINES: &str = "-- count_lines
SELECT count(*) FROM order_lines WHERE ?1 IS NULL OR location_key = ?1";

pub(super) const COUNT_EVENTS: &str = "-- count_events
SELECT count(*) FROM events WHERE ?1 IS NULL OR location_key = ?1";

pub(super) const COUNT_INBOUND_LINES: &str = "-- count_inbound_lines
SELECT count(*) FROM inbound_lines WHERE ?1 IS NULL OR location_key = ?1";

pub(super) const FIND_LOCATION_KEY: &str = "-- find_location_key
SELECT location_key FROM locations WHERE location_id = ?1";

/// Wraps a query of one column, the words, into one that counts and cuts.
macro_rules! broken {
    ($name:literal, $query:literal) => {
        concat!(
            "-- ",
            $name,
            "\nWITH broken (what) AS (",
            $query,
            ")\nSELECT what, count(*) OVER () FROM broken LIMIT ?2"
        )
    };
}

/// Every invariant, in the order to check them.
pub(super) const ALL: [Invariant; 16] = [
    Invariant {
        name: "on_hand_adds_up",
        description: "units on hand are what was received and adjusted, less what left",
        broken: broken!(
            "on_hand_adds_up",
            "WITH moved (location_key, sku_key, units) AS (
                SELECT r.location_key, i.sku_key, l.value ->> 'quantity'
                FROM receipts AS r, json_each(r.content, '$.lines') AS l JOIN items AS i ON i.sku = l.value ->> 'sku'
                WHERE ?1 IS NULL OR r.location_key = ?1
                UNION ALL
                SELECT location_key, sku_key, delta FROM adjustments WHERE ?1 IS NULL OR location_key = ?1
                UNION ALL
                SELECT o.location_key, l.sku_key, l.cancelled - l.quantity
                FROM orders AS o CROSS JOIN order_lines AS l USING (location_key, sequence)
                WHERE (?1 IS NULL OR o.location_key = ?1) AND o.state = 4
                UNION ALL
                SELECT o.location_key, l.sku_key, -(p.value ->> 'quantity')
                FROM orders AS o CROSS JOIN cancellations AS c USING (location_key, sequence)
                CROSS JOIN json_each(c.cancelled) AS p CROSS JOIN order_lines AS l ON l.location_key = o.location_key AND l.sequence = o.sequence
                    AND l.line_number = p.value ->> 'line_number'
                WHERE (?1 IS NULL OR o.location_key = ?1) AND o.state = 5 AND c.completes = 1 AND o.shipment ->> '$.parcels' IS NOT NULL
                UNION ALL
                SELECT location_key, sku_key, 0 FROM stock WHERE ?1 IS NULL OR location_key = ?1
            ),
            sums AS (SELECT location_key, sku_key, sum(units) AS units FROM moved GROUP BY location_key, sku_key)
            SELECT format('location %d, sku %d: %s on hand, %d moved', location_key, sku_key, coalesce(on_hand, 'no units'), units)
            FROM sums LEFT JOIN stock USING (location_key, sku_key)
            WHERE on_hand IS NULL AND units <> 0 OR on_hand <> units"
        ),
        checked: COUNT_STOCK,
    },
    Invariant {
        name: "allocated_within_supply",
        description: "no more units are allocated than are on hand beyond the safety stock",
        broken: broken!(
            "allocated_within_supply",
            "SELECT format('location %d, sku %d: %d allocated of %d on hand', location_key, sku_key, allocated, on_hand)
            FROM stock JOIN items USING (sku_key)
            WHERE (?1 IS NULL OR location_key = ?1) AND (allocated < 0 OR allocated > max(on_hand - safety_stock, 0))"
        ),
        checked: COUNT_STOCK,
    },
    Invariant {
        name: "counters_match_lines",
        description: "allocated, backlog and late lines are what lines of open orders hold, lack and say",
        broken: broken!(
            "counters_match_lines",
            "WITH sides (location_key, sku_key, allocated, held, backlog, lacking, late_lines, late) AS (
                SELECT location_key, sku_key, allocated, 0, backlog, 0, late_lines, 0 FROM stock WHERE ?1 IS NULL OR location_key = ?1
                UNION ALL
                SELECT l.location_key, l.sku_key, 0, l.quantity - l.cancelled - l.lacking, 0, l.lacking, 0, l.is_late
                FROM orders AS o CROSS JOIN order_lines AS l USING (location_key, sequence)
                WHERE (?1 IS NULL OR o.location_key = ?1) AND o.state <= 3
            )
            SELECT format('location %d, sku %d: counters %d and %d, lines %d and %d', location_key, sku_key,
                sum(allocated), sum(backlog), sum(held), sum(lacking))
            FROM sides GROUP BY location_key, sku_key
            HAVING sum(allocated) <> sum(held) OR sum(backlog) <> sum(lacking) OR sum(late_lines) <> sum(late)"
        ),
        checked: COUNT_LINES,
    },
    Invariant {
        name: "orders_lack_what_lines_lack",
        description: "an order lacks what its lines lack",
        broken: broken!(
            "orders_lack_what_lines_lack",
            "SELECT format('location %d, order %s: lacks %d', o.location_key, o.order_id, o.lacking)
            FROM orders AS o
            WHERE (?1 IS NULL OR o.location_key = ?1) AND o.lacking IS NOT (
                SELECT sum(l.lacking) FROM order_lines AS l WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            )"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "states_match_units",
        description: "what waits lacks a unit; what was released, shipped or cancelled lacks none; cancelled means nothing left",
        broken: broken!(
            "states_match_units",
            "SELECT format('location %d, order %s: state %d, lacks %d, %d left', location_key, order_id, state, lacking, rest)
            FROM (
                SELECT o.*, (
                    SELECT sum(l.quantity - l.cancelled) FROM order_lines AS l
                    WHERE l.location_key = o.location_key AND l.sequence = o.sequence
                ) AS rest
                FROM orders AS o WHERE ?1 IS NULL OR o.location_key = ?1
            )
            WHERE state = 2 AND lacking = 0 OR state >= 3 AND lacking <> 0 OR (state = 5) <> (rest = 0)"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "first_come_first_served",
        description: "no waiting line holds a unit while an older one of its SKU lacks one, unless a refill goes on",
        broken: broken!(
            "first_come_first_served",
            "WITH waiting AS (
                SELECT l.location_key, l.sku_key, l.sequence, l.line_number, l.lacking, l.quantity - l.cancelled - l.lacking AS held
                FROM orders AS o CROSS JOIN order_lines AS l USING (location_key, sequence)
                WHERE (?1 IS NULL OR o.location_key = ?1) AND o.state <= 2
            ),
            walked AS (
                SELECT *, sum(lacking) OVER (
                    PARTITION BY location_key, sku_key ORDER BY sequence, line_number
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS ahead
                FROM waiting
            )
            SELECT format('location %d, sku %d, order %d line %d: holds %d, %d lacking ahead', location_key, sku_key, sequence,
                line_number, held, ahead)
            FROM walked AS w
            WHERE held > 0 AND ahead > 0 AND NOT EXISTS (
                SELECT 1 FROM stock AS s
                WHERE s.location_key = w.location_key AND s.sku_key = w.sku_key AND s.pending_refill IS NOT NULL
            )"
        ),
        checked: COUNT_LINES,
    },
    Invariant {
        name: "no_idle_units",
        description: "no unit is free while a line lacks one, unless a refill goes on",
        broken: broken!(
            "no_idle_units",
            "SELECT format('location %d, sku %d: %d on hand, %d allocated, %d backlog, refill %s', location_key, sku_key, on_hand,
                allocated, backlog, coalesce(pending_refill, 'none'))
            FROM stock JOIN items USING (sku_key)
            WHERE (?1 IS NULL OR location_key = ?1)
                AND (backlog > 0 AND on_hand - safety_stock > allocated) <> (pending_refill IS NOT NULL)"
        ),
        checked: COUNT_STOCK,
    },
    Invariant {
        name: "refunds_match_cancellations",
        description: "lines refunded what cancellations refunded, never more than was paid, and all of it when nothing is left",
        broken: broken!(
            "refunds_match_cancellations",
            "WITH sides (location_key, sequence, line_units, line_nanos, request_units, request_nanos, wrong) AS (
                SELECT location_key, sequence, refunded_units, refunded_nanos, 0, 0,
                    (refunded_units, refunded_nanos) > (coalesce(price_units, 0), coalesce(price_nanos, 0))
                    OR cancelled = quantity
                        AND (refunded_units, refunded_nanos) IS NOT (coalesce(price_units, 0), coalesce(price_nanos, 0))
                FROM order_lines WHERE (?1 IS NULL OR location_key = ?1) AND cancelled > 0
                UNION ALL
                SELECT location_key, sequence, 0, 0, coalesce(refund_units, 0), coalesce(refund_nanos, 0), 0
                FROM cancellations WHERE ?1 IS NULL OR location_key = ?1
            ),
            sums AS (
                SELECT location_key, sequence, sum(wrong) AS wrong,
                    sum(line_units) + sum(line_nanos) / 1000000000 AS units, sum(line_nanos) % 1000000000 AS nanos,
                    sum(request_units) + sum(request_nanos) / 1000000000 AS asked_units,
                    sum(request_nanos) % 1000000000 AS asked_nanos
                FROM sides GROUP BY location_key, sequence
            )
            SELECT format('location %d, order %d: %d.%09d refunded on lines, %d.%09d by cancellations', location_key, sequence,
                units, nanos, asked_units, asked_nanos)
            FROM sums WHERE (units, nanos) <> (asked_units, asked_nanos) OR wrong > 0"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "cancelled_units_match_cancellations",
        description: "units cancelled of a line are what its order's cancellations say",
        broken: broken!(
            "cancelled_units_match_cancellations",
            "WITH sides (location_key, sequence, line_number, on_line, by_requests) AS (
                SELECT location_key, sequence, line_number, cancelled, 0
                FROM order_lines WHERE (?1 IS NULL OR location_key = ?1) AND cancelled > 0
                UNION ALL
                SELECT c.location_key, c.sequence, p.value ->> 'line_number', 0, p.value ->> 'quantity'
                FROM cancellations AS c, json_each(c.cancelled) AS p
                WHERE ?1 IS NULL OR c.location_key = ?1
            )
            SELECT format('location %d, order %d line %d: %d cancelled, %d asked', location_key, sequence, line_number,
                sum(on_line), sum(by_requests))
            FROM sides GROUP BY location_key, sequence, line_number HAVING sum(on_line) <> sum(by_requests)"
        ),
        checked: COUNT_LINES,
    },
    Invariant {
        name: "events_have_no_gaps",
        description: "a location's events are numbered without a gap from the oldest that is kept to the last that it gave out",
        broken: broken!(
            "events_have_no_gaps",
            "SELECT format('location %d: %d events from %d, last %d, next %d', location_key, counted, oldest, last, next_event)
            FROM (
                SELECT n.location_key, n.next_event, count(e.event_sequence) AS counted, coalesce(h.oldest_event, 1) AS oldest,
                    coalesce(max(e.event_sequence), 0) AS last, coalesce(min(e.event_sequence), 1) AS first
                FROM location_numbers AS n LEFT JOIN events AS e USING (location_key) LEFT JOIN log_horizons AS h USING (location_key)
                WHERE ?1 IS NULL OR n.location_key = ?1
                GROUP BY n.location_key
            )
            WHERE counted <> last - oldest + 1 OR first <> oldest OR next_event <> last + 1"
        ),
        checked: COUNT_EVENTS,
    },
    Invariant {
        name: "promises_match_events",
        description: "every order has one event that placed it, with its promised date and place, as far as events are kept",
        broken: broken!(
            "promises_match_events",
            "WITH kept (location_key, sequence) AS (
                SELECT h.location_key, coalesce(min(e.payload ->> '$.order_placed.sequence'), n.next_order)
                FROM log_horizons AS h JOIN location_numbers AS n USING (location_key)
                LEFT JOIN events AS e ON e.location_key = h.location_key AND e.payload ->> '$.order_placed' IS NOT NULL
                GROUP BY h.location_key
            ),
            sides (location_key, sequence, order_id, promised, stored) AS (
                SELECT o.location_key, o.sequence, o.order_id, o.promised_ship_date, 1
                FROM orders AS o LEFT JOIN kept AS k USING (location_key)
                WHERE (?1 IS NULL OR o.location_key = ?1) AND o.sequence >= coalesce(k.sequence, 1)
                UNION ALL
                SELECT location_key, payload ->> '$.order_placed.sequence', order_id,
                    payload ->> '$.order_placed.promised_ship_date', 0
                FROM events
                WHERE (?1 IS NULL OR location_key = ?1) AND payload >= '{\"order_placed\"' AND payload < '{\"order_placed#'
            )
            SELECT format('location %d, order %d: %d stored and %d events, promised %s and %s', location_key, sequence,
                sum(stored), sum(NOT stored), min(promised), max(promised))
            FROM sides GROUP BY location_key, sequence
            HAVING sum(stored) <> 1 OR count(*) <> 2 OR min(promised) <> max(promised) OR min(order_id) <> max(order_id)"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "states_match_events",
        description: "an order's state is what its last event says, if that is kept",
        broken: broken!(
            "states_match_events",
            "SELECT format('location %d, order %s: state %d, event %d %s', location_key, order_id, state, event_sequence,
                substr(payload, 1, 60))
            FROM (
                SELECT o.*, e.payload, h.oldest_event, (
                    SELECT j.key FROM json_each(e.payload) AS j LIMIT 1
                ) AS kind
                FROM orders AS o LEFT JOIN events AS e
                    ON e.location_key = o.location_key AND e.event_sequence = o.event_sequence AND e.order_id = o.order_id
                LEFT JOIN log_horizons AS h ON h.location_key = o.location_key
                WHERE ?1 IS NULL OR o.location_key = ?1
            )
            WHERE kind IS NULL AND event_sequence >= coalesce(oldest_event, 1) OR CASE kind
                WHEN 'order_placed' THEN state NOT IN (1, 2)
                WHEN 'order_confirmed' THEN state <> 2
                WHEN 'order_lapsed' THEN state <> 5
                WHEN 'order_released' THEN state <> 3
                WHEN 'release_revoked' THEN state <> 2
                WHEN 'release_acknowledged' THEN state <> 3
                WHEN 'order_shipped' THEN state <> 4
                WHEN 'order_cancelled' THEN state <> 5
                WHEN 'order_shipped_after_cancel' THEN state <> 5
                WHEN 'lines_cancelled' THEN state NOT IN (1, 2)
                WHEN 'promise_at_risk' THEN state > 3
                WHEN 'promise_recovered' THEN state > 3
                ELSE kind IS NOT NULL
            END"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "risk_matches_lines",
        description: "an order that lacks units is at risk while one of its lines is late; a line is late only while it lacks units",
        broken: broken!(
            "risk_matches_lines",
            "SELECT format('location %d, order %s: state %d, at risk %d, %d late lines', location_key, order_id, state, at_risk, late)
            FROM (
                SELECT o.*, (
                    SELECT count(*) FROM order_lines AS l
                    WHERE l.location_key = o.location_key AND l.sequence = o.sequence AND l.is_late = 1
                ) AS late, (
                    SELECT count(*) FROM order_lines AS l
                    WHERE l.location_key = o.location_key AND l.sequence = o.sequence AND l.is_late = 1 AND l.lacking = 0
                ) AS whole
                FROM orders AS o WHERE ?1 IS NULL OR o.location_key = ?1
            ) AS seen
            WHERE whole > 0 OR state > 3 AND at_risk = 1 OR lacking > 0 AND (at_risk = 1) <> (late > 0)"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "risk_matches_events",
        description: "an open order is at risk as its last event about that says, as far as events are kept",
        broken: broken!(
            "risk_matches_events",
            "WITH told AS (
                SELECT location_key, order_id, max(event_sequence) AS event_sequence, payload
                FROM events
                WHERE (?1 IS NULL OR location_key = ?1) AND payload >= '{\"promise_' AND payload < '{\"promise`'
                GROUP BY location_key, order_id
            )
            SELECT format('location %d, order %s: at risk %d, told %s', o.location_key, o.order_id, o.at_risk,
                coalesce(substr(t.payload, 3, 15), 'nothing'))
            FROM orders AS o LEFT JOIN told AS t ON t.location_key = o.location_key AND t.order_id = o.order_id
            LEFT JOIN log_horizons AS h ON h.location_key = o.location_key
            WHERE (?1 IS NULL OR o.location_key = ?1) AND o.state <= 3 AND CASE
                WHEN t.payload IS NULL THEN o.at_risk = 1 AND h.oldest_event IS NULL
                ELSE (o.at_risk = 1) <> (substr(t.payload, 1, 17) = '{\"promise_at_risk')
            END"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "directory_matches_orders",
        description: "each order's id stands in the directory once, for its place",
        broken: broken!(
            "directory_matches_orders",
            "WITH sides (location_key, sequence, order_id, stored) AS (
                SELECT location_key, sequence, order_id, 1 FROM orders WHERE ?1 IS NULL OR location_key = ?1
                UNION ALL
                SELECT location_key, sequence, order_id, 0 FROM order_directory WHERE ?1 IS NULL OR location_key = ?1
            )
            SELECT format('location %d, order %d: %s and %s', location_key, sequence, min(order_id), max(order_id))
            FROM sides GROUP BY location_key, sequence
            HAVING sum(stored) <> 1 OR count(*) <> 2 OR min(order_id) <> max(order_id)"
        ),
        checked: COUNT_ORDERS,
    },
    Invariant {
        name: "inbounds_add_up",
        description: "an inbound line is open for what has not come, until its inbound is closed",
        broken: broken!(
            "inbounds_add_up",
            "SELECT format('location %d, inbound %s line %d: %d of %d came, %d open, state %d', b.location_key, b.inbound_id, l.position,
                l.received, l.quantity, l.open, b.state)
            FROM inbounds AS b LEFT JOIN inbound_lines AS l USING (location_key, inbound_key)
            WHERE (?1 IS NULL OR b.location_key = ?1)
                AND (l.position IS NULL OR l.open <> iif(b.state = 3, 0, max(l.quantity - l.received, 0)) OR b.state = 2 AND l.open > 0)"
        ),
        checked: COUNT_INBOUND_LINES,
    },
];

/// Every statement, for the test that prepares them.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 6] = [
    COUNT_STOCK,
    COUNT_ORDERS,
    COUNT_LINES,
    COUNT_EVENTS,
    COUNT_INBOUND_LINES,
    FIND_LOCATION_KEY,
];
