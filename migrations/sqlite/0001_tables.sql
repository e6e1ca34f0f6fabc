-- Every table of a Holdfast database.
--
-- Texts are stored once, at the edge (locations, items, order_directory, inbounds, receipts, adjustments); every other
-- row names them by integer keys. Hot tables have no foreign keys: the auditor checks what they would.
-- Instants are microseconds since 1970 in UTC (`_at_us`), civil dates are ISO 8601 texts (`_date`).

PRAGMA application_id = 0x48464442; -- "HFDB"

CREATE TABLE meta (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    -- Drawn when the database is made: tells its resume tokens from those of any other.
    epoch INTEGER NOT NULL CHECK (epoch >= 0)
) STRICT;

CREATE TABLE locations (
    location_key INTEGER PRIMARY KEY,
    location_id TEXT NOT NULL UNIQUE,
    -- Grows with each write of `config`, so that a parsed one can be kept.
    config_version INTEGER NOT NULL,
    -- The location as JSON.
    config TEXT NOT NULL
) STRICT;

-- The numbers that a location gives out, apart from its configuration: every round writes them.
CREATE TABLE location_numbers (
    location_key INTEGER PRIMARY KEY,
    next_order INTEGER NOT NULL CHECK (next_order >= 1),
    next_event INTEGER NOT NULL CHECK (next_event >= 1),
    next_inbound INTEGER NOT NULL CHECK (next_inbound >= 1)
) STRICT;

CREATE TABLE items (
    sku_key INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    backorderable INTEGER NOT NULL CHECK (backorderable IN (0, 1)),
    lead_time_days INTEGER CHECK (lead_time_days >= 0),
    max_backlog INTEGER CHECK (max_backlog >= 0),
    safety_stock INTEGER NOT NULL CHECK (safety_stock >= 0)
) STRICT;

CREATE TABLE stock (
    location_key INTEGER NOT NULL,
    sku_key INTEGER NOT NULL,
    on_hand INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    -- Why and as of when a refill that was cut goes on, as JSON; NULL when the counters are final.
    pending_refill TEXT,
    PRIMARY KEY (location_key, sku_key),
    CHECK (allocated >= 0 AND allocated <= on_hand AND backlog >= 0)
) STRICT, WITHOUT ROWID;

-- load_items_everywhere: the counters of an item at every location, when the item is put.
CREATE INDEX stock_by_item ON stock (sku_key, location_key);

-- pending_refills: refills to go on with after a restart.
CREATE INDEX stock_pending ON stock (location_key, sku_key) WHERE pending_refill IS NOT NULL;

-- Makes an order's id unique across locations.
CREATE TABLE order_directory (
    order_id TEXT PRIMARY KEY,
    location_key INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    location_key INTEGER NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    order_id TEXT NOT NULL,
    -- 1 tentative, 2 waiting, 3 released, 4 shipped, 5 cancelled.
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    lacking INTEGER NOT NULL,
    currency TEXT,
    placed_at_us INTEGER NOT NULL,
    promised_ship_date TEXT NOT NULL,
    calendar_version INTEGER NOT NULL,
    -- As JSON; NULL for the default.
    terms TEXT,
    released_at_us INTEGER,
    ship_by_date TEXT,
    shipped_at_us INTEGER,
    cancelled_at_us INTEGER,
    -- As JSON.
    shipment TEXT,
    event_sequence INTEGER NOT NULL,
    PRIMARY KEY (location_key, sequence),
    -- What waits may lack units; what was released, shipped or cancelled lacks none.
    CHECK (lacking >= 0 AND (state <= 2 OR lacking = 0) AND (state <> 2 OR lacking > 0))
) STRICT, WITHOUT ROWID;

-- list_open_orders, load_holders: the orders that hold or wait for units, among many that shipped. Statements repeat the
-- condition as it stands here, else the index is not theirs.
CREATE INDEX orders_open ON orders (location_key, state, sequence) WHERE state IN (1, 2, 3);

CREATE TABLE order_lines (
    location_key INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    line_number INTEGER NOT NULL CHECK (line_number >= 1),
    sku_key INTEGER NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    cancelled INTEGER NOT NULL DEFAULT 0,
    lacking INTEGER NOT NULL,
    price_units INTEGER,
    price_nanos INTEGER,
    refunded_units INTEGER NOT NULL DEFAULT 0,
    refunded_nanos INTEGER NOT NULL DEFAULT 0,
    ready_date TEXT NOT NULL,
    promised_ship_date TEXT NOT NULL,
    -- What the promise was based on, as JSON; NULL when the whole quantity was on hand.
    basis TEXT,
    PRIMARY KEY (location_key, sequence, line_number),
    CHECK (cancelled >= 0 AND lacking >= 0 AND cancelled + lacking <= quantity)
) STRICT, WITHOUT ROWID;

-- load_queue_heads, load_units_ahead, list_backlog: the lines of a SKU that wait, oldest first. A receipt costs what it
-- fills, however long the queue is.
CREATE INDEX order_lines_queue ON order_lines (location_key, sku_key, sequence, line_number, lacking) WHERE lacking > 0;

CREATE TABLE cancellations (
    location_key INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    -- Empty for a whole cancel without an id.
    request_id TEXT NOT NULL,
    -- What was asked, and the units cancelled by line, as JSON.
    content TEXT NOT NULL,
    cancelled TEXT NOT NULL,
    completes INTEGER NOT NULL CHECK (completes IN (0, 1)),
    -- In the order's currency; NULL when nothing of it was priced.
    refund_units INTEGER,
    refund_nanos INTEGER,
    PRIMARY KEY (location_key, sequence, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbounds (
    location_key INTEGER NOT NULL,
    inbound_key INTEGER NOT NULL,
    inbound_id TEXT NOT NULL,
    expected_date TEXT NOT NULL,
    -- 1 open, 2 received, 3 closed.
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    PRIMARY KEY (location_key, inbound_key),
    UNIQUE (location_key, inbound_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbound_lines (
    location_key INTEGER NOT NULL,
    inbound_key INTEGER NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    sku_key INTEGER NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    received INTEGER NOT NULL CHECK (received >= 0),
    -- Units still to come: zero once the inbound is closed.
    open INTEGER NOT NULL CHECK (open >= 0),
    PRIMARY KEY (location_key, inbound_key, position)
) STRICT, WITHOUT ROWID;

-- load_open_inbounds: what is coming of a SKU.
CREATE INDEX inbound_lines_open ON inbound_lines (location_key, sku_key, inbound_key, open) WHERE open > 0;

CREATE TABLE receipts (
    location_key INTEGER NOT NULL,
    receipt_id TEXT NOT NULL,
    -- What was asked and what was answered, as JSON.
    content TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (location_key, receipt_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE adjustments (
    location_key INTEGER NOT NULL,
    adjustment_id TEXT NOT NULL,
    sku_key INTEGER NOT NULL,
    delta INTEGER NOT NULL,
    -- What was asked and what was answered, as JSON.
    content TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (location_key, adjustment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    location_key INTEGER NOT NULL,
    event_sequence INTEGER NOT NULL CHECK (event_sequence >= 1),
    at_us INTEGER NOT NULL,
    order_id TEXT,
    -- As JSON.
    payload TEXT NOT NULL,
    PRIMARY KEY (location_key, event_sequence)
) STRICT, WITHOUT ROWID;

-- A promise never moves, and nothing that happened is rewritten. These fire only for statements that name the columns.
CREATE TRIGGER orders_keep_their_promise BEFORE UPDATE OF promised_ship_date ON orders
BEGIN
    SELECT RAISE(ABORT, 'the promised ship date of an order never changes');
END;

CREATE TRIGGER order_lines_keep_their_promise BEFORE UPDATE OF ready_date, promised_ship_date, basis ON order_lines
BEGIN
    SELECT RAISE(ABORT, 'the promise of a line never changes');
END;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event never changes');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'an event is never deleted');
END;
