-- documents: everything that DEVICES and VISITORS bring forth for somebody else
-- grain: one row per version of a document        key: kind, id, version
-- time: ts, event time
SELECT kind, key, id, version, body, ts FROM device_documents WHERE kind NOT IN ('judged', 'judged_late')
UNION ALL
SELECT kind, key, id, version, body, ts FROM visitor_documents
