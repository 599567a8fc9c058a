-- events_archived: valid events as the lake keeps them: every column, and the day and hour of event time, UTC
-- grain: one row per event        key: event_id
-- time: none of its own; the watermark says which hours are complete
SELECT
    JSON_VALUE(document, '$.schema') AS `schema`,
    JSON_VALUE(document, '$.event_id') AS event_id,
    JSON_VALUE(document, '$.event_type') AS event_type,
    event_time_ms,
    CAST(JSON_VALUE(document, '$.received_at_ms') AS BIGINT) AS received_at_ms,
    JSON_VALUE(document, '$.visitor_id') AS visitor_id,
    JSON_VALUE(document, '$.anonymous_id') AS anonymous_id,
    JSON_VALUE(document, '$.user_id') AS user_id,
    JSON_VALUE(document, '$.session_hint') AS session_hint,
    CAST(JSON_VALUE(document, '$.sequence') AS BIGINT) AS `sequence`,
    JSON_QUERY(document, '$.context') AS `context`,
    JSON_QUERY(document, '$.product') AS product,
    JSON_QUERY(document, '$.order') AS `order`,
    JSON_QUERY(document, '$.properties') AS properties,
    JSON_VALUE(document, '$.source.topic') AS source_topic,
    CAST(JSON_VALUE(document, '$.source.partition') AS INT) AS source_partition,
    CAST(JSON_VALUE(document, '$.source.offset') AS BIGINT) AS source_offset,
    CAST(JSON_VALUE(document, '$.source.timestamp_ms') AS BIGINT) AS source_timestamp_ms,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(event_time_ms, 3) AS TIMESTAMP(3)), 'yyyy-MM-dd') AS `day`,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(event_time_ms, 3) AS TIMESTAMP(3)), 'HH') AS `hour`
FROM (
    SELECT
        CAST(body AS STRING) AS document,
        CAST(JSON_VALUE(CAST(body AS STRING), '$.event_time_ms') AS BIGINT) AS event_time_ms
    FROM documents
    WHERE kind = 'valid'
)
