-- hit_matches: what counting and dwelling found, in the shape of every match
-- grain: one row per occurrence        key: rule, visitor_id, anchor
-- time: none
-- state: none
SELECT
    rule, visitor_id, anchor, 'active' AS status,
    event_time_ms AS occurred_at_ms, event_time_ms AS version,
    CASE WHEN session_id = '' THEN CAST(NULL AS STRING) ELSE session_id END AS session_id,
    `context`,
    '{' || CASE WHEN rule_key = '' THEN '' ELSE '"' || SPLIT_INDEX(rule, '/', 2) || '":' || JSON_STRING(rule_key) || ',' END
        || '"count":' || CAST(events_no AS STRING)
        || ',"first_at_ms":' || CAST(first_at_ms AS STRING)
        || ',"event_id":' || JSON_STRING(event_id) || '}' AS evidence
FROM hits
