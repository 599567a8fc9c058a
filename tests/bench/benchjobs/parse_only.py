"""What ingest is held against: Flink's JSON format parses the columns that Footfall reads, and forgets them."""

from __future__ import annotations

import sys

from benchjobs.ends import BIGINT, STRING, blackhole, columns
from connectors import topics
from connectors.kafka import EVENT_COLUMNS
from jobs import ends
from jobs.command_line import settings_from
from jobs.wiring import Inserts, environment

_COLUMNS = {name: STRING for name in EVENT_COLUMNS} | {"event_time_ms": BIGINT}


def main(argv: list[str]) -> None:
    """Submits the one insert."""
    settings = settings_from(argv)
    env, kafka = environment("bench-parse", settings), ends.kafka("bench-parse", settings)
    source = kafka.source(topics.EVENTS_RAW, columns(_COLUMNS).build(), {"value.format": "json"})
    env.create_temporary_table("events", source)
    inserts = Inserts(env)
    inserts.into("forgotten", blackhole(**_COLUMNS), "SELECT * FROM events")
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
