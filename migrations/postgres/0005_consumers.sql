-- Those who follow logs under a name, and how far each has dealt with the log of a location.

CREATE TABLE consumers (
    location_key BIGINT NOT NULL,
    consumer_id TEXT COLLATE "C" NOT NULL,
    -- The last event that it has dealt with; it never goes back.
    acknowledged_event BIGINT NOT NULL CHECK (acknowledged_event >= 0),
    -- When it last said so.
    acknowledged_at_us BIGINT NOT NULL,
    PRIMARY KEY (location_key, consumer_id)
);
