-- signals_with_bucket: each change of a signal, and each order to erase, with the bucket of its visitor, as they lie in their topics
-- grain: one row per change of a signal or order        key: bucket
-- time: ts, event time of the change; it moves forgetting on, nothing else
SELECT
    MOD(MOD(HASH_CODE(COALESCE(record_key, '')), ${buckets}) + ${buckets}, ${buckets}) AS bucket,
    ROW(CAST(0 AS BIGINT), FALSE, ARRAY[record_value]) AS slice,
    ts
FROM signal_topic
WHERE record_value IS NOT NULL
