-- events_valid: valid events as they lie in their topic, for a stage on its own; or the late ones in theirs: ${events}
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none
SELECT
    `schema`, event_id, event_type,
    CAST(event_time_ms AS BIGINT) AS event_time_ms,
    CAST(received_at_ms AS BIGINT) AS received_at_ms,
    visitor_id, anonymous_id, user_id, session_hint, `context`, product, `order`, properties,
    CAST(`sequence` AS BIGINT) AS `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts
FROM ${events}
