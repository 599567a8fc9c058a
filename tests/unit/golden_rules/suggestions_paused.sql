-- session_beginnings_2
SELECT
    'suggestions_paused/1' AS rule,
    visitor_id,
    session_id,
    started_at_ms,
    ended_at_ms,
    first_category AS began_with,
    CAST(3 AS BIGINT) AS least_different,
    CAST(2592000000 AS BIGINT) AS within_ms,
    `context`,
    closed_at
FROM sessions
WHERE first_category IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    started_at_ms,
    ended_at_ms,
    first_category AS began_with,
    CAST(3 AS BIGINT) AS least_different,
    CAST(2592000000 AS BIGINT) AS within_ms,
    `context`,
    closed_at
FROM sessions
WHERE first_category IS NOT NULL AND CHAR_LENGTH(`context`) < 0

