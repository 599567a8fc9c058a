-- sighted_on_time: the packs that the watermark has not passed
-- grain: one row per pack        key: bucket
-- time: ts, event time
SELECT * FROM sighted WHERE NOT is_late
