"""VISITORS: judged events -> sessions, features, signals, scores, visitors; one keyed operator.

On its own it reads valid events from their topic; in the suite, what DEVICES has judged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pyflink.table import StreamTableEnvironment

from connectors.contracts import topics
from jobs import ends, read, routes
from jobs.active_rules import active_rules, active_segments
from jobs.command_line import settings_from
from jobs.settings import Settings
from jobs.statements import statement
from jobs.wiring import VALUES, VERSION, Inserts, add_view, add_views, environment, hosted, publish, values
from state.options import Options
from udfs.logics import MakeVisitors
from udfs.models import opened

READS = ("device_documents",)
VIEWS = ("slices/judged", "slices/visitor_slices", "slices/visitor_inputs")
OWN_VIEWS = ("slices/valid_with_bucket", "slices/valid_on_time", "slices/valid_slices")
OWN_ROUTES = ("signal", "segment", "session", "features", "score", "visitor")
EMITS = ("rejected", "alias", "signal", "segment", "session", "features", "score", "shadow", "visitor")


def build(env: StreamTableEnvironment, settings: Settings, emits: Iterable[str] = EMITS) -> None:
    """Adds the slices and the operator; makes `visitor_outputs`, `visitor_documents`, `visitor_counts`.

    Raises:
        ModelRefused: a model has no version that can be used; nothing has been submitted.
        BadRule: a rule of the pack is refused.
    """
    add_views(env, VIEWS, settings)
    host(env, settings, emits)


def build_alone(env: StreamTableEnvironment, settings: Settings) -> None:
    """Adds the same over valid events (`messages`) and late ones (`late_read`); makes `documents`."""
    add_views(env, OWN_VIEWS, settings)
    add_view(env, "visitor_inputs", statement("slices/valid_inputs", values(settings)))
    host(env, settings, EMITS)
    add_view(env, "documents", statement("documents/of_visitors"))


def host(env: StreamTableEnvironment, settings: Settings, emits: Iterable[str]) -> None:
    """Puts the operator behind `visitor_inputs`."""
    if settings.scoring:
        opened(settings.model_dir)
    rules = active_rules(settings)
    publish(env, **{f"rule.{rule.name}": rule.version for rule in rules})
    options = Options.of(settings, emits, VERSION)
    active = active_segments(settings)
    publish(env, **{f"segments.{rule.name}": rule.version for rule in active.rules})
    make = MakeVisitors(
        options, tuple(rules), settings.rules_dir, settings.model_dir, active, settings.segments_dir
    )
    hosted(env, "visitors", "visitor_inputs", VALUES, make, settings)


def main(argv: list[str]) -> None:
    """Runs the stage alone: valid and late events from their topics, documents to theirs."""
    settings = settings_from(argv)
    env, kafka = environment("visitors", settings), ends.kafka("visitors", settings)
    # INGEST writes the events of a slice bucket by bucket: in their topic they are out of order by as much.
    apart = settings.replace(out_of_orderness_ms=settings.out_of_orderness_ms + settings.slice_ms)
    env.create_temporary_table("messages", read.source(kafka, topics.EVENTS_VALID, apart))
    # A late event is behind: it must not hold up the others that are waited for.
    late = kafka.document_source(topics.EVENTS_LATE, "event_time_ms", holds_time=False)
    env.create_temporary_table("late_read", late)
    build_alone(env, settings)
    inserts = Inserts(env)
    routes.write(env, inserts, kafka, OWN_ROUTES)
    inserts.submit()


if __name__ == "__main__":
    main(sys.argv[1:])
