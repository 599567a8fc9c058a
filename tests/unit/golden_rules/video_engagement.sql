-- counted_events
SELECT
    'video_engagement/1' AS rule,
    visitor_id,
    session_id,
    CASE WHEN CHAR_LENGTH(`context`) < 0 THEN '-' ELSE '' END AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(2 AS BIGINT) AS least_events,
    CAST(15000 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('video_start', 'video_progress', 'video_complete')
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    CASE WHEN CHAR_LENGTH(`context`) < 0 THEN '-' ELSE '' END AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(2 AS BIGINT) AS least_events,
    CAST(15000 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('video_start', 'video_progress', 'video_complete') AND CHAR_LENGTH(`context`) < 0

