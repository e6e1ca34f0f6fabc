-- The index of open orders says its condition as a comparison: a list of states is built anew for each row that is written.

DROP INDEX orders_open;

-- list_open_orders, load_holders: the orders that hold or wait for units, among many that shipped. Statements repeat the
-- condition as it stands here, else the index is not theirs.
CREATE INDEX orders_open ON orders (location_key, state, sequence) WHERE state <= 3;
