-- counted_events
SELECT
    'category_interest/1/category' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`product`, '$.category') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(4 AS BIGINT) AS least_events,
    CAST(0 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('product_view', 'product_list_view', 'page_view') AND JSON_VALUE(`product`, '$.category') IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    JSON_VALUE(`product`, '$.category') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(4 AS BIGINT) AS least_events,
    CAST(0 AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('product_view', 'product_list_view', 'page_view') AND JSON_VALUE(`product`, '$.category') IS NOT NULL AND CHAR_LENGTH(`context`) < 0

