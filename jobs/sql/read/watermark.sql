-- watermark: how far behind the newest message of its partition a message may come, an expression over ts
-- A stamp of the future moves nothing (NULL is no watermark). An event that is behind by exactly the bound is in time: 1 ms.
CASE
    WHEN ts <= source_timestamp + INTERVAL '5' MINUTE
    THEN ts - INTERVAL '${out_of_orderness_interval}' DAY TO SECOND(3) - INTERVAL '0.001' SECOND(1, 3)
END
