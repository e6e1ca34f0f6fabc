//! The texts of the statements behind estimates: what is at risk, and what is to be estimated anew.

use super::super::tables::columns::stock_columns;
use super::lists::list_orders;

/// A walk of what is at risk, however many orders are not.
pub(super) const LIST_ORDERS_AT_RISK: &str = list_orders!(
    "list_orders_at_risk",
    "o.at_risk = 1 AND ((1::bigint << o.state::integer) & k.states) <> 0"
);

/// A day that began later than clocks may be apart was begun by one that was wrong.
pub(super) const LIST_PENDING_ESTIMATES: &str = "-- list_pending_estimates
SELECT k.at - 1, p.location_id, p.sku
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (now_us, row_limit, begun_max_us, at)
CROSS JOIN LATERAL (
    (
        SELECT l.location_id, NULL::text AS sku
        FROM locations AS l
        LEFT JOIN estimated_days AS d ON d.location_key = l.location_key
        WHERE d.location_key IS NULL OR d.pending_walk IS NOT NULL OR d.next_at_us <= k.now_us
            OR d.begun_at_us > k.begun_max_us
        LIMIT k.row_limit
    )
    UNION ALL
    (
        SELECT l.location_id, i.sku
        FROM stock AS s
        JOIN locations AS l ON l.location_key = s.location_key
        JOIN items AS i ON i.sku_key = s.sku_key
        WHERE s.pending_estimate IS NOT NULL
        LIMIT k.row_limit
    )
) AS p";

pub(super) const LOAD_DAYS: &str = "-- load_days
SELECT k.at - 1, d.location_key, d.begun_at_us, d.next_at_us, d.pending_walk
FROM unnest($1::bigint[]) WITH ORDINALITY AS k (location_key, at)
JOIN estimated_days AS d ON d.location_key = k.location_key";

/// The cost is the lines asked for and not the queue.
pub(super) const LOAD_WAITING_LINES: &str = "-- load_waiting_lines
SELECT k.at - 1, q.sequence, q.line_number, q.lacking, q.is_late, o.promised_ship_date
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    WITH ORDINALITY AS k (location_key, sku_key, sequence, line_number, lines, at)
CROSS JOIN LATERAL (
    SELECT location_key, sequence, line_number, lacking, is_late
    FROM order_lines
    WHERE location_key = k.location_key AND sku_key = k.sku_key AND lacking > 0
        AND (sequence, line_number) > (k.sequence, k.line_number)
    ORDER BY location_key, sku_key, sequence, line_number
    LIMIT k.lines
) AS q
CROSS JOIN LATERAL (
    SELECT promised_ship_date FROM orders WHERE location_key = q.location_key AND sequence = q.sequence OFFSET 0
) AS o
ORDER BY k.at, q.sequence, q.line_number";

pub(super) const LOAD_WAITING_ORDERS: &str = "-- load_waiting_orders
SELECT k.at - 1, o.location_key, o.sequence, o.order_id, o.promised_ship_date, o.lacking, o.at_risk
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k (location_key, sequence, at)
CROSS JOIN LATERAL (
    SELECT * FROM orders WHERE location_key = k.location_key AND sequence = k.sequence OFFSET 0
) AS o";

pub(super) const LOAD_LACKING_LINES: &str = "-- load_lacking_lines
SELECT k.at - 1, l.location_key, l.sequence, l.line_number, l.sku_key, l.is_late
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k (location_key, sequence, at)
CROSS JOIN LATERAL (
    SELECT * FROM order_lines WHERE location_key = k.location_key AND sequence = k.sequence AND lacking > 0 OFFSET 0
) AS l
ORDER BY k.at, l.line_number";

pub(super) const LOAD_STOCK_PAGE: &str = concat!(
    "-- load_stock_page\nSELECT k.at - 1, s.location_key, ",
    stock_columns!(),
    ", i.sku
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (location_key, after, row_limit, at)
CROSS JOIN LATERAL (
    SELECT * FROM stock WHERE location_key = k.location_key AND sku_key > k.after
    ORDER BY location_key, sku_key LIMIT k.row_limit
) AS s
JOIN items AS i ON i.sku_key = s.sku_key
ORDER BY k.at, s.sku_key"
);
