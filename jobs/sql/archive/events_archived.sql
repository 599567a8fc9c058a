-- events_archived: valid events as the lake keeps them: every column, and the day and hour of event time, UTC
-- grain: one row per event        key: event_id
-- time: none of its own; the watermark says which hours are complete
-- state: none; the sink's files become visible with the checkpoint that covers them
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms, visitor_id, anonymous_id, user_id,
    session_hint, `sequence`, `context`, product, `order`, properties,
    source_topic, source_partition, source_offset,
    TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) * CAST(60000 AS BIGINT)
        + EXTRACT(SECOND FROM source_timestamp) * 1000 + EXTRACT(MILLISECOND FROM source_timestamp) AS source_timestamp_ms,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(event_time_ms, 3) AS TIMESTAMP(3)), 'yyyy-MM-dd') AS `day`,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(event_time_ms, 3) AS TIMESTAMP(3)), 'HH') AS `hour`
FROM events_valid
