-- sighted: packs of sightings. All items have one key: what goes with an item depends on the totals of others
-- grain: one row per pack        key: bucket, always 0
-- time: ts, the last millisecond of the slice of events
-- is_late: PAIRS may let a late event wait for those before it; what it leads to comes behind the watermark then
SELECT 0 AS bucket, body, COALESCE(ts <= CURRENT_WATERMARK(ts), FALSE) AS is_late, ts
FROM pair_documents
WHERE kind = 'sighted'
