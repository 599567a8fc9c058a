-- verdicts: what DEVICES and VISITORS count for the ledger
-- grain: as counted        key: as counted
-- time: ts, event time
SELECT * FROM device_counts
UNION ALL
SELECT * FROM visitor_counts
