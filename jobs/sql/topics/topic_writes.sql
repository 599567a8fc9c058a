-- topic_writes: the documents that go to topics
-- grain: one row per version of a document        key: topic, record_key
-- time: none
-- A document without a body is a tombstone: it deletes its key.
SELECT
    CASE kind
        WHEN 'valid' THEN 'footfall.events.valid'
        WHEN 'late' THEN 'footfall.events.late'
        WHEN 'rejected' THEN 'footfall.events.rejected'
        WHEN 'alias' THEN 'footfall.aliases'
        WHEN 'signal' THEN 'footfall.signals'
        WHEN 'segment' THEN 'footfall.segments'
        WHEN 'session' THEN 'footfall.sessions'
        WHEN 'features' THEN 'footfall.features'
        WHEN 'score' THEN 'footfall.scores'
        WHEN 'visitor' THEN 'footfall.visitors'
    END AS topic,
    key AS record_key,
    NULLIF(body, x'') AS record_value,
    kind
FROM documents
