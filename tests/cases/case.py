"""A case after a public report: its messages through the adapters and the engine, and what came of them.

The cases are not part of this repository. Their folder is named by FOOTFALL_TEST_CASES; without that it is
``../shared/cases`` beside the repository. A test whose case is absent is skipped.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.adapters import AUTO, Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts.events import Event, validate_event
from connectors.files.arrivals import Arrivals

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
T0 = 1_700_000_000_000  # most cases begin then
_READ_AT_MS = 1_795_000_000_000  # long after all of them
_MINUTE_MS = 60_000


def folder(name: str) -> Path:
    """The folder of a case; skips the calling test when it is absent."""
    root = Path(os.environ.get("FOOTFALL_TEST_CASES", ROOT / ".." / "shared" / "cases")).resolve()
    if not (root / name / "input.jsonl").is_file():
        pytest.skip(f"no case {name} in {root}; set FOOTFALL_TEST_CASES to the folder of the cases")
    return root / name


@dataclass
class Story:
    """What a case's messages became: events, refusals, and what the engine found."""

    events: list[Document] = field(default_factory=list)
    refused: list[tuple[str, str | None]] = field(default_factory=list)

    def of(self, event_id: str) -> Document:
        """The event with the id."""
        (found,) = [event for event in self.events if event["event_id"] == event_id]
        return found

    def read(self) -> list[Event]:
        """The events as the contract reads them."""
        read = [validate_event(orjson.dumps(event)) for event in self.events]
        return [event for event in read if isinstance(event, Event)]

    def found(self) -> Found:
        """What the engine makes of the events."""
        return found([orjson.dumps(event) for event in self.events])


@dataclass
class Found:
    """What the engine wrote; of a signal the last version."""

    signals: list[Document]
    sessions: list[Document]
    rejected: list[Document]
    verdicts: Counter[str]

    def kinds(self, visitor: str) -> set[str]:
        """Kinds of the visitor's active signals, without those that any session gives."""
        ordinary = {"bounce", "funnel_step"}
        return {
            one["kind"] for one in self.signals if one["visitor_id"] == visitor and one["status"] == "active"
        } - ordinary

    def evidence(self, visitor: str, kind: str) -> Document:
        """The evidence of the visitor's only signal of a kind."""
        (one,) = [one for one in self.signals if (one["visitor_id"], one["kind"]) == (visitor, kind)]
        evidence: Document = one["evidence"]
        return evidence

    def lengths(self, visitor: str) -> list[int]:
        """Events of the visitor's sessions, in order of time."""
        own = [one for one in self.sessions if one["visitor_id"] == visitor]
        return [one["events"] for one in sorted(own, key=lambda one: one["started_at_ms"])]

    def visitors(self) -> set[str]:
        """Everybody who has a session."""
        return {one["visitor_id"] for one in self.sessions}


@cache
def story_of(name: str, adapter: str = AUTO) -> Story:
    """The case's messages, read by an adapter."""
    story = Story()
    for offset, message in enumerate((folder(name) / "input.jsonl").read_bytes().splitlines()):
        record = RecordMetadata("footfall.events.foreign", 0, offset, _READ_AT_MS, None)
        for one in adapt(message, adapter, record):
            if isinstance(one, Adapted):
                story.events.append(orjson.loads(one.document))
            else:
                story.refused.append((one.verdict.reason, one.verdict.field))
    return story


def found(values: list[bytes]) -> Found:
    """What the engine makes of messages of events.raw, with the shipped rules; skips where there is none."""
    if importlib.util.find_spec("state.engine") is None:
        pytest.skip("no engine in plain Python yet")
    from state.engine import Engine
    from state.options import Options
    from state.rules.language.loading import load
    from state.rules.pack import Pack

    options = Options(bounded=True, scoring=False)
    rules = [one.rule for one in load([ROOT / "state" / "rules"])]
    engine = Engine(options, Pack.compile(rules, options.session_gap_ms, bounded=True))
    out = engine.run(values, _MINUTE_MS)
    written: dict[str, dict[str, Document]] = {"signal": {}, "session": {}, "rejected": {}}
    for document in sorted(out.documents, key=lambda document: document.version):
        if document.kind in written:
            name = document.id if document.kind == "signal" else str(len(written[document.kind]))
            written[document.kind][name] = orjson.loads(document.body)
    verdicts = Counter[str]()
    for (verdict, *_), (events, _) in out.counts.items():
        verdicts[verdict] += events
    return Found(*(list(rows.values()) for rows in written.values()), verdicts)


def lines(name: str) -> list[bytes]:
    """The messages of a case as they are."""
    return (folder(name) / "input.jsonl").read_bytes().splitlines()


def late(path: Path) -> tuple[int, int]:
    """Lines of a file that come more than two seconds behind the newest before: as it is, and as it is fed."""

    def behind(rows: list[bytes]) -> int:
        newest = count = 0
        for row in rows:
            at = orjson.loads(row)["event_time_ms"]
            count += at < newest - 2_000
            newest = max(newest, at)
        return count

    return behind(path.read_bytes().splitlines()), behind([line for _, line in Arrivals.of(path).lines()])
