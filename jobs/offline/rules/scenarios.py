"""Scenarios: a timeline of events with a clock, the signals it must give and those it must not.

A scenario runs several times in one stream, each time with visitors of its own: as written, shuffled within
the out-of-orderness bound, and with every event twice. Heartbeats are the clock: at each arrival one of that
very time, so that an event is late exactly when it comes later than the bound.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from connectors.contracts.events import SCHEMA
from connectors.contracts.signals import SignalStatus
from connectors.contracts.vocabulary import HEARTBEAT_TYPE
from connectors.errors import BadInput
from connectors.wording import plainly
from state.rules.language.spans import UNITS_MS, text_of

Document = dict[str, Any]
BEGINNING_MS = 1_700_006_400_000  # 2023-11-15T00:00:00Z
VARIANTS = ("as written", "shuffled", "doubled", "shuffled and doubled")
_PART = re.compile(r"(\d{1,9}) ?(ms|s|min|h|d)")
_STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def since_start(text: object) -> int:
    """Milliseconds since the scenario's beginning.

    >>> since_start("1 h 30 min"), since_start("0 s")
    (5400000, 0)

    Raises:
        ValueError: it is no time.
    """
    parts = _PART.findall(text) if isinstance(text, str) else []
    if not parts or _PART.sub("", str(text)).strip():
        raise ValueError(f"a time is so long after the beginning, like 10 min or 1 h 30 min; got {text!r}")
    return sum(int(number) * UNITS_MS[unit] for number, unit in parts)


Moment = Annotated[int, BeforeValidator(since_start)]


class ScenarioEvent(BaseModel):
    """An event of the timeline; what else it has goes into the event as it is."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    at: Moment
    type: str
    visitor: str = "anna"
    late_by: Moment = Field(default=0, description="Comes in so much later than it happened.")


class Expected(BaseModel):
    """A signal; what is not said may be anything."""

    model_config = _STRICT

    kind: str
    at: Moment | None = None
    visitor: str = "anna"
    status: SignalStatus = "active"
    evidence: dict[str, Any] = Field(default_factory=dict)


class Scenario(BaseModel):
    """A timeline and what must come of it.

    Attributes:
        scenario: its name.
        events: what happens.
        expect: signals that must be there in the end; of their kinds there must be no other.
        never: kinds that must not be there, whatever their status.
        unshuffled: True when several events share a millisecond and their order of arrival matters.
    """

    model_config = _STRICT

    scenario: str = Field(min_length=3)
    events: list[ScenarioEvent] = Field(min_length=1)
    expect: list[Expected] = Field(default_factory=list)
    never: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.expect and not self.never:
            raise ValueError("a scenario needs `expect` or `never`, else nothing can fail")
        if both := {one.kind for one in self.expect} & set(self.never):
            raise ValueError(f"{min(both)} is expected and must never come; remove one of them")
        return self


@dataclass(frozen=True)
class ScenarioRun:
    """A scenario in one of its variants, run with visitors whose names begin with `prefix`."""

    scenario: Scenario
    variant: Literal["as written", "shuffled", "doubled", "shuffled and doubled"]
    prefix: str

    def arrivals(self, bound_ms: int) -> Iterator[tuple[int, Document]]:
        """(arrival, event); an event that is not late comes in within the bound."""
        chance = random.Random(self.prefix + self.scenario.scenario)  # noqa: S311 - repeatable, not secret
        for number, one in enumerate(self.scenario.events):
            at_ms = BEGINNING_MS + one.at
            event = self._event(one, number, at_ms)
            copies = 2 if "doubled" in self.variant else 1
            for _ in range(copies):
                delay_ms = one.late_by or (chance.randint(0, bound_ms) if "shuffled" in self.variant else 0)
                yield at_ms + delay_ms, {**event, "received_at_ms": at_ms + delay_ms}

    def _event(self, one: ScenarioEvent, number: int, at_ms: int) -> Document:
        return {
            "schema": SCHEMA, "event_id": f"{self.prefix}{number}", "event_type": one.type,
            "event_time_ms": at_ms, "visitor_id": self.prefix + one.visitor,
            "sequence": number, **(one.model_extra or {}),
        }  # fmt: skip

    def complaints(self, signals: Iterable[Document]) -> Iterator[str]:
        """What is not as expected of the newest version of each signal."""
        mine = [one for one in _newest(signals) if one["visitor_id"].startswith(self.prefix)]
        asked = {one.kind for one in self.scenario.expect}
        left = [one for one in mine if one["kind"] in asked]
        for wanted in self.scenario.expect:
            found = next((one for one in left if self._is(one, wanted)), None)
            if found is None:
                yield f"missing: {_shown(wanted)}"
            else:
                left.remove(found)
        unwanted = [one for one in mine if one["kind"] in self.scenario.never]
        yield from (f"should not be there: {self._described(one)}" for one in [*left, *unwanted])

    def _is(self, signal: Document, wanted: Expected) -> bool:
        at = signal["occurred_at_ms"] - BEGINNING_MS
        same = (signal["kind"], signal["status"], signal["visitor_id"]) == (
            wanted.kind, wanted.status, self.prefix + wanted.visitor,
        )  # fmt: skip
        evidence = all(signal["evidence"].get(name) == value for name, value in wanted.evidence.items())
        return same and evidence and wanted.at in (None, at)

    def _described(self, signal: Document) -> str:
        at = (
            text_of(signal["occurred_at_ms"] - BEGINNING_MS)
            if signal["occurred_at_ms"] > BEGINNING_MS
            else "0 s"
        )
        visitor = signal["visitor_id"].removeprefix(self.prefix)
        return f"{signal['kind']} ({signal['status']}) of {visitor} at {at}, evidence {signal['evidence']}"


def _newest(signals: Iterable[Document]) -> list[Document]:
    newest: dict[str, Document] = {}
    for signal in sorted(signals, key=lambda one: one["version"]):
        newest[signal["signal_id"]] = signal
    return list(newest.values())


def _shown(wanted: Expected) -> str:
    at = "" if wanted.at is None else f" at {text_of(wanted.at)}" if wanted.at else " at 0 s"
    evidence = f", evidence {wanted.evidence}" if wanted.evidence else ""
    return f"{wanted.kind} ({wanted.status}) of {wanted.visitor}{at}{evidence}"


def read(path: Path) -> list[Scenario]:
    """The scenarios of a YAML file, one a document.

    Raises:
        BadInput: the file or a scenario is invalid.
    """
    try:
        documents = list(YAML(typ="safe").load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise BadInput(
            f"{path}: no scenarios can be read: {plainly(error)}", "give a YAML file of scenarios"
        ) from error
    found = []
    for number, document in enumerate(documents, 1):
        try:
            found.append(Scenario.model_validate(document))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field_path = ".".join(map(str, first["loc"]))
            raise BadInput(
                f"{path}: scenario {number}: {field_path}: {first['msg']}; got {first['input']!r}"
            ) from None
    return found


def scenario_runs(scenarios: Iterable[Scenario]) -> list[ScenarioRun]:
    """Each scenario in each variant."""
    return [
        ScenarioRun(scenario, variant, f"{number}.{letter}:")  # type: ignore[arg-type]
        for number, scenario in enumerate(scenarios)
        for letter, variant in enumerate(VARIANTS)
    ]


def stream(runs: Iterable[ScenarioRun], bound_ms: int) -> list[Document]:
    """All runs in one stream, in order of arrival, with the clock between them."""
    arrivals = sorted((item for one in runs for item in one.arrivals(bound_ms)), key=lambda item: item[0])
    found: list[Document] = []
    before = 0
    for arrival_ms, event in arrivals:
        if arrival_ms > before:
            found.append(_tick(arrival_ms))
        found.append(event)
        before = arrival_ms
    return found


def _tick(at_ms: int) -> Document:
    return {
        "schema": SCHEMA, "event_id": f"tick {at_ms}", "event_type": HEARTBEAT_TYPE, "event_time_ms": at_ms,
        "visitor_id": "clock", "received_at_ms": at_ms,
    }  # fmt: skip
