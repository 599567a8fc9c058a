-- documents: everything that the index holds, one change at a time
-- grain: one row per version of a document        key: index_name, document_id; version orders the changes
-- time: none
-- state: none
SELECT 'footfall-sessions' AS index_name, session_id AS document_id, version, document FROM session_documents
UNION ALL
SELECT 'footfall-signals', signal_id, version, document FROM signal_documents
UNION ALL
SELECT 'footfall-aliases', alias_id, version, document FROM alias_documents
UNION ALL
SELECT 'footfall-visitors', visitor_id, version, document FROM visitor_documents
UNION ALL
SELECT 'footfall-shadow-scores', score_id, version, document FROM shadow_documents
