-- verdicts: what became of each accepted event, with the five minutes in which it arrived
-- grain: one row per accepted, punctual event that is not held back        key: source_partition, source_offset
-- time: ts, event time
-- state: none
SELECT
    verdict,
    source_partition,
    TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) / 5 AS arrived_in,
    CAST(HASH_CODE(event_id) AS BIGINT) AS event_hash,
    ts
FROM (
    SELECT 'valid' AS verdict, source_partition, source_timestamp, event_id, ts
    FROM events_judged
    WHERE withheld_for IS NULL
    UNION ALL
    SELECT
        CASE WHEN event_type = 'heartbeat' THEN 'heartbeat' ELSE 'duplicate' END,
        source_partition, source_timestamp, event_id, ts
    FROM events_on_time
    WHERE repeat_no > 1 OR event_type = 'heartbeat'
)
