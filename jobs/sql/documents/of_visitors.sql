-- documents: everything that VISITORS on its own brings forth
-- grain: one row per version of a document        key: kind, id, version
-- time: ts, event time
SELECT * FROM visitor_documents
