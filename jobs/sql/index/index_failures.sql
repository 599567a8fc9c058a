-- index_failures: documents that Elasticsearch refused for good, with its reason
-- grain: one row per refused version of a document        key: document_id
-- time: none
-- state: none; index_documents (udfs/bulk_index.py) writes a whole batch as one bulk request and answers NULL for
--        every document that is indexed. It is called once: the outer query only filters its answer.
-- The array of one keeps the planner from calling the function on each branch of the union: it is one operator behind
-- both, a task of its own that makes no session window wait for Elasticsearch, and half the Python workers.
SELECT document_id, failure
FROM (
    SELECT document_id, index_documents(index_name, document_id, version, one_document) AS failure
    FROM documents
    CROSS JOIN UNNEST(ARRAY[document]) AS unnested(one_document)
)
WHERE failure IS NOT NULL
