"""Tells stories to rules on the whole engine, in every order of arrival and every length of a slice."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML

from state.engine import Engine
from state.options import Options
from state.rules.language.analyse import problems
from state.rules.language.loading import SHIPPED, adapter, load
from state.rules.pack import Pack
from tests.words import DAY, HOUR, MINUTE, Document

ENGINES_OWN = ("visitor_merged", "bot_suspected")  # kinds of signals that no rule finds
OPTIONS = Options(bounded=True, emits=frozenset(("signal",)), bot_events_per_minute=0, bot_events_per_day=0)
PLAIN_CART = Path(__file__).parent / "rules" / "cart_abandoned_plain.yaml"
Signal = dict[str, Any]
Arrange = Callable[[list[Document]], list[Document]]


@dataclass(frozen=True)
class Way:
    """How a story gets to the engine.

    Attributes:
        arrange: the order of arrival inside a slice, and copies.
        slice_ms: event time of a slice.
        live: visitors that are kept as objects between slices; 0 turns each to bytes and back.
    """

    name: str
    arrange: Arrange
    slice_ms: int
    live: int

    def __str__(self) -> str:
        """Its name in the list of tests."""
        return self.name


def _shuffled(events: list[Document]) -> list[Document]:
    found = [*events, *events[::2]]
    random.Random(len(events)).shuffle(found)
    return found


WAYS = (
    Way("as it came", list, MINUTE, 100),
    Way("bytes after each millisecond", list, 1, 0),
    Way("backwards at once", lambda events: events[::-1], 1_000 * DAY, 100),
    Way("shuffled and doubled", _shuffled, HOUR, 0),
)


def rule(text: str, **more: Any) -> Any:
    """A rule of YAML and further members, checked; name, version and description may be left out."""
    given = YAML(typ="safe").load(text)
    document = {"name": "story", "version": 1, "description": "a rule of a story", **given, **more}
    found = adapter().validate_python(document)
    assert problems(found) == []
    return found


def shipped(name: str) -> Any:
    """A rule of the shipped pack."""
    return load([SHIPPED / f"{name}.yaml"])[0].rule


def plain_cart() -> Any:
    """Cart abandonment without the cart's content."""
    return load([PLAIN_CART])[0].rule


def pack(*rules: Any, bounded: bool = True) -> Pack:
    """The rules at work."""
    return Pack.compile(rules, OPTIONS.session_gap_ms, bounded)


def signals(
    rules: Pack | Sequence[Any], events: Iterable[Document], way: Way = WAYS[0], **options: Any
) -> list[Signal]:
    """What the rules find, in order of version; as if time had ended."""
    at_work = rules if isinstance(rules, Pack) else pack(*rules)
    engine = Engine(OPTIONS.replace(**options), at_work, buckets=2, live=way.live)
    out = engine.run([orjson.dumps(event) for event in way.arrange(list(events))], way.slice_ms)
    return found_in(out.documents)


def signals_with_late(
    rules: Sequence[Any], events: Iterable[Document], late: Iterable[tuple[int, Document]], way: Way = WAYS[0]
) -> list[Signal]:
    """The same; each late event comes in when event time has come to the moment that it stands behind."""
    engine = Engine(OPTIONS, pack(*rules), buckets=1, live=way.live)
    slices: dict[int, list[bytes]] = defaultdict(list)
    for event in way.arrange(list(events)):
        slices[event["event_time_ms"] // way.slice_ms].append(orjson.dumps(event))
    waiting, documents = sorted(late, key=lambda item: item[0]), []
    for number in sorted(slices):
        while waiting and waiting[0][0] < number * way.slice_ms:
            at, event = waiting.pop(0)
            documents += engine.take([], None, at).documents
            documents += engine.take_late([orjson.dumps(event)], None).documents
        documents += engine.take(slices[number], None, (number + 1) * way.slice_ms).documents
    documents += engine.take([], None, waiting[0][0]).documents if waiting else []
    documents += engine.take_late([orjson.dumps(event) for _, event in waiting], None).documents
    return found_in([*documents, *engine.finish().documents])


def found_in(documents: Iterable[Any]) -> list[Signal]:
    """Signals of rules among the documents, in order of version."""
    found = [orjson.loads(one.body) for one in documents if one.kind == "signal"]
    mine = [one for one in found if one["kind"] not in ENGINES_OWN]
    return sorted(mine, key=lambda one: (one["version"], one["kind"]))


def moments(found: Iterable[Signal]) -> list[tuple[str, int]]:
    """Status and time of each."""
    return [(one["status"], one["occurred_at_ms"]) for one in found]
