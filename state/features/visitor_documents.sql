-- visitor_documents: what is known of a visitor, for the index
-- grain: as visitor_features        key: visitor_id; version orders the changes
-- time: none
-- state: none
-- Text is cut out of the features' text and joined: Flink writes the members of an object in the order of their names, and inside
-- of JSON strings every quote is escaped, so what is looked for is found in its place only. Functions of JSON would read all
-- of the text at each use.
SELECT
    visitor_id,
    at_ms AS version,
    '{"visitor_id":' || JSON_STRING(visitor_id)
        || ',"session_id":"' || REGEXP_EXTRACT(newest, '"session_id":"([0-9a-f]+)"', 1) || '"'
        || COALESCE(',"first_seen_ms":' || REGEXP_EXTRACT(newest, '"first_seen_ms":([0-9]+)', 1), '')
        || ',"last_seen_ms":' || CAST(at_ms AS STRING)
        || ',"context":{' || TRIM(TRAILING ',' FROM REGEXP_EXTRACT(
            newest, '^.{25}\{((?:"(?:channel|country|device)":"[^"\\]*+(?:\\.[^"\\]*+)*+",)*+)', 1)) || '}'
        || ',"features":' || SUBSTRING(newest, 26)
        || ',"version":' || CAST(at_ms AS STRING) || '}' AS document
FROM visitor_features
