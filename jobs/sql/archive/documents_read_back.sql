-- documents: what the topics hold, for ARCHIVE on its own
-- grain: one row per version of a document        key: kind, id, version
-- time: ts, event time of the version
SELECT kind, key, id, version, body, ts FROM valid_read_back
UNION ALL
SELECT kind, key, id, version, body, ts FROM session_read_back
UNION ALL
SELECT kind, key, id, version, body, ts FROM signal_read_back
