-- visitor_inputs: what VISITORS takes: slices, and what came behind the watermark on its own
-- grain: one row per slice, one per late event        key: bucket
-- time: ts, event time
SELECT bucket, ROW(ends_at_ms, FALSE, bodies) AS slice, ts
FROM visitor_slices
UNION ALL
SELECT CAST(key AS INT), ROW(CAST(0 AS BIGINT), TRUE, ARRAY[body]), ts
FROM device_documents
WHERE kind = 'judged_late'
