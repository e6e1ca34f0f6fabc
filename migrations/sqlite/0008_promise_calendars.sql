-- What a promise was computed with: every calendar that a location ever had, and the zone database of the time.

CREATE TABLE location_calendars (
    location_key INTEGER NOT NULL,
    calendar_version INTEGER NOT NULL,
    -- The calendar as JSON, as in the configuration of its location then.
    calendar TEXT NOT NULL,
    PRIMARY KEY (location_key, calendar_version)
) STRICT, WITHOUT ROWID;

-- Of those before, only the last is known.
INSERT INTO location_calendars (location_key, calendar_version, calendar)
SELECT location_key, json_extract(config, '$.calendar.version'), json_extract(config, '$.calendar')
FROM locations WHERE json_extract(config, '$.calendar.version') IS NOT NULL;

-- The version of the zone database; NULL for orders that were placed before it was stored.
ALTER TABLE orders ADD COLUMN zone_database TEXT;

CREATE TRIGGER orders_keep_their_zone_database BEFORE UPDATE OF zone_database ON orders
BEGIN
    SELECT RAISE(ABORT, 'the zone database of a promise never changes');
END;
