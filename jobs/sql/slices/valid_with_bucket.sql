-- valid_with_bucket: valid events with the bucket of their visitor
-- grain: one row per event        key: event_id (in the payload)
-- time: ts, event time
SELECT
    MOD(MOD(HASH_CODE(COALESCE(JSON_VALUE(CAST(payload AS STRING), '$.visitor_id'), '')), ${buckets}) + ${buckets}, ${buckets})
        AS bucket,
    payload,
    COALESCE(ts <= CURRENT_WATERMARK(ts), FALSE) AS is_late,
    ts
FROM messages
