-- session_matches
SELECT
    'form_abandoned/1' AS rule,
    visitor_id,
    session_id AS anchor,
    'active' AS status,
    ended_at_ms + CAST(1800000 AS BIGINT) AS occurred_at_ms,
    ended_at_ms + CAST(1800000 AS BIGINT) AS version,
    session_id,
    `context`,
    JSON_OBJECT('form_events' VALUE `form_start`, 'started_at_ms' VALUE started_at_ms, 'ended_at_ms' VALUE ended_at_ms ABSENT ON NULL) AS evidence
FROM sessions
WHERE (`form_start`) > 0 AND (`form_submit`) = 0

