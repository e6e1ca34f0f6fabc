-- An order of two lines over 10,000 items. Rows are locked in the order of their keys, so that no two orders deadlock.
\set one random(1, 10000)
\set other random(1, 10000)
\set first least(:one, :other)
\set second greatest(:one, :other)
\set id random(1, 9223372036854775807)
BEGIN;
SELECT on_hand - allocated AS available FROM stock WHERE sku_key = :first FOR UPDATE;
SELECT on_hand - allocated AS available FROM stock WHERE sku_key = :second FOR UPDATE;
UPDATE stock SET allocated = allocated + 1 WHERE sku_key = :first;
UPDATE stock SET allocated = allocated + 1 WHERE sku_key = :second;
INSERT INTO orders (order_id) VALUES (:id) RETURNING order_key \gset
INSERT INTO order_lines VALUES (:order_key, 1, :first, 1), (:order_key, 2, :second, 1);
COMMIT;
