-- answered_waits: a wait in vain, and the answer that came after all: the first one behind it, or a late one of its time
-- grain: one row per wait and such answer        key: rule, visitor_id, event_id, answer_event_id
-- time: none
-- state: waits in vain and answers, each for the longest recovery time and dedup_ttl_ms more: whichever comes first, they meet
-- The first answer behind a wait is the one whose predecessor does not lie behind it, too: nobody looks for it in an order
-- of time, for which rows would have to be put aside and their keys be gone through, again and again.
SELECT
    waited.rule, waited.visitor_id, waited.event_id, waited.session_id, waited.waits_since_ms, waited.due_at_ms,
    waited.events_no, waited.amount, waited.recovered_within_ms, waited.`context`,
    answer.event_id AS answer_event_id, answer.event_time_ms AS answered_at_ms, answer.is_late
FROM unanswered_waits AS waited
JOIN answers AS answer
    ON answer.rule = waited.rule AND answer.visitor_id = waited.visitor_id
    AND CASE WHEN answer.is_late
        THEN answer.event_time_ms BETWEEN waited.waits_since_ms AND waited.due_at_ms
        ELSE answer.event_time_ms > waited.due_at_ms
            AND answer.event_time_ms <= waited.due_at_ms + waited.recovered_within_ms
            AND COALESCE(answer.previous_answer_at_ms, 0) <= waited.due_at_ms
        END
