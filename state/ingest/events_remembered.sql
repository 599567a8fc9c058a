-- events_remembered: each event with the last words of its device up to and in its millisecond
-- grain: one row per event        key: event_id
-- time: ts, event time; a row waits here until the watermark passes it
-- state: the rows that wait; four last words per device, for visitor_memory after its last event
-- RANGE and not ROWS: what one millisecond brings does not depend on the order in which it came.
SELECT *
FROM (
    SELECT
        *,
        MAX(identity_word) OVER device AS last_identity,
        MAX(consent_word) OVER device AS device_consent,
        MAX(CASE WHEN SUBSTRING(consent_word, 20) <> 'granted' THEN consent_word END) OVER device AS withdrawal,
        MAX(throttled_at_ms) OVER device AS last_throttle_ms
    FROM events_and_throttles
    WINDOW device AS (PARTITION BY device_id ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE event_id IS NOT NULL
