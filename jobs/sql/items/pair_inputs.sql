-- pair_inputs: what PAIRS takes: slices of valid events; each event behind the watermark and each order to erase on its own
-- grain: one row per slice, one per late event, one per order        key: bucket
-- time: ts, event time
SELECT bucket, ROW(ends_at_ms, FALSE, bodies) AS slice, ts
FROM valid_slices
UNION ALL
SELECT bucket, ROW(CAST(0 AS BIGINT), TRUE, ARRAY[payload]), ts
FROM valid_with_bucket
WHERE is_late
UNION ALL
SELECT
    MOD(MOD(HASH_CODE(record_key), ${buckets}) + ${buckets}, ${buckets}),
    ROW(CAST(0 AS BIGINT), TRUE, ARRAY[record_value]),
    ts
FROM erasure_orders
WHERE record_value IS NOT NULL
