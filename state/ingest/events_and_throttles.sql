-- events_and_throttles: events and throttles on one time line; a throttle has no event_id
-- grain: one row per event or throttle        key: event_id, or device_id and throttled_at_ms
-- time: ts, event time
-- state: none
SELECT * FROM events_first
UNION ALL
SELECT
    CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT),
    CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING),
    CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS STRING), CAST(NULL AS BIGINT),
    CAST(NULL AS STRING), CAST(NULL AS INT), CAST(NULL AS BIGINT), CAST(NULL AS TIMESTAMP_LTZ(3)), ts,
    device_id, CAST(NULL AS STRING), CAST(NULL AS STRING), throttled_at_ms
FROM throttles
