-- opened: the documents of a keyed operator's outputs, one a row; ${outputs} is the view of the outputs
-- grain: one row per document        key: kind, id, version
-- time: ts, event time
SELECT document.kind, document.key, document.id, document.version, document.body, ts
FROM ${outputs}
CROSS JOIN UNNEST(documents) AS document(kind, key, id, version, body)
