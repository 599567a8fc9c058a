-- events_rejected: the dead letters: the contract's document with the original bytes, read again from the topic
-- grain: one row per refused message        key: letter_id = topic:partition:offset
-- time: none
-- state: none; fetch_rejected reads the broker (udfs/fetch_rejected.py), so that good events carry no payload
SELECT letter_id, letter
FROM events_refused,
    LATERAL TABLE(fetch_rejected(source_topic, source_partition, first_offset, last_offset, refusal))
        AS letters(letter_id, letter)
UNION ALL
SELECT letter_id, letter FROM events_withheld
