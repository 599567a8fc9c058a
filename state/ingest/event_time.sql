-- event_time: the time attribute of events_json, an expression over its columns
-- A time that is no number, out of range or more than five minutes after the record's own timestamp becomes the
-- epoch: such an event is refused later, and an epoch can never move a watermark.
COALESCE(
    CASE
        WHEN POSITION('.' IN event_time_ms) = 0  -- TRY_CAST would cut a fraction off
             AND TRY_CAST(event_time_ms AS BIGINT) BETWEEN 0 AND 4102444800000
             AND TO_TIMESTAMP_LTZ(TRY_CAST(event_time_ms AS BIGINT), 3) <= source_timestamp + INTERVAL '5' MINUTE
        THEN TO_TIMESTAMP_LTZ(TRY_CAST(event_time_ms AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3))
