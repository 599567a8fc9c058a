-- shadow_read_back: what shadowing versions say, out of the topic of scores
-- grain: one row per moment that both versions scored        key: id
-- time: ts, event time of the score
SELECT
    'shadow' AS kind,
    key,
    id,
    CAST(JSON_VALUE(CAST(body AS STRING), '$.scored_at_ms') AS BIGINT) AS version,
    CAST(JSON_OBJECT(
        'score_id' VALUE id,
        'kind' VALUE JSON_VALUE(CAST(body AS STRING), '$.kind'),
        'visitor_id' VALUE key,
        'session_id' VALUE JSON_VALUE(CAST(body AS STRING), '$.session_id'),
        'scored_at_ms' VALUE CAST(JSON_VALUE(CAST(body AS STRING), '$.scored_at_ms') AS BIGINT),
        'version' VALUE CAST(JSON_VALUE(CAST(body AS STRING), '$.scored_at_ms') AS BIGINT),
        'detected_at_ms' VALUE CAST(JSON_VALUE(CAST(body AS STRING), '$.detected_at_ms') AS BIGINT),
        'model' VALUE JSON(JSON_QUERY(CAST(body AS STRING), '$.model')),
        'score' VALUE CAST(JSON_VALUE(CAST(body AS STRING), '$.score') AS DOUBLE),
        'evidence' VALUE JSON(JSON_QUERY(CAST(body AS STRING), '$.evidence')),
        'shadow' VALUE JSON(JSON_QUERY(CAST(body AS STRING), '$.shadow'))) AS BYTES) AS body,
    ts
FROM score_read_back
WHERE JSON_EXISTS(CAST(body AS STRING), '$.shadow')
