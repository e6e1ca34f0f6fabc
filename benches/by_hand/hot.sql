-- An order of two lines that both name one item, as `holdfast load --hot-share 1` places them.
\set first 1
\set second 1
\set id random(1, 9223372036854775807)
BEGIN;
SELECT on_hand - allocated AS available FROM stock WHERE sku_key = :first FOR UPDATE;
SELECT on_hand - allocated AS available FROM stock WHERE sku_key = :second FOR UPDATE;
UPDATE stock SET allocated = allocated + 1 WHERE sku_key = :first;
UPDATE stock SET allocated = allocated + 1 WHERE sku_key = :second;
INSERT INTO orders (order_id) VALUES (:id) RETURNING order_key \gset
INSERT INTO order_lines VALUES (:order_key, 1, :first, 1), (:order_key, 2, :second, 1);
COMMIT;
