"""Rules on the engine, in this process: scenarios with a clock, and files of events. No Flink."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from connectors.keys import KeySource
from jobs.active_rules import active_rules
from jobs.offline import backfill
from jobs.offline.backfill import Arrival
from jobs.offline.rules.scenarios import Scenario, ScenarioRun, scenario_runs, stream
from jobs.settings import Settings
from state.engine import Engine
from state.logic import Document as Made
from state.options import Options
from state.rules.pack import Pack
from udfs.rules import compiled

Document = dict[str, Any]
Complaint = tuple[ScenarioRun, str]
_BUCKETS, _SLICE_MS = 8, 60_000
_ENGINES_OWN = ("visitor_merged", "bot_suspected")  # kinds of signals that no rule finds


def options_of(settings: Settings) -> Options:
    """The engine's options for a stream that ends, of which only signals are wanted."""
    return Options.of(settings, ("signal",)).replace(bounded=True, scoring=False)


def pack_of(settings: Settings) -> Pack:
    """The rules of the settings' folder, at work.

    Raises:
        BadRule: a rule is refused.
    """
    return compiled(active_rules(settings), options_of(settings))


def engine_of(settings: Settings, ids_are_hidden: bool = False) -> Engine:
    """The engine with the rules of the settings' folder.

    Args:
        settings: of the job.
        ids_are_hidden: the events have pseudonyms already, where the settings want any.
    """
    hides = settings.pseudonymise and not ids_are_hidden
    key = KeySource(settings.pseudonym_key_file).read() if hides else None
    return Engine(options_of(settings), pack_of(settings), buckets=_BUCKETS, now_ms=_now_ms, key=key)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def judge(scenarios: Iterable[Scenario], settings: Settings) -> tuple[int, list[Complaint]]:
    """How many runs there were, and what was not as expected.

    Args:
        scenarios: what to tell.
        settings: `rules_dir` names the rules.
    """
    runs = scenario_runs(scenarios)
    found = list(signals_by_arrival(stream(runs, settings.out_of_orderness_ms), settings))
    return len(runs), [(one, complaint) for one in runs for complaint in one.complaints(found)]


def signals_by_arrival(events: Iterable[Document], settings: Settings) -> Iterator[Document]:
    """The signals of a stream in order of arrival: an event behind the bound is late, as it is in a job."""
    arrivals = (Arrival(orjson.dumps(event)) for event in events)
    return signals_in(backfill.run(engine_of(settings), arrivals, settings.out_of_orderness_ms))


def signals_of_values(values: Sequence[bytes], settings: Settings) -> list[Document]:
    """The signals of events in any order, none of them late; what is no event is passed over."""
    found = list(signals_in(engine_of(settings).run(values, _SLICE_MS).documents))
    return sorted(found, key=lambda one: (one["occurred_at_ms"], one["version"], one["signal_id"]))


def signals_in(documents: Iterable[Made]) -> Iterator[Document]:
    """The signals of rules among what was written."""
    for one in documents:
        if one.kind == "signal":
            signal: Document = orjson.loads(one.body)
            if signal["kind"] not in _ENGINES_OWN:
                yield signal
