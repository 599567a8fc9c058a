-- index_failures: documents that Elasticsearch refused for good, with its reason
-- grain: one row per refused version of a document        key: document_id
-- time: none
-- state: none; index_documents (udfs/bulk_index.py) writes a whole batch as one bulk request and answers NULL for
--        every document that is indexed. It is called once: the outer query only filters its answer.
SELECT document_id, failure
FROM (
    SELECT document_id, index_documents(index_name, document_id, version, document) AS failure
    FROM documents
)
WHERE failure IS NOT NULL
