-- late_answers_to_waits: an answer that came in time by its own clock, and to Footfall only after the watermark
-- grain: one row per late answer and occurrence        key: rule, visitor_id, event_id
-- time: none
-- state: unanswered waits and late answers, each for dedup_ttl_ms after it came: whichever comes first, they meet
SELECT
    waited.rule, waited.visitor_id, waited.event_id, waited.session_id, waited.waits_since_ms, waited.due_at_ms,
    waited.events_no, waited.amount, waited.recovered_within_ms, waited.`context`,
    answer.event_id AS answer_event_id, answer.event_time_ms AS answered_at_ms
FROM unanswered_waits AS waited
JOIN late_answers AS answer
    ON answer.rule = waited.rule AND answer.visitor_id = waited.visitor_id
    AND answer.event_time_ms BETWEEN waited.waits_since_ms AND waited.due_at_ms
