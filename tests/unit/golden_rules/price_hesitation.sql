-- sequence_events_3_86400000
SELECT
    'price_hesitation/1/product_id' AS rule,
    visitor_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    `context`,
    CASE WHEN (`event_type` = 'add_to_cart') THEN '1' ELSE '0' END || CASE WHEN (`event_type` = 'remove_from_cart') THEN '1' ELSE '0' END || CASE WHEN (`event_type` = 'add_to_cart') THEN '1' ELSE '0' END || LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') || event_id AS taken,
    ts
FROM ordered_events
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'remove_from_cart')) AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL
UNION ALL
SELECT
    '' AS rule,
    visitor_id,
    JSON_VALUE(`product`, '$.product_id') AS rule_key,
    `context`,
    CASE WHEN (`event_type` = 'add_to_cart') THEN '1' ELSE '0' END || CASE WHEN (`event_type` = 'remove_from_cart') THEN '1' ELSE '0' END || CASE WHEN (`event_type` = 'add_to_cart') THEN '1' ELSE '0' END || LPAD(CAST(event_time_ms * 1000000 + `sequence` AS STRING), 19, '0') || event_id AS taken,
    ts
FROM ordered_events
WHERE ((`event_type` = 'add_to_cart') OR (`event_type` = 'remove_from_cart')) AND JSON_VALUE(`product`, '$.product_id') IS NOT NULL AND CHAR_LENGTH(`context`) < 0

