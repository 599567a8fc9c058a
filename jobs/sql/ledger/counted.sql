-- counted: what a keyed operator's outputs count for the ledger; ${outputs} is the view of the outputs
-- grain: one row per slice, verdict, source partition, arrival window and window of event time        key: all of these
-- time: ts, event time
SELECT
    counted.verdict, counted.source_partition, counted.arrived_in_ms, counted.window_start_ms, counted.events, counted.checksum, ts
FROM ${outputs}
CROSS JOIN UNNEST(counts)
    AS counted(verdict, source_partition, arrived_in_ms, window_start_ms, events, checksum)
