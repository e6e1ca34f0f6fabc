-- What a shop would write by hand to sell from stock: counters, orders, lines, and nothing that Holdfast has beyond them:
-- no queue, no promise, no events. Keys are numbers and nothing refers to anything, which is the fastest that it can be.

CREATE TABLE stock (
    sku_key BIGINT PRIMARY KEY,
    on_hand BIGINT NOT NULL,
    allocated BIGINT NOT NULL,
    CHECK (allocated >= 0 AND allocated <= on_hand)
) WITH (fillfactor = 50);

CREATE TABLE orders (
    order_key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Chosen by the caller; its index makes a repeated call find the first one's order.
    order_id TEXT COLLATE "C" NOT NULL UNIQUE,
    placed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
    order_key BIGINT NOT NULL,
    line_number INTEGER NOT NULL,
    sku_key BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    PRIMARY KEY (order_key, line_number)
);

-- More than any run takes.
INSERT INTO stock SELECT sku_key, 1000000000000, 0 FROM generate_series(1, 10000) AS sku_key;

VACUUM ANALYZE stock;
