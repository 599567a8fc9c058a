-- judged: the events of a slice of DEVICES for one bucket of visitors
-- grain: one row per slice of devices and bucket of visitors that it has events for        key: bucket
-- time: ts, the last millisecond of the slice
SELECT CAST(key AS INT) AS bucket, body, ts
FROM device_documents
WHERE kind = 'judged'
