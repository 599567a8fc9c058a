-- results: what became of each foreign message, event by event, as the texts of udfs/adapt.py
-- grain: one row per message        key: source_topic, source_partition, source_offset
-- time: none
-- state: none
-- The headers are optional: `adapter` names the format, `received_at_ms` tells when the message came in.
SELECT
    adapt_message(
        payload,
        DECODE(headers['adapter'], 'UTF-8'),
        DECODE(headers['received_at_ms'], 'UTF-8'),
        source_topic, source_partition, source_offset,
        CAST(source_timestamp AS STRING)) AS results,
    source_timestamp
FROM foreign_messages
