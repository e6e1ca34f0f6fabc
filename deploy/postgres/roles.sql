-- The roles of a Holdfast database, and what each may do. A superuser runs it, connected to that database:
--
--     psql --set ON_ERROR_STOP=1 --file deploy/postgres/roles.sql postgres://…/holdfast
--
-- before the first migration, which then makes everything the owner's, and again after each migration, whose tables it
-- opens to the others. To run it again changes nothing. It sets no passwords: `\password holdfast_app` does.
--
--   holdfast_owner     owns tables and functions; nobody logs in as it
--   holdfast_migrator  runs `holdfast migrate`: acts as the owner from its first statement
--   holdfast_app       runs `holdfast serve`: reads, adds, and changes what may change
--   holdfast_readonly  reads, for people and reports
--
-- Roles belong to the whole cluster, rights to this database.

BEGIN;

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['holdfast_owner', 'holdfast_migrator', 'holdfast_app', 'holdfast_readonly'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
    END LOOP;
END
$$;

ALTER ROLE holdfast_owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE holdfast_migrator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE holdfast_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE holdfast_readonly LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
GRANT holdfast_owner TO holdfast_migrator;

-- Nobody else gets in, and only the owner makes tables, temporary ones included.
DO $$
DECLARE
    here text := current_database();
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', here);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO holdfast_migrator, holdfast_app, holdfast_readonly', here);
    EXECUTE format('ALTER ROLE holdfast_migrator IN DATABASE %I SET role = %L', here, 'holdfast_owner');
    -- A reader that stays holds back vacuum, and dead rows slow down the hot ones.
    EXECUTE format('ALTER ROLE holdfast_readonly IN DATABASE %I SET default_transaction_read_only = on', here);
    EXECUTE format('ALTER ROLE holdfast_readonly IN DATABASE %I SET statement_timeout = %L', here, '5min');
    EXECUTE format('ALTER ROLE holdfast_readonly IN DATABASE %I SET idle_in_transaction_session_timeout = %L', here, '1min');
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO holdfast_owner;
GRANT USAGE ON SCHEMA public TO holdfast_app, holdfast_readonly;

-- What the owner makes may be read at once. Everything else is opened below, table by table.
ALTER DEFAULT PRIVILEGES FOR ROLE holdfast_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO holdfast_app, holdfast_readonly;

-- `kept` are the columns that the application never changes: keys, what was promised, and what was asked.
-- `deletes` is for what the application itself replaces, and for old events: a trigger lets only those go that are below
-- the horizon of their log, which never goes back.
DO $$
DECLARE
    its record;
    columns text;
BEGIN
    FOR its IN
        SELECT c.relname, r.kept, coalesce(r.adds, false) AS adds, coalesce(r.deletes, false) AS deletes
        FROM pg_class AS c
        LEFT JOIN (VALUES
            -- Its one row is locked by whoever adds to the catalog, which takes the right to change some column of it.
            ('meta', ARRAY['epoch'], true, false),
            ('locations', ARRAY['location_key', 'location_id'], true, false),
            ('location_calendars', ARRAY['location_key', 'calendar_version'], true, false),
            ('location_numbers', ARRAY['location_key'], true, false),
            ('items', ARRAY['sku_key', 'sku'], true, false),
            ('stock', ARRAY['location_key', 'sku_key'], true, false),
            ('order_directory', NULL, true, false),
            ('orders', ARRAY['location_key', 'sequence', 'order_id', 'currency', 'placed_at_us', 'promised_ship_date',
                'calendar_version', 'terms', 'zone_database', 'payment_deadline_us'], true, false),
            ('order_lines', ARRAY['location_key', 'sequence', 'line_number', 'sku_key', 'quantity', 'price_units',
                'price_nanos', 'ready_date', 'promised_ship_date', 'basis'], true, false),
            ('cancellations', NULL, true, false),
            ('inbounds', ARRAY['location_key', 'inbound_key', 'inbound_id'], true, false),
            ('inbound_lines', ARRAY['location_key', 'inbound_key', 'position'], true, true),
            ('receipts', NULL, true, false),
            ('adjustments', NULL, true, false),
            ('events', NULL, true, true),
            ('log_horizons', ARRAY['location_key'], true, false),
            ('consumers', ARRAY['location_key', 'consumer_id'], true, false),
            ('estimated_days', ARRAY['location_key'], true, false)
        ) AS r (relname, kept, adds, deletes) ON r.relname = c.relname
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relowner = 'holdfast_owner'::regrole
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %I FROM PUBLIC, holdfast_app, holdfast_readonly', its.relname);
        EXECUTE format('GRANT SELECT ON TABLE %I TO holdfast_app, holdfast_readonly', its.relname);
        IF its.adds THEN
            EXECUTE format('GRANT INSERT ON TABLE %I TO holdfast_app', its.relname);
        END IF;
        IF its.deletes THEN
            EXECUTE format('GRANT DELETE ON TABLE %I TO holdfast_app', its.relname);
        END IF;
        -- A table without a list of kept columns is never changed.
        SELECT string_agg(format('%I', attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = format('public.%I', its.relname)::regclass AND attnum > 0 AND NOT attisdropped
            AND attname <> ALL (its.kept);
        IF columns IS NOT NULL THEN
            EXECUTE format('GRANT UPDATE (%s) ON TABLE %I TO holdfast_app', columns, its.relname);
        END IF;
    END LOOP;
END
$$;

COMMIT;
