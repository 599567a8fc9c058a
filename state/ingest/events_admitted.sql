-- events_admitted: the events that nothing holds back, under their canonical visitor
-- grain: one row per event, a visitor's in order (events_by_visitor)        key: event_id
-- time: ts, event time
-- state: none
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, canonical_id AS visitor_id, anonymous_id, user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM events_judged
WHERE withheld_for IS NULL
