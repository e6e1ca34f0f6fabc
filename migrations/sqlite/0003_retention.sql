-- Old events may be removed, but only below a horizon that is said first.

CREATE TABLE log_horizons (
    location_key INTEGER PRIMARY KEY,
    -- The oldest event that is kept.
    oldest_event INTEGER NOT NULL CHECK (oldest_event >= 1)
) STRICT;

DROP TRIGGER events_are_never_deleted;

CREATE TRIGGER events_are_deleted_below_the_horizon BEFORE DELETE ON events
WHEN OLD.event_sequence >= coalesce((SELECT oldest_event FROM log_horizons WHERE location_key = OLD.location_key), 1)
BEGIN
    SELECT RAISE(ABORT, 'an event is never deleted above the horizon of its log');
END;

CREATE TRIGGER horizons_never_go_back BEFORE UPDATE ON log_horizons WHEN NEW.oldest_event < OLD.oldest_event
BEGIN
    SELECT RAISE(ABORT, 'the horizon of a log never goes back');
END;
