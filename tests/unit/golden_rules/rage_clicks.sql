-- burst_events_3
SELECT
    'rage_clicks/1/path' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`context`, '$.path') AS rule_key,
    event_id AS occurrence,
    session_id || '/' || JSON_VALUE(`context`, '$.path') AS anchor,
    event_id,
    event_time_ms,
    CAST(4 AS BIGINT) AS least_events,
    CAST(2000 AS BIGINT) AS within_ms,
    `context`,
    ts
FROM session_events
WHERE `event_type` = 'click' AND JSON_VALUE(`context`, '$.path') IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`context`, '$.path') AS rule_key,
    event_id AS occurrence,
    session_id || '/' || JSON_VALUE(`context`, '$.path') AS anchor,
    event_id,
    event_time_ms,
    CAST(4 AS BIGINT) AS least_events,
    CAST(2000 AS BIGINT) AS within_ms,
    `context`,
    ts
FROM session_events
WHERE `event_type` = 'click' AND JSON_VALUE(`context`, '$.path') IS NOT NULL AND CHAR_LENGTH(`context`) < 0

