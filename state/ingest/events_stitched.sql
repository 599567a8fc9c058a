-- events_stitched: each event with its canonical visitor: the user when known, else what the tracker says
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none of its own
-- Who once withdrew consent is known again only by an identification after the last word on consent.
SELECT
    *,
    CASE
        WHEN CHAR_LENGTH(user_id) BETWEEN 1 AND 256 THEN user_id
        WHEN visitor_id = device_id AND (withdrawal IS NULL OR last_identity > device_consent)
        THEN COALESCE(SUBSTRING(last_identity, 20), visitor_id)
        ELSE visitor_id
    END AS canonical_id
FROM events_remembered
