-- events_valid: what every later stage reads: accepted, on time, first of its event_id, no heartbeat, not held back
-- grain: one row per event, a visitor's in order (events_by_visitor)        key: event_id
-- time: ts, event time
-- state: none
-- For windows over this view: a row comes out with the watermark that passes it; see session_events.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, canonical_id AS visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM events_judged
WHERE withheld_for IS NULL
