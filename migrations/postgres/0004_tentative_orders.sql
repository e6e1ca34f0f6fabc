-- Tentative orders: until when they hold units, and when their payment was confirmed.

ALTER TABLE orders ADD COLUMN payment_deadline_us BIGINT;
ALTER TABLE orders ADD COLUMN confirmed_at_us BIGINT;

-- load_due, list_lapsed_locations: tentative orders whose deadline has come, among those whose has not.
CREATE INDEX orders_tentative ON orders (location_key, payment_deadline_us, sequence) WHERE state = 1;
