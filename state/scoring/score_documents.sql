-- score_documents: every score together with the features it was made of, for the topic
-- grain: as scores        key: score_id
-- time: none
-- state: none
-- Text joined to text: inside of JSON strings every quote is escaped, so the features' schema is found in one place only.
SELECT
    visitor_id,
    '{"schema":"score/1","score_id":"' || score_id || '","kind":"' || model
        || '","scored_at_ms":' || CAST(scored_at_ms AS STRING) || ',' || said
        || COALESCE(',"shadow":' || shadow, '') || ','
        || SUBSTRING(REPLACE(document, '"schema":"features/1",', ''), 2) AS document
FROM scores
