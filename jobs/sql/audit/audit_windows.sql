-- audit_windows: read = valid + duplicate + late + rejected, for each five minutes of arrival and each partition
-- grain: one row per window and partition, changing until all of it is in        key: arrived_in, source_partition
-- time: none
-- state: the sums of each window, for dedup_ttl_ms after its last change
-- difference: 0 when every message is accounted for. checksum_difference: 0 when they are also the same ones, or when
-- a message's id can be read by only one of the two JSON readers (ingest's takes text after the object, say).
SELECT
    arrived_in,
    source_partition,
    SUM(events) AS facts,
    COALESCE(SUM(events) FILTER (WHERE fact = 'read'), 0) AS `read`,
    COALESCE(SUM(events) FILTER (WHERE fact = 'valid'), 0) AS valid,
    COALESCE(SUM(events) FILTER (WHERE fact = 'duplicate'), 0) AS duplicate,
    COALESCE(SUM(events) FILTER (WHERE fact = 'late'), 0) AS late,
    COALESCE(SUM(events) FILTER (WHERE fact = 'oversized'), 0) AS oversized,
    COALESCE(SUM(events) FILTER (WHERE fact = 'not_utf8'), 0) AS not_utf8,
    COALESCE(SUM(events) FILTER (WHERE fact = 'not_json'), 0) AS not_json,
    COALESCE(SUM(events) FILTER (WHERE fact = 'not_an_object'), 0) AS not_an_object,
    COALESCE(SUM(events) FILTER (WHERE fact = 'unknown_schema'), 0) AS unknown_schema,
    COALESCE(SUM(events) FILTER (WHERE fact = 'missing_field'), 0) AS missing_field,
    COALESCE(SUM(events) FILTER (WHERE fact = 'wrong_type'), 0) AS wrong_type,
    COALESCE(SUM(events) FILTER (WHERE fact = 'out_of_range'), 0) AS out_of_range,
    COALESCE(SUM(events) FILTER (WHERE fact = 'future_timestamp'), 0) AS future_timestamp,
    COALESCE(SUM(events) FILTER (WHERE fact = 'no_consent'), 0) AS no_consent,
    COALESCE(SUM(events) FILTER (WHERE fact = 'bot_quarantined'), 0) AS bot_quarantined,
    COALESCE(SUM(checksum) FILTER (WHERE fact = 'read'), 0) AS read_checksum,
    COALESCE(SUM(checksum) FILTER (WHERE fact = 'valid'), 0) AS valid_checksum,
    SUM(CASE WHEN fact = 'read' THEN events ELSE -events END) AS difference,
    SUM(CASE WHEN fact = 'read' THEN checksum ELSE -checksum END) AS checksum_difference
FROM audit_facts
GROUP BY arrived_in, source_partition
