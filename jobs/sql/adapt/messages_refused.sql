-- messages_refused: the dead letters: an event, or a message, that no event could be made of
-- grain: one row per refused event        key: letter_id = topic:partition:offset, and the event's index in a message of many
-- time: none
-- state: none
SELECT record_key AS letter_id, document AS letter
FROM adapted
WHERE kind = 'rejected'
