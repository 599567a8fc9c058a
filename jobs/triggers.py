"""TRIGGERS: signals -> triggers | triggers.suppressed. What is done about a signal, when, and when not.

A job of its own in every deployment: it decides in the order in which a visitor's signals lie in their topic,
so that after a failure it finds the same order again and decides the same. A decision waits for nothing:
each signal is a slice.
Orders to erase a visitor come from a topic beside that of the signals.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from connectors.contracts.experiments import Experiments
from connectors.errors import BadInput
from connectors.files import experiments
from connectors.lake import definitions
from jobs import ends
from jobs.active_rules import active_rules, active_segments
from jobs.command_line import settings_from
from jobs.kafka_tables import KafkaTables
from jobs.settings import Settings
from jobs.wiring import VALUES, Inserts, add_views, environment, hosted
from state.triggers import actions
from udfs.logics import MakeTriggers

READS = ("signal_topic",)
VIEWS = ("triggers/signals_with_bucket",)
_SIGNALS_AND_ORDERS = replace(topics.SIGNALS, read_with=(topics.ERASURE_ORDERS.name,))


def build(env: StreamTableEnvironment, table: actions.ActionTable, settings: Settings) -> None:
    """Puts the operator behind `signal_topic`; makes `trigger_documents`."""
    add_views(env, VIEWS, settings)
    running = experiments_of(table, settings).model_dump(mode="json")
    make = MakeTriggers(table.model_dump(mode="json"), running)
    hosted(env, "triggers", "signals_with_bucket", VALUES, make, settings)


def write(inserts: Inserts, kafka: KafkaTables, settings: Settings) -> None:
    """Triggers and cancellations to one topic, what is suppressed to another; exactly once if asked for."""
    for kind, topic in (("trigger", topics.TRIGGERS), ("suppressed", topics.TRIGGERS_SUPPRESSED)):
        transactions = f"{settings.kafka_group_id}-{kind}" if settings.triggers_exactly_once else None
        inserts.into(
            f"{kind}_topic",
            kafka.text_sink(topic, transactions),
            f"SELECT key, CAST(body AS STRING) FROM trigger_documents WHERE kind = '{kind}'",  # noqa: S608 - constants
        )


def table_of(settings: Settings) -> actions.ActionTable:
    """The table of actions with the caps of the active rules.

    >>> table_of(Settings()).rule_caps["cart_abandoned"].triggers
    1
    """
    table = _loaded(settings)
    capped = [rule for rule in active_rules(settings) if rule.cap]
    caps = {
        rule.signal_kind: actions.Cap(triggers=rule.cap.at_most, within_ms=rule.cap.within) for rule in capped
    }
    return table.model_copy(update={"rule_caps": {**table.rule_caps, **caps}})


def _loaded(settings: Settings) -> actions.ActionTable:
    """The table; one's own is about segments of the active lifecycle only."""
    if not settings.actions_file:
        return actions.load()
    lifecycles = (rule for rule in active_segments(settings).rules if rule.kind == "lifecycle")
    segments = [one.name for rule in lifecycles for one in rule.segments]
    return actions.load(Path(settings.actions_file), segments)


def experiments_of(table: actions.ActionTable, settings: Settings) -> Experiments:
    """The experiments of the settings.

    Raises:
        BadInput: one is wrong, or names an action that the table does not have.
    """
    found = experiments.load(settings.experiments_dir)
    known = sorted({row.action for row in table.actions})
    for one in found.experiments:
        for action in one.triggers.actions if one.triggers else ():
            if action not in known:
                raise BadInput(
                    f"experiment {one.name}: triggers.actions: one of {', '.join(known)}"
                    f" is required, {action!r} came"
                )
    return found


def main(argv: list[str]) -> None:
    """Runs the job: signals and orders to erase from their topics, triggers to theirs."""
    settings = settings_from(argv)
    kafka = ends.kafka("triggers", settings)
    table = table_of(settings)
    if settings.archive_dir:
        definitions.keep(settings.archive_dir, experiments_of(table, settings))
    env = environment("triggers", settings)
    env.create_temporary_table("signal_topic", kafka.document_source(_SIGNALS_AND_ORDERS))
    build(env, table, settings)
    inserts = Inserts(env)
    write(inserts, kafka, settings)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
