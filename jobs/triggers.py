"""TRIGGERS: signals -> triggers | triggers.suppressed. What is done about a signal, when, and when not.

A job of its own in every deployment: it decides in the order in which the signals lie in their topic, so that
after a failure it finds the same order again and decides the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyflink.table import TableEnvironment

from connectors import actions, topics
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.active_rules import active_rules
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.wiring import Inserts, add_view, add_views, environment
from state.sql import statement
from udfs.decide_triggers import decide_triggers

READS = ("signal_documents",)
VIEWS = ("triggers/signal_histories", "triggers/triggers")


def build(env: TableEnvironment, table: actions.ActionTable, settings: Settings) -> None:
    """Adds the stage's views over `signal_documents`."""
    env.create_temporary_function("decide_triggers", decide_triggers(table))
    add_views(env, VIEWS, settings)


def write(inserts: Inserts, kafka: KafkaEnds, settings: Settings) -> None:
    """Triggers and cancellations to one topic, what is suppressed to another; exactly once if asked for."""
    for name, topic, which in (
        ("triggers", topics.TRIGGERS, "status <> 'suppressed'"),
        ("suppressed", topics.TRIGGERS_SUPPRESSED, "status = 'suppressed'"),
    ):
        transactions = f"{settings.kafka_group_id}-{name}" if settings.triggers_exactly_once else None
        inserts.into(
            f"{name}_topic",
            kafka.text_sink(topic, transactions),
            f"SELECT visitor_id, document FROM triggers WHERE {which}",  # noqa: S608 - constants
        )


def table_of(settings: Settings) -> actions.ActionTable:
    """The table of actions with the caps of the active rules.

    >>> table_of(Settings()).rule_caps["cart_abandoned"].triggers
    1
    """
    table = actions.load(Path(settings.actions_file) if settings.actions_file else None)
    capped = [rule for rule in active_rules(settings) if rule.cap]
    caps = {
        rule.signal_kind: actions.Cap(triggers=rule.cap.at_most, within_ms=rule.cap.within) for rule in capped
    }
    return table.model_copy(update={"rule_caps": {**table.rule_caps, **caps}})


def main(argv: list[str]) -> None:
    """Runs the job: signals from their topic, triggers to theirs."""
    settings = settings_from(argv)
    kafka = ends.kafka("triggers", settings)
    table = table_of(settings)
    env = environment("triggers", settings)
    env.create_temporary_table("signals_read", kafka.text_source(topics.SIGNALS))
    add_view(env, "signal_documents", statement("index/signals_read_back"))
    build(env, table, settings)
    inserts = Inserts(env)
    write(inserts, kafka, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
