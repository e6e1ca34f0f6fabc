-- The rows that a round writes, as it gives them: an array of rows is unpacked for less than an array for each column.
-- Their columns are those of `src/store/tables/statements.rs`, in its order and in the widest type of their kind.

CREATE TYPE round_numbers AS (location_key BIGINT, next_order BIGINT, next_event BIGINT, next_inbound BIGINT);

CREATE TYPE round_stock AS (
    location_key BIGINT, sku_key BIGINT, on_hand BIGINT, allocated BIGINT, backlog BIGINT, pending_refill TEXT,
    late_lines BIGINT, pending_estimate TEXT
);

CREATE TYPE round_directory AS (order_id TEXT, location_key BIGINT, sequence BIGINT);

CREATE TYPE round_new_orders AS (
    location_key BIGINT, sequence BIGINT, order_id TEXT, state BIGINT, lacking BIGINT, placed_at_us BIGINT,
    promised_ship_date DATE, calendar_version BIGINT, event_sequence BIGINT, currency TEXT, terms TEXT,
    released_at_us BIGINT, ship_by_date DATE, shipped_at_us BIGINT, cancelled_at_us BIGINT, shipment TEXT,
    payment_deadline_us BIGINT, confirmed_at_us BIGINT, at_risk BIGINT, zone_database TEXT
);

CREATE TYPE round_orders AS (
    location_key BIGINT, sequence BIGINT, state BIGINT, lacking BIGINT, event_sequence BIGINT, released_at_us BIGINT,
    ship_by_date DATE, shipped_at_us BIGINT, cancelled_at_us BIGINT, shipment TEXT, confirmed_at_us BIGINT,
    at_risk BIGINT
);

CREATE TYPE round_new_lines AS (
    location_key BIGINT, sequence BIGINT, line_number BIGINT, sku_key BIGINT, quantity BIGINT, cancelled BIGINT,
    lacking BIGINT, ready_date DATE, promised_ship_date DATE, price_units BIGINT, price_nanos BIGINT,
    refunded_units BIGINT, refunded_nanos BIGINT, basis TEXT, is_late BIGINT
);

CREATE TYPE round_lines AS (
    location_key BIGINT, sequence BIGINT, line_number BIGINT, cancelled BIGINT, lacking BIGINT, refunded_units BIGINT,
    refunded_nanos BIGINT, is_late BIGINT
);

CREATE TYPE round_events AS (
    location_key BIGINT, event_sequence BIGINT, at_us BIGINT, order_id TEXT, payload TEXT
);
