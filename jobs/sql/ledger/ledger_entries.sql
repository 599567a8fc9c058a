-- ledger_entries: the ledger's rows as documents, for the topic
-- grain: as ledger        key: entry_id
-- time: none
-- state: none
SELECT
    entry_id,
    JSON_OBJECT(
        'entry_id' VALUE entry_id,
        'verdict' VALUE verdict,
        'partition' VALUE source_partition,
        'arrived_in_ms' VALUE arrived_in_ms,
        'window_start_ms' VALUE window_start_ms,
        'events' VALUE events,
        'checksum' VALUE checksum) AS entry
FROM ledger
