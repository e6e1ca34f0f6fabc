-- Old events may be removed, but only below a horizon that is said first.

CREATE TABLE log_horizons (
    location_key BIGINT PRIMARY KEY,
    -- The oldest event that is kept.
    oldest_event BIGINT NOT NULL CHECK (oldest_event >= 1)
);

DROP TRIGGER events_are_never_deleted ON events;

CREATE FUNCTION refuse_an_event_lost_above_the_horizon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.event_sequence >= coalesce((SELECT h.oldest_event FROM log_horizons AS h WHERE h.location_key = OLD.location_key), 1) THEN
        RAISE EXCEPTION 'an event is never deleted above the horizon of its log'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER events_are_deleted_below_the_horizon BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_an_event_lost_above_the_horizon();

CREATE FUNCTION refuse_a_horizon_that_goes_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the horizon of a log never goes back' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER horizons_never_go_back BEFORE UPDATE ON log_horizons
    FOR EACH ROW WHEN (NEW.oldest_event < OLD.oldest_event) EXECUTE FUNCTION refuse_a_horizon_that_goes_back();
