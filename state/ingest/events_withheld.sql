-- events_withheld: the dead letters of events that are held back: where they lie, without their bytes
-- grain: one row per event held back        key: letter_id
-- time: none
-- state: none
-- No bytes: what came without consent is not to be kept, and a bot's flood is not to be read twice. Until its retention
-- the raw topic has them at the place that the letter names.
SELECT
    source_topic || ':' || CAST(source_partition AS STRING) || ':' || CAST(source_offset AS STRING) AS letter_id,
    JSON_OBJECT(
        'reason' VALUE withheld_for,
        'detail' VALUE CASE withheld_for
            WHEN 'no_consent' THEN 'the last word of the visitor on consent must be granted; the bytes are not kept'
            ELSE 'the visitor sent more than a cap of bots allows; the bytes are not kept'
        END,
        'topic' VALUE source_topic,
        'partition' VALUE source_partition,
        'offset' VALUE source_offset,
        'timestamp_ms' VALUE
            TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', CAST(source_timestamp AS TIMESTAMP(3)))
                * CAST(1000 AS BIGINT) + EXTRACT(MILLISECOND FROM CAST(source_timestamp AS TIMESTAMP(3))),
        'payload_base64' VALUE CAST(NULL AS STRING),
        'adapter' VALUE 'canonical',
        'job_version' VALUE ${job_version}) AS letter
FROM events_judged
WHERE withheld_for IS NOT NULL
