-- signals_archived: every change of a signal as the lake keeps it, by the day and hour of the change, UTC
-- grain: one row per change of a signal        key: signal_id, version
-- time: none of its own; the watermark says which hours are complete
SELECT
    signal_id, visitor_id, version,
    JSON_VALUE(document, '$.kind') AS kind,
    JSON_VALUE(document, '$.status') AS status,
    CAST(CAST(JSON_VALUE(document, '$.occurred_at_ms') AS DECIMAL(19, 0)) AS BIGINT) AS occurred_at_ms,
    document,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(version, 3) AS TIMESTAMP(3)), 'yyyy-MM-dd') AS `day`,
    DATE_FORMAT(CAST(TO_TIMESTAMP_LTZ(version, 3) AS TIMESTAMP(3)), 'HH') AS `hour`
FROM (
    SELECT id AS signal_id, key AS visitor_id, version, CAST(body AS STRING) AS document
    FROM documents
    WHERE kind = 'signal'
)
