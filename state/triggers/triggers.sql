-- triggers: what is done about the signals, what no longer, and what not and why
-- grain: one row per decision        key: trigger_id, status
-- time: none
-- state: none; decide_triggers (udfs/decide_triggers.py) decides anew from the history of each change
SELECT decided.visitor_id, decided.status, decided.document
FROM signal_histories,
    LATERAL TABLE(decide_triggers(history, signal_histories.document)) AS decided(visitor_id, status, document)
