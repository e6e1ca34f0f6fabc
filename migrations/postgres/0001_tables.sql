-- Every table of a Holdfast database, as on SQLite: the same names, columns and constraints in the same order.
--
-- Texts are stored once, at the edge (locations, items, order_directory, inbounds, receipts, adjustments); every other
-- row names them by integer keys. Hot tables have no foreign keys: the auditor checks what they would.
-- Instants are microseconds since 1970 in UTC (`_at_us`), civil dates are dates (`_date`). Texts compare as bytes, as they
-- do on SQLite. JSON is text, for JSONB would not give back what was written byte for byte.
--
-- Every unique key holds `location_key`, so that the tables can be partitioned or distributed by it. The exceptions are
-- what says which location it is (locations, order_directory) and what every location reads (items, meta).

CREATE TABLE meta (
    singleton SMALLINT PRIMARY KEY CHECK (singleton = 1),
    -- Drawn when the database is made: tells its resume tokens from those of any other.
    epoch BIGINT NOT NULL CHECK (epoch >= 0)
);

CREATE TABLE locations (
    location_key BIGINT PRIMARY KEY,
    location_id TEXT COLLATE "C" NOT NULL UNIQUE,
    -- Grows with each write of `config`, so that a parsed one can be kept.
    config_version BIGINT NOT NULL,
    -- The location as JSON.
    config TEXT COLLATE "C" NOT NULL
);

-- The numbers that a location gives out, apart from its configuration: every round writes them.
-- Half of each page is left free: a row that every round writes finds room for its next version beside it, which leaves
-- the indexes alone.
CREATE TABLE location_numbers (
    location_key BIGINT PRIMARY KEY,
    next_order BIGINT NOT NULL CHECK (next_order >= 1),
    next_event BIGINT NOT NULL CHECK (next_event >= 1),
    next_inbound BIGINT NOT NULL CHECK (next_inbound >= 1)
) WITH (fillfactor = 50);

CREATE TABLE items (
    sku_key BIGINT PRIMARY KEY,
    sku TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C" NOT NULL,
    backorderable SMALLINT NOT NULL CHECK (backorderable IN (0, 1)),
    lead_time_days INTEGER CHECK (lead_time_days >= 0),
    max_backlog BIGINT CHECK (max_backlog >= 0),
    safety_stock BIGINT NOT NULL CHECK (safety_stock >= 0)
);

-- Half of each page is left free, as above.
CREATE TABLE stock (
    location_key BIGINT NOT NULL,
    sku_key BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    backlog BIGINT NOT NULL,
    -- Why and as of when a refill that was cut goes on, as JSON; NULL when the counters are final.
    pending_refill TEXT COLLATE "C",
    PRIMARY KEY (location_key, sku_key),
    CHECK (allocated >= 0 AND allocated <= on_hand AND backlog >= 0)
) WITH (fillfactor = 50);

-- load_items_everywhere: the counters of an item at every location, when the item is put.
CREATE INDEX stock_by_item ON stock (sku_key, location_key);

-- pending_refills: refills to go on with after a restart.
CREATE INDEX stock_pending ON stock (location_key, sku_key) WHERE pending_refill IS NOT NULL;

-- Makes an order's id unique across locations.
CREATE TABLE order_directory (
    order_id TEXT COLLATE "C" PRIMARY KEY,
    location_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);

CREATE TABLE orders (
    location_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    order_id TEXT COLLATE "C" NOT NULL,
    -- 1 tentative, 2 waiting, 3 released, 4 shipped, 5 cancelled.
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 5),
    lacking BIGINT NOT NULL,
    currency TEXT COLLATE "C",
    placed_at_us BIGINT NOT NULL,
    promised_ship_date DATE NOT NULL,
    calendar_version BIGINT NOT NULL,
    -- As JSON; NULL for the default.
    terms TEXT COLLATE "C",
    released_at_us BIGINT,
    ship_by_date DATE,
    shipped_at_us BIGINT,
    cancelled_at_us BIGINT,
    -- As JSON.
    shipment TEXT COLLATE "C",
    event_sequence BIGINT NOT NULL,
    PRIMARY KEY (location_key, sequence),
    -- What waits may lack units; what was released, shipped or cancelled lacks none.
    CHECK (lacking >= 0 AND (state <= 2 OR lacking = 0) AND (state <> 2 OR lacking > 0))
);

-- list_open_orders, load_holders: the orders that hold or wait for units, among many that shipped. Statements repeat the
-- condition as it stands here, else the index is not theirs.
CREATE INDEX orders_open ON orders (location_key, state, sequence) WHERE state IN (1, 2, 3);

CREATE TABLE order_lines (
    location_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    line_number INTEGER NOT NULL CHECK (line_number >= 1),
    sku_key BIGINT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity >= 1),
    cancelled BIGINT NOT NULL DEFAULT 0,
    lacking BIGINT NOT NULL,
    price_units BIGINT,
    price_nanos INTEGER,
    refunded_units BIGINT NOT NULL DEFAULT 0,
    refunded_nanos INTEGER NOT NULL DEFAULT 0,
    ready_date DATE NOT NULL,
    promised_ship_date DATE NOT NULL,
    -- What the promise was based on, as JSON; NULL when the whole quantity was on hand.
    basis TEXT COLLATE "C",
    PRIMARY KEY (location_key, sequence, line_number),
    CHECK (cancelled >= 0 AND lacking >= 0 AND cancelled + lacking <= quantity)
);

-- load_queue_heads, load_units_ahead, list_backlog: the lines of a SKU that wait, oldest first. A receipt costs what it
-- fills, however long the queue is.
CREATE INDEX order_lines_queue ON order_lines (location_key, sku_key, sequence, line_number, lacking) WHERE lacking > 0;

CREATE TABLE cancellations (
    location_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    -- Empty for a whole cancel without an id.
    request_id TEXT COLLATE "C" NOT NULL,
    -- What was asked, and the units cancelled by line, as JSON.
    content TEXT COLLATE "C" NOT NULL,
    cancelled TEXT COLLATE "C" NOT NULL,
    completes SMALLINT NOT NULL CHECK (completes IN (0, 1)),
    -- In the order's currency; NULL when nothing of it was priced.
    refund_units BIGINT,
    refund_nanos INTEGER,
    PRIMARY KEY (location_key, sequence, request_id)
);

CREATE TABLE inbounds (
    location_key BIGINT NOT NULL,
    inbound_key BIGINT NOT NULL,
    inbound_id TEXT COLLATE "C" NOT NULL,
    expected_date DATE NOT NULL,
    -- 1 open, 2 received, 3 closed.
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 3),
    PRIMARY KEY (location_key, inbound_key),
    UNIQUE (location_key, inbound_id)
);

CREATE TABLE inbound_lines (
    location_key BIGINT NOT NULL,
    inbound_key BIGINT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    sku_key BIGINT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity >= 0),
    received BIGINT NOT NULL CHECK (received >= 0),
    -- Units still to come: zero once the inbound is closed.
    open BIGINT NOT NULL CHECK (open >= 0),
    PRIMARY KEY (location_key, inbound_key, position)
);

-- load_open_inbounds: what is coming of a SKU.
CREATE INDEX inbound_lines_open ON inbound_lines (location_key, sku_key, inbound_key, open) WHERE open > 0;

CREATE TABLE receipts (
    location_key BIGINT NOT NULL,
    receipt_id TEXT COLLATE "C" NOT NULL,
    -- What was asked and what was answered, as JSON.
    content TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (location_key, receipt_id)
);

CREATE TABLE adjustments (
    location_key BIGINT NOT NULL,
    adjustment_id TEXT COLLATE "C" NOT NULL,
    sku_key BIGINT NOT NULL,
    delta BIGINT NOT NULL,
    -- What was asked and what was answered, as JSON.
    content TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (location_key, adjustment_id)
);

CREATE TABLE events (
    location_key BIGINT NOT NULL,
    event_sequence BIGINT NOT NULL CHECK (event_sequence >= 1),
    at_us BIGINT NOT NULL,
    order_id TEXT COLLATE "C",
    -- As JSON.
    payload TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (location_key, event_sequence)
);

-- A promise never moves, and nothing that happened is rewritten. The first two fire only for statements that name the
-- columns. Refusals are integrity constraint violations, as those of any other constraint.
CREATE FUNCTION refuse_another_order_promise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the promised ship date of an order never changes' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION refuse_another_line_promise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the promise of a line never changes' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION refuse_another_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event never changes' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- The one place that decides which events may go: to let a row go is to RETURN OLD. None may, for no event is kept
-- anywhere else.
CREATE FUNCTION refuse_a_lost_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event is never deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER orders_keep_their_promise BEFORE UPDATE OF promised_ship_date ON orders
    FOR EACH ROW EXECUTE FUNCTION refuse_another_order_promise();

CREATE TRIGGER order_lines_keep_their_promise BEFORE UPDATE OF ready_date, promised_ship_date, basis ON order_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_another_line_promise();

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_another_event();

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_a_lost_event();

CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_a_lost_event();
