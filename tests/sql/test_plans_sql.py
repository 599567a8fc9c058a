"""What the planner makes of the suite, and what every SQL file must say; no data, no broker."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from connectors import topics
from jobs import ends, patterns, suite, wiring
from jobs.settings import Settings
from stack import jars
from tests.sql.tables import NO_ELASTICSEARCH, NO_KAFKA, Flink

STATE = Path(__file__).resolve().parents[2] / "state"
FILES = {
    path.relative_to(STATE).as_posix(): path.read_text(encoding="utf-8") for path in STATE.rglob("*.sql")
}
# What a stage on its own reads back from its topic takes the place of the view that wrote it.
READ_BACK = {
    "ingest/events_read_back.sql": "events_valid",
    "index/sessions_read_back.sql": "session_documents",
    "index/signals_read_back.sql": "signal_documents",
    "index/aliases_read_back.sql": "alias_documents",
    "ingest/events_pseudonymous.sql": "events_accepted",
    "sessions/events_as_ingested.sql": "ordered_events",
    "index/visitors_read_back.sql": "visitor_documents",
    "index/shadow_scores_read_back.sql": "shadow_documents",
    "scoring/features_read_back.sql": "feature_documents",
    "scoring/session_features_read_back.sql": "session_features",
}


@pytest.fixture(scope="module")
def plan(flink: Flink) -> str:
    """The suite over Kafka tables as it is executed: every shared part is there once, then named as reused."""
    settings = Settings()
    connector = ",".join(jar.as_uri() for jar in jars.fetch("flink"))
    env = flink.environment(settings, {"pipeline.jars": connector})
    env.create_temporary_table("events_json", ends.events(NO_KAFKA, topics.EVENTS_RAW, settings))
    suite.build(env, NO_KAFKA, NO_ELASTICSEARCH, settings)
    inserts = wiring.Inserts(env)
    suite.write(inserts, NO_KAFKA, settings)
    return inserts.explain().partition("== Optimized Execution Plan ==")[2]


def test_the_topic_is_read_once(plan: str) -> None:
    assert re.findall(r"TableSourceScan\(table=\[\[[\w, ]*?(\w+), metadata", plan) == ["events_json"]


def test_the_source_makes_the_watermark_for_each_partition(plan: str) -> None:
    """Pushed into the scan; an operator behind it would see one stream and take slow partitions for late."""
    assert plan.count("watermark=[") == 1
    assert "WatermarkAssigner" not in plan


def test_events_are_checked_once(plan: str) -> None:
    assert plan.count("'unknown_schema:schema'") == 1
    assert plan.count("TRY_CAST(received_at_ms AS BIGINT)") == 1


def test_duplicates_and_gaps_are_looked_for_once(plan: str) -> None:
    keys = re.findall(r"OverAggregate\(partitionBy=\[([^]]*)\]", plan)
    assert keys.count("event_id") == keys.count("source_topic, source_partition") == 1


def test_visitors_are_remembered_once(plan: str) -> None:
    """Three numbering operators that every event passes, the others see rare rows only."""
    keys = Counter(re.findall(r"OverAggregate\(partitionBy=\[([^]]*)\]", plan))
    assert (keys["canonical_id"], keys["device_id, user_id"]) == (2, 1)  # words, runs of throttles; merges
    assert keys["device_id"] == 3  # words, counts, users of a device


def test_sessions_and_features_are_found_once(plan: str) -> None:
    keys = Counter(re.findall(r"OverAggregate\(partitionBy=\[([^]]*)\]", plan))
    assert (keys["visitor_id"], keys["visitor_id, session_id"]) == (4, 1)  # the fourth is the last scores
    assert keys["model, visitor_id"] == 1  # what was raised


def test_rules_of_one_shape_share_its_operator(plan: str) -> None:
    keys = re.findall(r"OverAggregate\(partitionBy=\[(rule, [^]]*)\]", plan)
    assert sorted(keys) == [
        "rule, visitor_id",  # deviations
        "rule, visitor_id",  # answers to waits
        "rule, visitor_id, anchor",  # what fires once
        "rule, visitor_id, occurrence",  # what is counted once
        "rule, visitor_id, rule_key",  # counts within a span: two events
        "rule, visitor_id, rule_key",  # and four
        "rule, visitor_id, rule_key",  # what a sequence can begin with
        "rule, visitor_id, session_id, rule_key",  # counts in a session
    ]


def test_each_pattern_is_looked_for_once(plan: str) -> None:
    assert (
        plan.count("window=[SESSION(") == 4
    )  # sessions, their features, waits of ten minutes and of half an hour
    assert plan.count("Match(partitionBy=[rule, visitor_id") == 1  # sequences
    assert plan.count("Join(joinType=") == 1  # waits in vain and answers


def test_each_document_is_written_once(plan: str) -> None:
    """By one operator behind all its inputs: no window waits for the index, and Python starts once."""
    assert plan.count("index_documents(") == 1
    assert plan.count("invocation=[fetch_rejected(") == 1


def test_all_models_are_asked_in_one_call(plan: str) -> None:
    assert plan.count("score_features(") == 1


def test_a_pattern_ends_at_some_time() -> None:
    """Without WITHIN a partial match is kept for ever; no retention of Flink applies to it."""
    texts = [*FILES.values(), *(view.sql for view in patterns.program(Settings()).views)]
    matching = [text for text in texts if "MATCH_RECOGNIZE (" in text]
    assert len(matching) == 1
    assert re.search(r"PATTERN \([^)]*\)[^)]* WITHIN INTERVAL", matching[0])


@pytest.mark.parametrize("name", FILES)
def test_the_header_names_the_view_and_its_key(name: str) -> None:
    view = READ_BACK.get(name, Path(name).stem)
    header = FILES[name].partition("-- time:")[0]
    assert header.startswith(f"-- {view}: ")
    assert " key: " in header or name in ("ingest/event_time.sql", "ingest/watermark.sql")
