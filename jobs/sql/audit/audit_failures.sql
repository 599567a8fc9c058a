-- audit_failures: windows that Elasticsearch refused for good, with its reason
-- grain: one row per refused window        key: document_id
-- time: none
-- state: none; index_audit (udfs/audit_index.py) writes a whole batch as one bulk request and answers NULL for every
--        document that is indexed
SELECT document_id, failure
FROM (
    SELECT audit_id AS document_id, index_audit(audit_id, version, document, window_start_ms, difference) AS failure
    FROM audit_documents
)
WHERE failure IS NOT NULL
