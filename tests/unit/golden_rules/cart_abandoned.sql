-- wait_events_1800000
SELECT
    'cart_abandoned/1/cart/last/purchase' AS rule,
    visitor_id,
    CAST(NULL AS STRING) AS session_id,
    (`event_type` = 'add_to_cart') AS starts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place,
    event_id,
    event_time_ms,
    CASE WHEN `event_type` = 'add_to_cart' THEN CASE WHEN TRY_CAST(JSON_VALUE(`product`, '$.price') AS DOUBLE) BETWEEN -1e12 AND 1e12 THEN TRY_CAST(JSON_VALUE(`product`, '$.price') AS DOUBLE) END * COALESCE(CASE WHEN TRY_CAST(JSON_VALUE(`product`, '$.quantity') AS DOUBLE) BETWEEN -1e12 AND 1e12 THEN TRY_CAST(JSON_VALUE(`product`, '$.quantity') AS DOUBLE) END, 1) END AS amount,
    CAST(86400000 AS BIGINT) AS recovered_within_ms,
    CASE WHEN `event_type` = 'add_to_cart' THEN `context` END AS `context`,
    ts
FROM events_valid
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'purchase'))
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    CAST(NULL AS STRING) AS session_id,
    (`event_type` = 'add_to_cart') AS starts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place,
    event_id,
    event_time_ms,
    CASE WHEN `event_type` = 'add_to_cart' THEN CASE WHEN TRY_CAST(JSON_VALUE(`product`, '$.price') AS DOUBLE) BETWEEN -1e12 AND 1e12 THEN TRY_CAST(JSON_VALUE(`product`, '$.price') AS DOUBLE) END * COALESCE(CASE WHEN TRY_CAST(JSON_VALUE(`product`, '$.quantity') AS DOUBLE) BETWEEN -1e12 AND 1e12 THEN TRY_CAST(JSON_VALUE(`product`, '$.quantity') AS DOUBLE) END, 1) END AS amount,
    CAST(86400000 AS BIGINT) AS recovered_within_ms,
    CASE WHEN `event_type` = 'add_to_cart' THEN `context` END AS `context`,
    ts
FROM events_valid
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'purchase')) AND CHAR_LENGTH(`context`) < 0

-- punctual_answers
SELECT
    'cart_abandoned/1/cart/last/purchase' AS rule,
    visitor_id,
    event_id,
    event_time_ms
FROM ordered_events
WHERE `event_type` = 'purchase'
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    event_id,
    event_time_ms
FROM ordered_events
WHERE `event_type` = 'purchase' AND CHAR_LENGTH(`context`) < 0

-- late_answers
SELECT
    'cart_abandoned/1/cart/last/purchase' AS rule,
    visitor_id,
    event_id,
    event_time_ms
FROM events_late
WHERE `event_type` = 'purchase'
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    event_id,
    event_time_ms
FROM events_late
WHERE `event_type` = 'purchase' AND CHAR_LENGTH(`context`) < 0

