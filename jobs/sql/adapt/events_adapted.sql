-- events_adapted: the canonical events that were made
-- grain: one row per event        key: event_id (in the document); the record's key is the visitor
-- time: none
-- state: none
SELECT record_key, document, source_timestamp, event_time_ms
FROM adapted
WHERE kind = 'event'
