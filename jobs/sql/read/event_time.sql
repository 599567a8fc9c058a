-- event_time: the time attribute of messages, an expression over payload; what gives no time has the epoch
TO_TIMESTAMP_LTZ(COALESCE(CAST(TRY_CAST(TRIM(LEADING '0' FROM JSON_VALUE(CAST(payload AS STRING), '$.event_time_ms')) AS DECIMAL(13, 0)) AS BIGINT), 0), 3)
