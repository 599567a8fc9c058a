-- watermark: how far behind the newest event of its partition an event may come, an expression over ts
ts - INTERVAL '${out_of_orderness_interval}' DAY TO SECOND(3)
