//! The texts of the statements that find rows. Each takes one array for each column, which it unpacks into numbered
//! rows, and finds rows for each of them in a subquery that no plan turns around: its cost is that of the rows named,
//! however a plan was made. The first column is the position of what found the row.

use super::super::tables::Load;
use super::super::tables::columns::{line_columns, order_columns, stock_columns};
use super::estimates;
use super::lists::{
    DELETE_EVENTS, FIND_HORIZONS, FIND_LAST_EVENT, LIST_BACKLOG, LIST_CONSUMERS, LIST_EVENTS, LIST_INBOUND_LINES,
    LIST_INBOUNDS, LIST_ITEMS, LIST_LAPSED_LOCATIONS, LIST_LOCATIONS, LIST_LOGS, LIST_OPEN_ORDERS, LIST_ORDERS,
    LIST_PENDING_REFILLS, LIST_STOCK, PUT_CONSUMERS, PUT_HORIZON,
};

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

/// What is given, as numbered rows `k` of some columns.
macro_rules! given {
    (texts $columns:literal) => {
        concat!("FROM unnest($1::text[]) WITH ORDINALITY AS k (", $columns, ", at)\n")
    };
    (ints $columns:literal) => {
        concat!("FROM unnest($1::bigint[]) WITH ORDINALITY AS k (", $columns, ", at)\n")
    };
    (pairs $columns:literal) => {
        concat!(
            "FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS k (",
            $columns,
            ", at)\n"
        )
    };
    (named $columns:literal) => {
        concat!(
            "FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS k (",
            $columns,
            ", at)\n"
        )
    };
}

pub(super) use given;

const LOAD_CATALOG_KEYS: &str = "-- load_catalog_keys
SELECT 0::bigint,
    coalesce((SELECT max(location_key) FROM locations), 0) + 1,
    coalesce((SELECT max(sku_key) FROM items), 0) + 1";

macro_rules! location_columns {
    () => {
        "SELECT 0::bigint, l.location_key, l.location_id, l.config_version, n.next_order, n.next_event, n.next_inbound, \
         n.revision\nFROM locations AS l JOIN location_numbers AS n ON n.location_key = l.location_key\n"
    };
}

/// Locks locations by ids $1 or keys $2, in the order of their ids.
pub(super) const LOCK_LOCATIONS: &str = concat!(
    "-- lock_locations\n",
    location_columns!(),
    "WHERE l.location_id = ANY ($1::text[]) OR l.location_key = ANY ($2::bigint[])
ORDER BY l.location_id
FOR UPDATE OF n"
);

/// Locks locations beside those that are locked already, or fails: to wait for them out of order could end in a circle.
pub(super) const LOCK_MORE_LOCATIONS: &str = concat!(
    "-- lock_more_locations\n",
    location_columns!(),
    "WHERE l.location_id = ANY ($1::text[]) OR l.location_key = ANY ($2::bigint[])
ORDER BY l.location_id
FOR UPDATE OF n NOWAIT"
);

/// Locks the catalog, before all locations: where there is no location yet, two rounds would give one key twice.
pub(super) const LOCK_CATALOG: &str = "-- lock_catalog
SELECT singleton FROM meta FOR UPDATE";

/// Locks every location, in the order of their ids.
pub(super) const LOCK_ALL_LOCATIONS: &str = concat!(
    "-- lock_all_locations\n",
    location_columns!(),
    "ORDER BY l.location_id\nFOR UPDATE OF n"
);

/// Looks at locations by ids $1 or keys $2.
pub(super) const LOAD_LOCATIONS: &str = concat!(
    "-- load_locations\n",
    location_columns!(),
    "WHERE l.location_id = ANY ($1::text[]) OR l.location_key = ANY ($2::bigint[])
ORDER BY l.location_id"
);

/// Looks at every location.
pub(super) const LOAD_ALL_LOCATIONS: &str =
    concat!("-- load_all_locations\n", location_columns!(), "ORDER BY l.location_id");

const LOAD_CONFIGS: &str = concat!(
    "-- load_configs\nSELECT k.at - 1, l.location_key, l.location_id, l.config_version, l.config\n",
    given!(ints "location_key"),
    "JOIN locations AS l ON l.location_key = k.location_key"
);

const LOAD_CALENDARS: &str = concat!(
    "-- load_calendars\nSELECT k.at - 1, c.location_key, c.calendar_version, c.calendar\n",
    given!(pairs "location_key, calendar_version"),
    "CROSS JOIN LATERAL (
    SELECT * FROM location_calendars
    WHERE location_key = k.location_key AND calendar_version = k.calendar_version OFFSET 0
) AS c"
);

const LOAD_STOCK: &str = concat!(
    "-- load_stock\nSELECT k.at - 1, ",
    stock_columns!(),
    "\n",
    given!(named "location_key, sku"),
    "CROSS JOIN LATERAL (SELECT * FROM items WHERE sku = k.sku OFFSET 0) AS i
LEFT JOIN LATERAL (
    SELECT * FROM stock WHERE location_key = k.location_key AND sku_key = i.sku_key OFFSET 0
) AS s ON true"
);

const LOAD_STOCK_BY_KEY: &str = concat!(
    "-- load_stock_by_key
SELECT k.at - 1, s.location_key, s.sku_key, s.on_hand, s.allocated, s.backlog, s.pending_refill, s.late_lines,
    s.pending_estimate\n",
    given!(pairs "location_key, sku_key"),
    "CROSS JOIN LATERAL (
    SELECT * FROM stock WHERE location_key = k.location_key AND sku_key = k.sku_key OFFSET 0
) AS s"
);

const LOAD_ITEMS_EVERYWHERE: &str = concat!(
    "-- load_items_everywhere\nSELECT k.at - 1, s.location_key, ",
    stock_columns!(),
    "\n",
    given!(texts "sku"),
    "CROSS JOIN LATERAL (SELECT * FROM items WHERE sku = k.sku OFFSET 0) AS i
LEFT JOIN LATERAL (SELECT * FROM stock WHERE sku_key = i.sku_key OFFSET 0) AS s ON true
ORDER BY k.at, s.location_key"
);

const LOAD_ITEMS_BY_KEY: &str = concat!(
    "-- load_items_by_key
SELECT k.at - 1, i.sku_key, i.sku, i.display_name, i.backorderable, i.lead_time_days, i.max_backlog, i.safety_stock\n",
    given!(ints "sku_key"),
    "CROSS JOIN LATERAL (SELECT * FROM items WHERE sku_key = k.sku_key OFFSET 0) AS i"
);

const LOAD_PLACES: &str = concat!(
    "-- load_places\nSELECT k.at - 1, d.location_key, d.sequence\n",
    given!(texts "order_id"),
    "CROSS JOIN LATERAL (SELECT * FROM order_directory WHERE order_id = k.order_id OFFSET 0) AS d"
);

const LOAD_ORDERS: &str = concat!(
    "-- load_orders\nSELECT k.at - 1, ",
    order_columns!(),
    "\n",
    given!(pairs "location_key, sequence"),
    "CROSS JOIN LATERAL (
    SELECT * FROM orders WHERE location_key = k.location_key AND sequence = k.sequence OFFSET 0
) AS o"
);

const LOAD_LINES: &str = concat!(
    "-- load_lines\nSELECT k.at - 1, ",
    line_columns!(),
    "\n",
    given!(pairs "location_key, sequence"),
    "CROSS JOIN LATERAL (
    SELECT * FROM order_lines WHERE location_key = k.location_key AND sequence = k.sequence OFFSET 0
) AS l
ORDER BY k.at, l.line_number"
);

const LOAD_DUE: &str = "-- load_due
SELECT k.at - 1, o.location_key, o.sequence, o.payment_deadline_us
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (location_key, now_us, most, at)
CROSS JOIN LATERAL (
    SELECT location_key, sequence, payment_deadline_us FROM orders
    WHERE location_key = k.location_key AND state = 1 AND payment_deadline_us <= k.now_us
    ORDER BY location_key, payment_deadline_us, sequence
    LIMIT k.most
) AS o";

const LOAD_CANCELLATIONS: &str = concat!(
    "-- load_cancellations
SELECT k.at - 1, c.location_key, c.sequence, c.request_id, c.content, c.cancelled, c.completes, c.refund_units, c.refund_nanos\n",
    given!(pairs "location_key, sequence"),
    "CROSS JOIN LATERAL (
    SELECT * FROM cancellations WHERE location_key = k.location_key AND sequence = k.sequence OFFSET 0
) AS c"
);

const LOAD_RECEIPTS: &str = concat!(
    "-- load_receipts\nSELECT k.at - 1, r.location_key, r.receipt_id, r.content, r.answer\n",
    given!(named "location_key, receipt_id"),
    "CROSS JOIN LATERAL (
    SELECT * FROM receipts WHERE location_key = k.location_key AND receipt_id = k.receipt_id OFFSET 0
) AS r"
);

const LOAD_ADJUSTMENTS: &str = concat!(
    "-- load_adjustments\nSELECT k.at - 1, a.location_key, a.adjustment_id, a.delta, a.content, a.answer\n",
    given!(named "location_key, adjustment_id"),
    "CROSS JOIN LATERAL (
    SELECT * FROM adjustments WHERE location_key = k.location_key AND adjustment_id = k.adjustment_id OFFSET 0
) AS a"
);

const LOAD_INBOUNDS: &str = concat!(
    "-- load_inbounds\nSELECT k.at - 1, b.location_key, b.inbound_key, b.inbound_id, b.expected_date, b.state\n",
    given!(named "location_key, inbound_id"),
    "CROSS JOIN LATERAL (
    SELECT * FROM inbounds WHERE location_key = k.location_key AND inbound_id = k.inbound_id OFFSET 0
) AS b"
);

const LOAD_INBOUND_LINES: &str = concat!(
    "-- load_inbound_lines
SELECT k.at - 1, l.location_key, l.inbound_key, l.position, l.sku_key, l.quantity, l.received\n",
    given!(pairs "location_key, inbound_key"),
    "CROSS JOIN LATERAL (
    SELECT * FROM inbound_lines WHERE location_key = k.location_key AND inbound_key = k.inbound_key OFFSET 0
) AS l
ORDER BY k.at, l.position"
);

/// The cost is the lines asked for and not the queue.
const LOAD_QUEUE_HEADS: &str = "-- load_queue_heads
SELECT k.at - 1, q.location_key, q.sequence, q.line_number
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (location_key, sku_key, lines, at)
CROSS JOIN LATERAL (
    SELECT location_key, sequence, line_number
    FROM order_lines
    WHERE location_key = k.location_key AND sku_key = k.sku_key AND lacking > 0
    ORDER BY location_key, sku_key, sequence, line_number
    LIMIT k.lines
) AS q
ORDER BY k.at, q.sequence, q.line_number";

const LOAD_OPEN_INBOUNDS: &str = concat!(
    "-- load_open_inbounds\nSELECT k.at - 1, l.location_key, l.sku_key, b.inbound_id, b.expected_date, l.open\n",
    given!(pairs "location_key, sku_key"),
    "CROSS JOIN LATERAL (
    SELECT * FROM inbound_lines WHERE location_key = k.location_key AND sku_key = k.sku_key AND open > 0 OFFSET 0
) AS l
CROSS JOIN LATERAL (
    SELECT * FROM inbounds WHERE location_key = l.location_key AND inbound_key = l.inbound_key OFFSET 0
) AS b
ORDER BY k.at, b.inbound_id"
);

const LOAD_HOLDERS: &str = concat!(
    "-- load_holders\nSELECT k.at - 1, o.location_key, o.sequence\n",
    given!(named "location_key, sku_keys"),
    "CROSS JOIN LATERAL (
    SELECT o.location_key, o.sequence
    FROM orders AS o
    WHERE o.location_key = k.location_key AND o.state <= 3 AND EXISTS (
        SELECT 1 FROM order_lines AS l
        WHERE l.location_key = o.location_key AND l.sequence = o.sequence
            AND l.quantity - l.cancelled - l.lacking > 0
            AND l.sku_key IN (SELECT value::bigint FROM jsonb_array_elements_text(k.sku_keys::jsonb) AS named (value))
    )
    OFFSET 0
) AS o
ORDER BY o.location_key, o.sequence"
);

const LOAD_UNITS_AHEAD: &str = "-- load_units_ahead
SELECT k.at - 1, ahead.units, ahead.lines
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    WITH ORDINALITY AS k (location_key, sku_key, low_sequence, low_line, high_sequence, high_line, at)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(q.lacking), 0)::bigint AS units, count(*) AS lines
    FROM order_lines AS q
    WHERE q.location_key = k.location_key AND q.sku_key = k.sku_key AND q.lacking > 0
        AND (q.sequence, q.line_number) >= (k.low_sequence, k.low_line)
        AND (q.sequence, q.line_number) < (k.high_sequence, k.high_line)
) AS ahead
ORDER BY k.at";

/// The texts beside those of [`text`].
pub(super) const OTHERS: [&str; 6] = [
    LOCK_CATALOG,
    LOCK_LOCATIONS,
    LOCK_MORE_LOCATIONS,
    LOCK_ALL_LOCATIONS,
    LOAD_LOCATIONS,
    LOAD_ALL_LOCATIONS,
];
