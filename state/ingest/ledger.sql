-- ledger: how many punctual events were valid, duplicates or heartbeats
-- grain: one row per five-minute window of event time, arrival window, source partition and verdict; written again
--        at each ledger step with the count so far (the largest count of a key is the newest)        key: entry_id
-- time: window_time, event time
-- state: one counter per open window, arrival window, partition and verdict; dropped when the window closes
-- checksum: order-free sum of the event ids' hashes, so that two ledgers of the same events can be compared.
SELECT
    verdict || '/' || CAST(source_partition AS STRING)
        || '/' || CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', window_start) AS STRING)
        || '/' || CAST(arrived_in AS STRING) AS entry_id,
    verdict,
    source_partition,
    CAST(arrived_in AS BIGINT) * 300000 AS arrived_in_ms,
    TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', window_start) * CAST(60000 AS BIGINT) AS window_start_ms,
    COUNT(*) AS events,
    SUM(event_hash) AS checksum
FROM TABLE(CUMULATE(TABLE verdicts, DESCRIPTOR(ts), INTERVAL '${ledger_step_interval}' DAY TO SECOND(3), INTERVAL '5' MINUTE))
GROUP BY window_start, window_end, verdict, source_partition, arrived_in
