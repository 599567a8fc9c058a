-- events_refused: where the refused messages are, and what for
-- grain: one row per refused event, or per run of unparsable messages        key: source_partition, first_offset
-- time: none
-- state: none of its own
SELECT source_topic, source_partition, first_offset, last_offset, refusal FROM message_gaps
UNION ALL
SELECT source_topic, source_partition, source_offset, source_offset, refusal
FROM events_checked
WHERE refusal IS NOT NULL
