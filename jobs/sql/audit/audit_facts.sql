-- audit_facts: what was read, and what became of it, from four topics in one shape
-- grain: one row per message, or per ledger entry (which changes while it grows)        key: none
-- time: none
-- state: none of its own
-- fact: read, valid, duplicate, late, or the reason of a rejection
SELECT 'read' AS fact, source_partition, arrived_in, CAST(1 AS BIGINT) AS events, checksum FROM audit_read
UNION ALL
SELECT verdict, source_partition, arrived_in, events, checksum FROM audit_entries WHERE verdict IN ('valid', 'duplicate')
UNION ALL
SELECT 'late', source_partition, arrived_in, CAST(1 AS BIGINT), checksum FROM audit_late
UNION ALL
SELECT reason, source_partition, arrived_in, CAST(1 AS BIGINT), checksum FROM audit_letters
