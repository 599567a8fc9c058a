-- documents: items, and what is known of visitors' items
-- grain: one row per version of a document        key: kind, id, version
-- time: ts, event time
SELECT kind, key, id, version, body, ts FROM pair_documents WHERE kind = 'visitor_items'
UNION ALL
SELECT kind, key, id, version, body, ts FROM item_documents
