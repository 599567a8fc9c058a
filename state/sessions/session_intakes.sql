-- session_intakes: each event that SESSIONS took in, as its ledger counts it
-- grain: one row per event        key: event_id
-- time: ts, event time
-- state: none of its own
SELECT
    event_time_ms / 300000 AS happened_in,
    CAST(HASH_CODE(event_id) AS BIGINT) AS event_hash,
    ts
FROM session_events
