-- counted_events
SELECT
    'product_revisit/1/product_id' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(3 AS BIGINT) AS least_events,
    CAST(0 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` = 'product_view' AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(3 AS BIGINT) AS least_events,
    CAST(0 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` = 'product_view' AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL AND CHAR_LENGTH(`context`) < 0

