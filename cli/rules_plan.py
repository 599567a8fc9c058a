"""The plan of the patterns job over tables that lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pyflink
from pyflink.table import TableEnvironment

from connectors import topics
from connectors.kafka import KafkaEnds
from jobs import ends, patterns
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment, read_valid_events
from stack import jars
from stack.java import java_home
from state.sql import statement

_NOWHERE = KafkaEnds(bootstrap_servers="127.0.0.1:1", group_id="nobody")


def plan(settings: Settings) -> str:
    """Flink's explanation of what would run."""
    os.environ.setdefault("JAVA_HOME", str(java_home()))
    os.environ.setdefault("FLINK_CONF_DIR", str(Path(pyflink.__file__).with_name("conf")))
    env = environment("patterns", settings)
    env.get_config().set("pipeline.jars", ",".join(jar.as_uri() for jar in jars.fetch("flink")))
    add_events(env, settings)
    patterns.build(env, settings)
    inserts = Inserts(env)
    query = "SELECT visitor_id, document FROM match_documents"
    inserts.into("matches_topic", _NOWHERE.text_sink(topics.MATCHES), query)
    return inserts.explain()


def add_events(env: TableEnvironment, settings: Settings) -> None:
    """What PATTERNS reads when it runs on its own."""
    read_valid_events(env, ends.events(_NOWHERE, topics.EVENTS_VALID, settings), settings)
    env.create_temporary_table("late_events_read", ends.events(_NOWHERE, topics.EVENTS_LATE, settings))
    add_view(env, "events_late", statement("ingest/events_read_back", {"events": "late_events_read"}))
    add_views(env, ("sessions/session_events", "sessions/sessions"), settings)
