-- message_gaps: runs of messages that the JSON reader could not turn into any event
-- grain: one row per run of missing offsets        key: source_topic, source_partition, first_offset
-- time: none
-- state: the last offset of each source partition (LAG), for dedup_ttl. A partition that was silent for longer looks
--        as if all its past were a gap; fetch_rejected then passes over the valid ones, and letters have fixed ids.
-- A partition's messages arrive here in offset order, so an offset that is skipped is a message that did not parse.
SELECT
    source_topic, source_partition,
    previous_offset + 1 AS first_offset,
    source_offset - 1 AS last_offset,
    CAST('unparsable' AS STRING) AS refusal
FROM (
    SELECT
        source_topic, source_partition, source_offset,
        LAG(source_offset, 1, CAST(-1 AS BIGINT)) OVER (
            PARTITION BY source_topic, source_partition ORDER BY arrived_at) AS previous_offset
    FROM (SELECT *, PROCTIME() AS arrived_at FROM events_json)
)
WHERE source_offset > previous_offset + 1
