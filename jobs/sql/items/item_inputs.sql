-- item_inputs: what ITEMS takes: slices, and each pack that came behind the watermark on its own
-- grain: one row per slice, one per late pack        key: bucket
-- time: ts, event time
SELECT bucket, ROW(ends_at_ms, FALSE, bodies) AS slice, ts
FROM item_slices
UNION ALL
SELECT bucket, ROW(CAST(0 AS BIGINT), TRUE, ARRAY[body]), ts
FROM sighted
WHERE is_late
