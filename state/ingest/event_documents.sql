-- event_documents: the contract's event document again, for a topic; ${events} is the view it is made of
-- grain: one row per event        key: visitor_id
-- time: none
-- state: none
SELECT
    visitor_id,
    JSON_OBJECT(
        'schema' VALUE `schema`,
        'event_id' VALUE event_id,
        'event_type' VALUE event_type,
        'event_time_ms' VALUE event_time_ms,
        'received_at_ms' VALUE received_at_ms,
        'visitor_id' VALUE visitor_id,
        'anonymous_id' VALUE anonymous_id,
        'user_id' VALUE user_id,
        'session_hint' VALUE session_hint,
        'sequence' VALUE `sequence`,
        'context' VALUE JSON(CASE WHEN `context` IS JSON OBJECT THEN `context` ELSE '{}' END),
        'product' VALUE JSON(CASE WHEN product IS JSON OBJECT THEN product ELSE '{}' END),
        'order' VALUE JSON(CASE WHEN `order` IS JSON OBJECT THEN `order` ELSE '{}' END),
        'properties' VALUE JSON(CASE WHEN properties IS JSON OBJECT THEN properties ELSE '{}' END),
        'source' VALUE JSON_OBJECT(
            'topic' VALUE source_topic, 'partition' VALUE source_partition, 'offset' VALUE source_offset,
            'timestamp_ms' VALUE
                TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3))) * CAST(60000 AS BIGINT)
                + EXTRACT(SECOND FROM source_timestamp) * 1000 + EXTRACT(MILLISECOND FROM source_timestamp))
        ABSENT ON NULL) AS document
FROM ${events}
