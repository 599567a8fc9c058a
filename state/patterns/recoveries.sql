-- recoveries: a wait that ended without an answer, and the answer that came later after all
-- grain: one row per recovered occurrence (its first answer)        key: rule, visitor_id, event_id
-- time: recovered_at, event time of the answer
-- state: one partial match per occurrence, for at most the longest recovery time of any rule (WITHIN);
--        table.exec.state.ttl does not apply
SELECT *
FROM wait_moves
MATCH_RECOGNIZE (
    PARTITION BY rule, visitor_id
    ORDER BY moved_at
    MEASURES
        A.event_id AS event_id,
        A.session_id AS session_id,
        A.waits_since_ms AS waits_since_ms,
        A.at_ms AS due_at_ms,
        A.events_no AS events_no,
        A.amount AS amount,
        A.recovered_within_ms AS recovered_within_ms,
        A.`context` AS `context`,
        P.event_id AS answer_event_id,
        P.at_ms AS answered_at_ms,
        MATCH_ROWTIME() AS recovered_at
    ONE ROW PER MATCH
    AFTER MATCH SKIP TO NEXT ROW
    PATTERN (A X*? P) WITHIN INTERVAL '${recovery_within_interval}' DAY TO SECOND(3)
    DEFINE
        A AS A.fired,
        X AS X.fired,
        P AS NOT P.fired AND P.at_ms <= A.at_ms + A.recovered_within_ms
) AS recovered
