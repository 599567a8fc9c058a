-- verdicts: what became of each accepted event, with the five minutes in which it arrived
-- grain: one row per accepted, punctual event        key: source_partition, source_offset
-- time: ts, event time
-- state: none
SELECT
    CASE
        WHEN event_type = 'heartbeat' THEN 'heartbeat'
        WHEN repeat_no = 1 THEN 'valid'
        ELSE 'duplicate'
    END AS verdict,
    source_partition,
    TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) / 5 AS arrived_in,
    CAST(HASH_CODE(event_id) AS BIGINT) AS event_hash,
    ts
FROM events_on_time
