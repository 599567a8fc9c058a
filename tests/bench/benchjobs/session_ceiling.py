"""The ceiling: what Flink SQL does with the same topic when it only parses it and closes sessions.

No validation, no duplicates, no late events, no rules, no ledger, no documents, no Python: as in a tutorial.
"""

from __future__ import annotations

import sys

from pyflink.table import TableDescriptor

from benchjobs.ends import BIGINT, STRING, blackhole, columns
from connectors.contracts import topics
from jobs import ends
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.wiring import environment

_TEXTS = ("event_id", "event_type", "visitor_id", "anonymous_id", "user_id")
_BLOCKS = ("context", "product", "properties")
_SESSIONS = """
INSERT INTO forgotten
SELECT visitor_id, COUNT(*), MIN(event_time_ms), MAX(event_time_ms), MAX(event_type)
FROM TABLE(SESSION(TABLE events PARTITION BY visitor_id, DESCRIPTOR(ts), INTERVAL '30' MINUTE))
GROUP BY visitor_id, window_start, window_end
"""


def main(argv: list[str]) -> None:
    """Submits the one statement."""
    settings = settings_from(argv)
    env = environment("bench-ceiling", settings)
    env.create_temporary_table("events", _source(ends.kafka("bench-ceiling", settings)))
    sessions = blackhole(visitor_id=STRING, events=BIGINT, first_ms=BIGINT, last_ms=BIGINT, kind=STRING)
    env.create_temporary_table("forgotten", sessions)
    env.execute_sql(_SESSIONS)


def _source(kafka: KafkaTables) -> TableDescriptor:
    """The members of an event, parsed by Flink's JSON format as it comes."""
    schema = columns(**dict.fromkeys((*_TEXTS, *_BLOCKS), STRING), event_time_ms=BIGINT)
    schema = schema.column_by_expression("ts", "TO_TIMESTAMP_LTZ(event_time_ms, 3)")
    schema = schema.watermark("ts", "ts - INTERVAL '2' SECOND")
    return kafka.source(topics.EVENTS_RAW, schema.build(), {"value.format": "json"})


if __name__ == "__main__":
    main(sys.argv[1:])
