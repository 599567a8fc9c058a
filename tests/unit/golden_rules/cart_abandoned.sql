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

-- wait_moves
SELECT
    rule,
    visitor_id,
    event_id,
    session_id,
    waits_since_ms,
    events_no,
    amount,
    recovered_within_ms,
    `context`,
    TRUE AS fired,
    due_at_ms AS at_ms,
    fired_at AS moved_at
FROM waits_1800000
WHERE recovered_within_ms IS NOT NULL
UNION ALL
SELECT
    'cart_abandoned/1/cart/last/purchase' AS rule,
    visitor_id,
    event_id,
    CAST(NULL AS STRING) AS session_id,
    CAST(NULL AS BIGINT) AS waits_since_ms,
    CAST(NULL AS BIGINT) AS events_no,
    CAST(NULL AS DOUBLE) AS amount,
    CAST(NULL AS BIGINT) AS recovered_within_ms,
    CAST(NULL AS STRING) AS `context`,
    FALSE AS fired,
    event_time_ms AS at_ms,
    ts AS moved_at
FROM events_valid
WHERE `event_type` = 'purchase'

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

