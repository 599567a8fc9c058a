-- sessions_archived: closed sessions as the lake keeps them, by the day and hour of their last event, UTC
-- grain: one row per version of a session        key: session_id, version
-- time: none of its own; the watermark says which hours are complete
SELECT
    session_id, visitor_id, version,
    CAST(JSON_VALUE(document, '$.started_at_ms') AS BIGINT) AS started_at_ms,
    CAST(JSON_VALUE(document, '$.ended_at_ms') AS BIGINT) AS ended_at_ms,
    CAST(JSON_VALUE(document, '$.events') AS BIGINT) AS events,
    JSON_VALUE(document, '$.close_reason') AS close_reason,
    document,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(version, 3) AS TIMESTAMP(3)), 'yyyy-MM-dd') AS `day`,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(version, 3) AS TIMESTAMP(3)), 'HH') AS `hour`
FROM (
    SELECT id AS session_id, key AS visitor_id, version, CAST(body AS STRING) AS document
    FROM documents
    WHERE kind = 'session'
)
