-- events_valid: what every later stage reads: accepted, on time, first of its event_id, no heartbeat
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none of its own
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM events_on_time
WHERE repeat_no = 1 AND event_type <> 'heartbeat'
