-- audit_entries: the newest row of each entry of the ledger
-- grain: one row per entry, written again when it grows        key: entry_id
-- time: none
-- state: the newest row of each entry, for dedup_ttl_ms
SELECT
    entry_id,
    LAST_VALUE(verdict) AS verdict,
    LAST_VALUE(source_partition) AS source_partition,
    LAST_VALUE(arrived_in) AS arrived_in,
    LAST_VALUE(window_start_ms) AS window_start_ms,
    LAST_VALUE(events) AS events,
    LAST_VALUE(checksum) AS checksum
FROM (
    SELECT
        record_key AS entry_id,
        JSON_VALUE(record_value, '$.verdict') AS verdict,
        JSON_VALUE(record_value, '$.partition' RETURNING INTEGER) AS source_partition,
        CAST(CAST(JSON_VALUE(record_value, '$.arrived_in_ms') AS BIGINT) / 300000 AS INTEGER) AS arrived_in,
        CAST(JSON_VALUE(record_value, '$.window_start_ms') AS BIGINT) AS window_start_ms,
        CAST(JSON_VALUE(record_value, '$.events') AS BIGINT) AS events,
        CAST(JSON_VALUE(record_value, '$.checksum') AS BIGINT) AS checksum
    FROM ledger_read
)
GROUP BY entry_id
