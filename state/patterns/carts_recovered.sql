-- carts_recovered: an abandonment that a purchase of the same visitor answered within the recovery time
-- grain: one row per recovered abandonment (its first purchase)        key: visitor_id, last_cart_event_id
-- time: recovered_at, event time of the purchase
-- state: one partial match per abandonment, for at most the recovery time (WITHIN); table.exec.state.ttl does not apply
SELECT *
FROM cart_moves
MATCH_RECOGNIZE (
    PARTITION BY visitor_id
    ORDER BY moved_at
    MEASURES
        A.event_id AS last_cart_event_id,
        A.last_cart_at_ms AS last_cart_at_ms,
        A.at_ms AS fires_at_ms,
        A.cart_events AS cart_events,
        A.`context` AS `context`,
        P.event_id AS purchase_event_id,
        P.at_ms AS purchased_at_ms,
        MATCH_ROWTIME() AS recovered_at
    ONE ROW PER MATCH
    AFTER MATCH SKIP TO NEXT ROW
    PATTERN (A X*? P) WITHIN INTERVAL '${cart_recovery_within_interval}' DAY TO SECOND(3)
    DEFINE
        A AS A.kind = 'abandoned',
        X AS X.kind = 'abandoned',
        P AS P.kind = 'purchase' AND P.at_ms <= A.at_ms + ${cart_recovery_ms}
) AS recovered
