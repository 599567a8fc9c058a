-- events_valid: what every later stage reads: accepted, on time, first of its event_id, no heartbeat, not held back
-- grain: one row per event, a visitor's in order (events_by_visitor)        key: event_id
-- time: ts, event time and one millisecond
-- state: none
-- One millisecond later, because a row comes out of events_by_visitor together with the watermark that passes it:
-- the watermark before may be one millisecond below it, and that already closes a wait which the event still answers.
-- Of the two windows of 2 ms around an event the one that begins with it is kept; no rows are collected for that.
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, window_time AS ts
FROM TABLE(HOP(TABLE events_admitted, DESCRIPTOR(ts), INTERVAL '0.001' SECOND(1, 3), INTERVAL '0.002' SECOND(1, 3)))
WHERE window_start = CAST(ts AS TIMESTAMP(3))
