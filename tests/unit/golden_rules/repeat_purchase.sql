-- distinct_events
SELECT
    'repeat_purchase/1' AS rule,
    visitor_id,
    '' AS session_id,
    CASE WHEN CHAR_LENGTH(`context`) < 0 THEN '-' ELSE '' END AS rule_key,
    COALESCE(JSON_VALUE(`order`, '$.order_id'), event_id) AS occurrence,
    COALESCE(JSON_VALUE(`order`, '$.order_id'), event_id) AS anchor,
    event_id,
    event_time_ms,
    CAST(2 AS BIGINT) AS least_events,
    CAST(31536000000 AS BIGINT) AS within_ms,
    `context`,
    ts
FROM ordered_events
WHERE `event_type` = 'purchase'
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    '' AS session_id,
    CASE WHEN CHAR_LENGTH(`context`) < 0 THEN '-' ELSE '' END AS rule_key,
    COALESCE(JSON_VALUE(`order`, '$.order_id'), event_id) AS occurrence,
    COALESCE(JSON_VALUE(`order`, '$.order_id'), event_id) AS anchor,
    event_id,
    event_time_ms,
    CAST(2 AS BIGINT) AS least_events,
    CAST(31536000000 AS BIGINT) AS within_ms,
    `context`,
    ts
FROM ordered_events
WHERE `event_type` = 'purchase' AND CHAR_LENGTH(`context`) < 0

-- burst_events_1
SELECT
    rule,
    visitor_id,
    session_id,
    rule_key,
    occurrence,
    anchor,
    event_id,
    event_time_ms,
    least_events,
    within_ms,
    `context`,
    ts
FROM distinct_firsts
WHERE rule IN ('repeat_purchase/1')
UNION ALL
SELECT
    rule,
    visitor_id,
    session_id,
    rule_key,
    occurrence,
    anchor,
    event_id,
    event_time_ms,
    least_events,
    within_ms,
    `context`,
    ts
FROM distinct_firsts
WHERE rule IN ('') AND CHAR_LENGTH(`context`) < 0

