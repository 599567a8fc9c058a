-- session_matches
SELECT
    'bounce/1' AS rule,
    visitor_id,
    session_id AS anchor,
    'active' AS status,
    ended_at_ms + CAST(1800000 AS BIGINT) AS occurred_at_ms,
    ended_at_ms + CAST(1800000 AS BIGINT) AS version,
    session_id,
    `context`,
    JSON_OBJECT('count' VALUE events, 'started_at_ms' VALUE started_at_ms, 'ended_at_ms' VALUE ended_at_ms ABSENT ON NULL) AS evidence
FROM sessions
WHERE (events) = 1

