-- session_ledger: what SESSIONS took in, counted behind its own per-visitor operator; for job audit
-- grain: one row per five minutes of event time, written again at each ledger step with the count so far
--        key: entry_id
-- time: window_time, event time
-- state: one counter per open window; dropped when the window closes
-- checksum: order-free sum of the event ids' hashes, as in the ledger of ingest
-- happened_in: by the event's own time, whatever the time attribute of events_valid adds to it
SELECT
    'sessions/' || CAST(window_no AS STRING) || '/' || CAST(happened_in AS STRING) AS entry_id,
    JSON_OBJECT(
        'entry_id' VALUE 'sessions/' || CAST(window_no AS STRING) || '/' || CAST(happened_in AS STRING),
        'verdict' VALUE 'sessions',
        'window_start_ms' VALUE happened_in * 300000,
        'events' VALUE events,
        'checksum' VALUE checksum) AS entry
FROM (
    SELECT
        TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', window_start) AS window_no,
        happened_in,
        COUNT(*) AS events,
        SUM(event_hash) AS checksum
    FROM TABLE(CUMULATE(TABLE session_intakes, DESCRIPTOR(ts), INTERVAL '${ledger_step_interval}' DAY TO SECOND(3), INTERVAL '5' MINUTE))
    GROUP BY window_start, window_end, happened_in
)
