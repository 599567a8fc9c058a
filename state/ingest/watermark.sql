-- watermark: how far behind the newest event of its partition an event may come, an expression over ts
ts - INTERVAL '${out_of_orderness_interval}' DAY TO SECOND(3)
-- and 2 ms: see events_on_time. With them an event that is behind by exactly the bound is still in time.
- INTERVAL '0.002' SECOND(1, 3)
