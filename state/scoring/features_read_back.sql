-- feature_documents: the features of events as they lie in their topic, for SCORING on its own
-- grain: one row per event        key: visitor_id, place
-- time: ts, event time
-- state: none
SELECT
    record_key AS visitor_id,
    JSON_VALUE(record_value, '$.session_id') AS session_id,
    CAST(JSON_VALUE(record_value, '$.event_no') AS BIGINT) AS event_no,
    JSON_VALUE(record_value, '$.event_type') AS event_type,
    CAST(JSON_VALUE(record_value, '$.event_time_ms') AS BIGINT) AS event_time_ms,
    ts,
    CAST(CAST(JSON_VALUE(record_value, '$.values[${in_count_add_to_cart}]') AS DOUBLE) AS INT) AS carts,
    CAST(CAST(JSON_VALUE(record_value, '$.values[${in_count_checkout_start}]') AS DOUBLE)
        + CAST(JSON_VALUE(record_value, '$.values[${in_count_checkout_step}]') AS DOUBLE) AS INT) AS checkouts,
    CAST(CAST(JSON_VALUE(record_value, '$.values[${in_count_purchase}]') AS DOUBLE) AS INT) AS purchases,
    LPAD(JSON_VALUE(record_value, '$.event_time_ms'), 13, '0') || LPAD(CAST(CAST(
        CAST(JSON_VALUE(record_value, '$.values[${in_visitor_events}]') AS DOUBLE) AS BIGINT) AS STRING), 12, '0') AS place,
    record_value AS document
FROM features_read
WHERE record_value NOT LIKE '%,"session_ended":true,"closed_at_ms":%'
