-- Orders at risk: which are, by which of their lines, and what is still to be estimated anew.

-- Whether its estimate is later than its promise, or nobody can name one; zero once it shipped or is cancelled.
ALTER TABLE orders ADD COLUMN at_risk SMALLINT NOT NULL DEFAULT 0 CHECK (at_risk IN (0, 1));
-- Whether what it lacks comes too late for its order's promise.
ALTER TABLE order_lines ADD COLUMN is_late SMALLINT NOT NULL DEFAULT 0 CHECK (is_late IN (0, 1));
-- How many lines of the queue are late.
ALTER TABLE stock ADD COLUMN late_lines BIGINT NOT NULL DEFAULT 0 CHECK (late_lines >= 0);
-- Why, and from where on, the queue is to be estimated anew, as JSON; NULL when its lines are as estimated.
ALTER TABLE stock ADD COLUMN pending_estimate TEXT COLLATE "C";

-- list_orders_at_risk: those that are, among many that are not.
CREATE INDEX orders_at_risk ON orders (location_key, sequence) WHERE at_risk = 1;
-- list_pending_estimates: what to go on with, after a restart too.
CREATE INDEX stock_to_estimate ON stock (location_key, sku_key) WHERE pending_estimate IS NOT NULL;

-- As of when the dates of a location were estimated. One without a row has yet to be.
CREATE TABLE estimated_days (
    location_key BIGINT PRIMARY KEY,
    begun_at_us BIGINT NOT NULL,
    -- When the next day begins there, or its orders begin to count for the next one.
    next_at_us BIGINT NOT NULL,
    -- Why, and how far, the location is gone through, as JSON; NULL when that is done.
    pending_walk TEXT COLLATE "C"
);
