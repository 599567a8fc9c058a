-- counted_events
SELECT
    'checkout_hesitation/1/checkout/first/purchase' AS rule,
    visitor_id,
    session_id,
    CASE WHEN CHAR_LENGTH(`context`) < 0 THEN '-' ELSE '' END AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    CAST(NULL AS BIGINT) AS least_events,
    CAST(NULL AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('checkout_start', 'checkout_step')
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
    CAST(NULL AS BIGINT) AS least_events,
    CAST(NULL AS BIGINT) AS least_ms,
    ts
FROM session_events
WHERE `event_type` IN ('checkout_start', 'checkout_step') AND CHAR_LENGTH(`context`) < 0

-- wait_events_600000
SELECT
    'checkout_hesitation/1/checkout/first/purchase' AS rule,
    visitor_id,
    session_id,
    (TRUE) AS starts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place,
    event_id,
    event_time_ms,
    CAST(NULL AS DOUBLE) AS amount,
    CAST(86400000 AS BIGINT) AS recovered_within_ms,
    `context`,
    ts
FROM rule_counts
WHERE rule = 'checkout_hesitation/1/checkout/first/purchase' AND event_time_ms = first_at_ms
UNION ALL
SELECT
    'checkout_hesitation/1/checkout/first/purchase' AS rule,
    visitor_id,
    CAST(NULL AS STRING) AS session_id,
    (FALSE) AS starts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place,
    event_id,
    event_time_ms,
    CAST(NULL AS DOUBLE) AS amount,
    CAST(86400000 AS BIGINT) AS recovered_within_ms,
    CAST(NULL AS STRING) AS `context`,
    ts
FROM events_valid
WHERE `event_type` = 'purchase'
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    session_id,
    (TRUE) AS starts,
    LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') AS place,
    event_id,
    event_time_ms,
    CAST(NULL AS DOUBLE) AS amount,
    CAST(86400000 AS BIGINT) AS recovered_within_ms,
    `context`,
    ts
FROM rule_counts
WHERE rule = '' AND event_time_ms = first_at_ms AND CHAR_LENGTH(`context`) < 0

-- punctual_answers
SELECT
    'checkout_hesitation/1/checkout/first/purchase' AS rule,
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
    'checkout_hesitation/1/checkout/first/purchase' AS rule,
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

