-- sequence_events_3_86400000
SELECT
    'price_hesitation/1/product_id' AS rule,
    visitor_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    (`event_type` = 'add_to_cart') AS step_1,
    (`event_type` = 'remove_from_cart') AS step_2,
    (`event_type` = 'add_to_cart') AS step_3,
    ts
FROM events_valid
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'remove_from_cart') OR (`event_type` = 'add_to_cart')) AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    event_id,
    event_time_ms,
    `sequence`,
    `context`,
    (`event_type` = 'add_to_cart') AS step_1,
    (`event_type` = 'remove_from_cart') AS step_2,
    (`event_type` = 'add_to_cart') AS step_3,
    ts
FROM events_valid
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'remove_from_cart') OR (`event_type` = 'add_to_cart')) AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL AND CHAR_LENGTH(`context`) < 0

