-- verdicts: what VISITORS on its own counts for the ledger
-- grain: as visitor_counts        key: as visitor_counts
-- time: ts, event time
SELECT * FROM visitor_counts
