-- index_writes: the documents that the index holds
-- grain: one row per version of a document        key: index_name, id; version orders the changes
-- time: none
SELECT
    CASE kind
        WHEN 'session' THEN 'footfall-sessions'
        WHEN 'signal' THEN 'footfall-signals'
        WHEN 'alias' THEN 'footfall-aliases'
        WHEN 'visitor' THEN 'footfall-visitors'
        WHEN 'shadow' THEN 'footfall-shadow-scores'
        WHEN 'item' THEN 'footfall-items'
        WHEN 'visitor_items' THEN 'footfall-visitor-items'
    END AS index_name,
    id, version, body
FROM documents
WHERE kind IN ('session', 'signal', 'alias', 'visitor', 'shadow', 'item', 'visitor_items')
