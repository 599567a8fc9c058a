-- messages_on_time: the messages that the watermark has not passed
-- grain: one row per message        key: source_topic, source_partition, source_offset
-- time: ts, event time
SELECT * FROM messages_with_lateness WHERE NOT is_late
