"""The main job without INDEX: documents go to their topics, where a process of its own picks them up."""

from __future__ import annotations

import sys

from benchjobs import main_job
from connectors import topics
from jobs import ends
from jobs.command_line import settings_from
from jobs.wiring import environment


def main(argv: list[str]) -> None:
    """Submits it."""
    settings = settings_from(argv)
    env, kafka = environment("bench-topics", settings), ends.kafka("bench-topics", settings)
    inserts = main_job.build(env, kafka, settings)
    inserts.into(
        "sessions_topic",
        kafka.text_sink(topics.SESSIONS),
        "SELECT visitor_id, document FROM session_documents",
    )
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
