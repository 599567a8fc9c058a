-- audit_documents: the audit's windows as documents of the index
-- grain: one row per change of a window        key: audit_id; version orders the changes
-- time: none
-- state: none
-- version: all that was counted for the window on either side. It only grows in the end, so that a count on its way
--          (a sum is taken back and given anew) never replaces a later one.
SELECT
    'ingest/' || CAST(arrived_in AS STRING) || '/' || CAST(source_partition AS STRING) AS audit_id,
    facts AS version,
    CAST(arrived_in AS BIGINT) * 300000 AS window_start_ms,
    difference,
    JSON_OBJECT(
        'audit_id' VALUE 'ingest/' || CAST(arrived_in AS STRING) || '/' || CAST(source_partition AS STRING),
        'audit' VALUE 'ingest',
        'window_start_ms' VALUE CAST(arrived_in AS BIGINT) * 300000,
        'partition' VALUE source_partition,
        'read' VALUE `read`,
        'valid' VALUE valid,
        'duplicate' VALUE duplicate,
        'late' VALUE late,
        'rejected' VALUE JSON_OBJECT(
            'oversized' VALUE oversized,
            'not_utf8' VALUE not_utf8,
            'not_json' VALUE not_json,
            'not_an_object' VALUE not_an_object,
            'unknown_schema' VALUE unknown_schema,
            'missing_field' VALUE missing_field,
            'wrong_type' VALUE wrong_type,
            'out_of_range' VALUE out_of_range,
            'future_timestamp' VALUE future_timestamp,
            'no_consent' VALUE no_consent,
            'bot_quarantined' VALUE bot_quarantined),
        'read_checksum' VALUE read_checksum,
        'valid_checksum' VALUE valid_checksum,
        'difference' VALUE difference,
        'checksum_difference' VALUE checksum_difference,
        'version' VALUE facts) AS document
FROM audit_windows
