-- shadow_documents: what shadowing versions say, out of the topic of scores, for INDEX on its own
-- grain: one row per moment that both versions scored        key: score_id
-- time: none
-- state: none
SELECT
    JSON_VALUE(record_value, '$.score_id') AS score_id,
    CAST(JSON_VALUE(record_value, '$.scored_at_ms') AS BIGINT) AS version,
    JSON_OBJECT(
        'score_id' VALUE JSON_VALUE(record_value, '$.score_id'),
        'kind' VALUE JSON_VALUE(record_value, '$.kind'),
        'visitor_id' VALUE record_key,
        'session_id' VALUE JSON_VALUE(record_value, '$.session_id'),
        'scored_at_ms' VALUE CAST(JSON_VALUE(record_value, '$.scored_at_ms') AS BIGINT),
        'version' VALUE CAST(JSON_VALUE(record_value, '$.scored_at_ms') AS BIGINT),
        'detected_at_ms' VALUE CAST(JSON_VALUE(record_value, '$.detected_at_ms') AS BIGINT),
        'model' VALUE JSON(JSON_QUERY(record_value, '$.model')),
        'score' VALUE CAST(JSON_VALUE(record_value, '$.score') AS DOUBLE),
        'evidence' VALUE JSON(JSON_QUERY(record_value, '$.evidence')),
        'shadow' VALUE JSON(JSON_QUERY(record_value, '$.shadow'))) AS document
FROM scores_read
WHERE record_value LIKE '%,"shadow":{%'
