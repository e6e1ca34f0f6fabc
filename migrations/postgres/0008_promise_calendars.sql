-- What a promise was computed with: every calendar that a location ever had, and the zone database of the time.

CREATE TABLE location_calendars (
    location_key BIGINT NOT NULL,
    calendar_version BIGINT NOT NULL,
    -- The calendar as JSON, as in the configuration of its location then.
    calendar TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (location_key, calendar_version)
);

-- Of those before, only the last is known.
INSERT INTO location_calendars (location_key, calendar_version, calendar)
SELECT location_key, (config::jsonb -> 'calendar' ->> 'version')::bigint, config::jsonb ->> 'calendar'
FROM locations WHERE config::jsonb -> 'calendar' ->> 'version' IS NOT NULL;

-- The version of the zone database; NULL for orders that were placed before it was stored.
ALTER TABLE orders ADD COLUMN zone_database TEXT COLLATE "C";

CREATE TRIGGER orders_keep_their_zone_database BEFORE UPDATE OF zone_database ON orders
    FOR EACH ROW EXECUTE FUNCTION refuse_another_order_promise();
