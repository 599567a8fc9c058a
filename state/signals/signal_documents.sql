-- signal_documents: every change of a signal, whether a rule or a model found it
-- grain: one row per change of a signal        key: signal_id; version orders the changes
-- time: none
-- state: none
SELECT signal_id, visitor_id, version, document FROM match_signals
UNION ALL
SELECT signal_id, visitor_id, version, document FROM score_signals
