-- events_accepted: the same with pseudonyms for ids, where the setting pseudonymise is on
-- grain: one row per accepted event, duplicates included        key: source_partition, source_offset
-- time: ts, event time
-- state: none; pseudonymise (udfs/pseudonymise.py) hashes a batch at a time
SELECT
    `schema`, event_id, event_type, event_time_ms, received_at_ms,
    pseudonymise(visitor_id) AS visitor_id,
    pseudonymise(NULLIF(anonymous_id, '')) AS anonymous_id,
    pseudonymise(NULLIF(user_id, '')) AS user_id,
    session_hint, `context`, product, `order`, properties, `sequence`,
    source_topic, source_partition, source_offset, source_timestamp, ts, refusal
FROM events_checked
WHERE refusal IS NULL
