//! The texts of the statements behind estimates: what is at risk, and what is to be estimated anew.

use super::super::tables::columns::stock_columns;

/// A walk of what is at risk, however many orders are not.
pub(super) const LIST_ORDERS_AT_RISK: &str = "-- list_orders_at_risk
SELECT o.sequence, o.order_id
FROM orders AS o INDEXED BY orders_at_risk
WHERE o.location_key = (SELECT location_key FROM locations WHERE location_id = ?1) AND o.sequence > ?2
    AND o.at_risk = 1 AND ((1 << o.state) & ?4) <> 0 AND (?6 IS NULL OR o.at_risk = ?6)
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.sku_key = (SELECT sku_key FROM items WHERE sku = ?5)
    ))
ORDER BY o.sequence
LIMIT ?3";

/// A day that began later than clocks may be apart was begun by one that was wrong.
pub(super) const LIST_PENDING_ESTIMATES: &str = "-- list_pending_estimates
SELECT * FROM (
    SELECT l.location_id, NULL
    FROM locations AS l
    LEFT JOIN estimated_days AS d ON d.location_key = l.location_key
    WHERE d.location_key IS NULL OR d.pending_walk IS NOT NULL OR d.next_at_us <= ?1
        OR d.begun_at_us > ?3
    LIMIT ?2
)
UNION ALL
SELECT * FROM (
    SELECT l.location_id, i.sku
    FROM stock AS s INDEXED BY stock_to_estimate
    CROSS JOIN locations AS l ON l.location_key = s.location_key
    CROSS JOIN items AS i ON i.sku_key = s.sku_key
    WHERE s.pending_estimate IS NOT NULL
    LIMIT ?2
)";

pub(super) const LOAD_DAYS: &str = "-- load_days
SELECT location_key, begun_at_us, next_at_us, pending_walk FROM estimated_days WHERE location_key = ?1";

/// The cost is the lines asked for and not the queue.
pub(super) const LOAD_WAITING_LINES: &str = "-- load_waiting_lines
SELECT q.sequence, q.line_number, q.lacking, q.is_late, o.promised_ship_date
FROM order_lines AS q INDEXED BY order_lines_queue
CROSS JOIN orders AS o ON o.location_key = q.location_key AND o.sequence = q.sequence
WHERE q.location_key = ?1 AND q.sku_key = ?2 AND q.lacking > 0 AND (q.sequence, q.line_number) > (?3, ?4)
ORDER BY q.sequence, q.line_number
LIMIT ?5";

pub(super) const LOAD_WAITING_ORDERS: &str = "-- load_waiting_orders
SELECT location_key, sequence, order_id, promised_ship_date, lacking, at_risk
FROM orders WHERE location_key = ?1 AND sequence = ?2";

pub(super) const LOAD_LACKING_LINES: &str = "-- load_lacking_lines
SELECT location_key, sequence, line_number, sku_key, is_late
FROM order_lines WHERE location_key = ?1 AND sequence = ?2 AND lacking > 0 ORDER BY line_number";

pub(super) const LOAD_STOCK_PAGE: &str = concat!(
    "-- load_stock_page
SELECT s.location_key, ",
    stock_columns!(),
    ", i.sku
FROM stock AS s
CROSS JOIN items AS i ON i.sku_key = s.sku_key
WHERE s.location_key = ?1 AND s.sku_key > ?2
ORDER BY s.sku_key
LIMIT ?3"
);
