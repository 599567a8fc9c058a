-- score_requests: the moments at which a visitor is scored, each with the features as of it: those that models learn from
-- grain: one row per moment and model        key: model, visitor_id, event of the document
-- time: ts, event time: the event, or the session's end
-- state: none
-- Purchase intent: after each so-manieth event of a session, at its first add_to_cart and its first checkout event, until it
-- has purchased. Churn risk: when a session has ended. jobs/training/rows.py takes its rows at the same moments.
-- anchor: what the signal hangs on: its session; churn risk is one signal of a visitor, which each session renews.
SELECT 'purchase_intent' AS model, visitor_id, session_id, session_id AS anchor, event_time_ms AS scored_at_ms, place, document, ts
FROM feature_documents
WHERE purchases = 0 AND event_no <= ${score_max_events} AND (
    MOD(event_no, ${score_every_events}) = 0
    OR (event_type = 'add_to_cart' AND carts = 1)
    OR (event_type IN ('checkout_start', 'checkout_step') AND checkouts = 1))
UNION ALL
SELECT 'churn_risk', visitor_id, session_id, 'visitor', closed_at_ms, place, document, ts
FROM session_features
