-- ledger: how many punctual events were valid, duplicates or heartbeats
-- grain: one row per five-minute window of event time, arrival window, source partition and verdict; written again at each
--        ledger step with the count so far (the largest count of a key is the newest)        key: entry_id
-- time: window_time, event time
-- state: one counter per open window, arrival window, partition and verdict; dropped when the window closes
-- checksum: order-free sum of the event ids' hashes, so that two ledgers of the same events can be compared.
SELECT
    verdict || '/' || CAST(source_partition AS STRING) || '/' || CAST(window_start_ms / 60000 AS STRING)
        || '/' || CAST(arrived_in_ms / 300000 AS STRING) AS entry_id,
    verdict, source_partition, arrived_in_ms, window_start_ms,
    SUM(events) AS events,
    SUM(checksum) AS checksum
FROM TABLE(CUMULATE(TABLE verdicts, DESCRIPTOR(ts), INTERVAL '${ledger_step_interval}' DAY TO SECOND(3),
    INTERVAL '${ledger_window_interval}' DAY TO SECOND(3)))
GROUP BY window_start, window_end, verdict, source_partition, arrived_in_ms, window_start_ms
