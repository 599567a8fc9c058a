-- index_failures: documents that Elasticsearch refused for good, with its reason
-- grain: one row per refused version of a document        key: document_id
-- time: none
-- index_documents (udfs/bulk_index.py) writes a whole batch as one bulk request; it answers NULL for what is indexed.
SELECT document_id, failure
FROM (
    SELECT id AS document_id, index_documents(index_name, id, version, body) AS failure
    FROM index_writes
)
WHERE failure IS NOT NULL
