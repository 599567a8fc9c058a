-- events_accepted: the events that nothing is wrong with
-- grain: one row per accepted event, duplicates included        key: source_partition, source_offset
-- time: ts, event time
-- state: none
SELECT * FROM events_checked WHERE refusal IS NULL
