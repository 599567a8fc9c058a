"""What the planner makes of ADAPT: every message goes through its adapter once, side by side, also when sorted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors import topics
from connectors.kafka import foreign_source
from jobs import adapt, wiring
from jobs.settings import Settings
from stack import jars
from tests.sql.tables import NO_KAFKA, Flink


def plan_of(settings: Settings) -> str:
    make = wiring.batch_environment if settings.bounded else wiring.environment
    env = make("adapt", settings)
    env.get_config().set("pipeline.jars", ",".join(jar.as_uri() for jar in jars.fetch("flink")))
    kafka = replace(NO_KAFKA, bounded=settings.bounded)
    env.create_temporary_table("foreign_messages", foreign_source(kafka, topics.EVENTS_FOREIGN))
    adapt.build(env, settings)
    inserts = wiring.Inserts(env)
    raw, rejected = topics.EVENTS_RAW, topics.EVENTS_REJECTED
    adapt.write(inserts, NO_KAFKA.stamped_sink(raw), NO_KAFKA.text_sink(rejected), settings)
    return inserts.explain().partition("== Optimized Execution Plan ==")[2]


@pytest.mark.parametrize("bounded", [False, True])
def test_a_message_is_adapted_once_and_in_every_lane(flink: Flink, bounded: bool) -> None:
    plan = plan_of(Settings({"bounded": bounded}))
    assert plan.count("adapt_message(") == plan.count("PythonCalc(") == 1
    assert plan.count("TableSourceScan(") == 1
    shared = plan.partition("Sink(")[0]
    assert "PythonCalc(" in shared and "Exchange(distribution=[single])" not in plan
    assert ("Sort(orderBy=[lane ASC, event_time_ms ASC])" in plan) is bounded
