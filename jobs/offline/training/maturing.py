"""Scores that wait for their labels, and what the stream says meanwhile. Pure; ids are kept as hashes only.

The topic of features says what became of a score: the features of a session that has ended have its
purchases, and any features of a session say when its visitor came back. Either side may come first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contracts.features import NAMES
from connectors.contracts.model_inputs import CHURN, INTENT

Document = Mapping[str, Any]

PURCHASES, SECONDS = NAMES.index("count_purchase"), NAMES.index("session_seconds")
MOST = 300_000  # scores that wait; above, a sample of the visitors
FACTS = 200_000  # sessions and visits that are remembered for scores that come after them
GRACE_MS = 3_600_000  # event time by which one side may be behind the other
SAME_MS = 100  # two features of a session, which are 32-bit floats, disagree by less on when it began
_WHOLE = 1 << 63


def hashed(text: str) -> int:
    """63 bits that stand for an id.

    >>> hashed("a") == hashed("a") != hashed("b")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


@dataclass
class Waiting:
    """A score without its label, or with it until its window closes.

    Attributes:
        owner: hash of the visitor.
        at_ms: when it was scored, event time.
        version: of the model.
        score: the probability.
        seen: purchase intent: the session's purchases so far; churn: when the session ended, epoch ms.
        label: what happened; None as long as it is not known.
    """

    owner: int
    at_ms: int
    version: str
    score: float
    seen: int
    label: bool | None = None


@dataclass
class Maturing:
    """Gives the scores of one model their labels.

    Attributes:
        kind: of the model.
        horizon_ms: churn: no session within this time; purchase intent: a session is over after it.
        share: of the visitors whose scores are kept, 1 until there are too many.
        waiting: the scores by hash of session (purchase intent) or visitor (churn).
        facts: (event time, what happened) by the same hash: purchases of a session, start of a visit.
        clock_ms: the newest event time of the features.
    """

    kind: str
    horizon_ms: int
    share: float = 1.0
    waiting: dict[int, list[Waiting]] = field(default_factory=dict)
    facts: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    clock_ms: int = 0

    def keeps(self, visitor_id: str) -> bool:
        """Whether the visitor is in the sample."""
        return hashed(visitor_id) <= self.share * _WHOLE

    def add_score(self, document: Document) -> None:
        """A score of a visitor of the sample; one after a purchase has nothing left to predict."""
        purchases = int(document["values"][PURCHASES] or 0)
        if self.kind == INTENT and purchases:
            return
        at_ms = document["scored_at_ms"]
        seen = purchases if self.kind == INTENT else document["event_time_ms"]
        version, score = document["model"]["version"], document["score"]
        row = Waiting(hashed(document["visitor_id"]), at_ms, version, score, seen)
        key = self._key(document)
        for _, fact in self.facts.get(key, ()):
            self._label(row, fact)
        self.waiting.setdefault(key, []).append(row)

    def add_features(self, document: Document) -> None:
        """A document of the topic of features."""
        self.clock_ms = max(self.clock_ms, document["event_time_ms"])
        fact = self._fact(document)
        if fact is None:
            return
        key = self._key(document)
        known = self.facts.setdefault(key, [])
        if known and abs(known[-1][1] - fact) < SAME_MS and self.kind == CHURN:
            return  # the same session again
        for row in self.waiting.get(key, ()):
            self._label(row, fact)
        known.append((document["event_time_ms"], fact))
        if len(self.facts) > FACTS:
            del self.facts[next(iter(self.facts))]

    def _key(self, document: Document) -> int:
        return hashed(document["session_id" if self.kind == INTENT else "visitor_id"])

    def _fact(self, document: Document) -> int | None:
        if self.kind == INTENT:
            return int(document["values"][PURCHASES]) if document.get("session_ended") else None
        return int(document["event_time_ms"] - round(document["values"][SECONDS] * 1_000))

    def _label(self, row: Waiting, fact: int) -> None:
        if self.kind == INTENT:
            row.label = fact > row.seen
        elif row.seen < fact <= row.seen + self.horizon_ms:
            row.label = False

    def settle(self, scored_until_ms: int) -> None:
        """Labels that no event tells, and the end of what is kept too long or too much.

        Args:
            scored_until_ms: scores before this time have all come.
        """
        if self.kind == CHURN:
            for row in self.rows():
                if row.label is None and row.seen + self.horizon_ms <= self.clock_ms - GRACE_MS:
                    row.label = True
        kept_ms = scored_until_ms - GRACE_MS
        recent = {key: [one for one in found if one[0] >= kept_ms] for key, found in self.facts.items()}
        self.facts = {key: found for key, found in recent.items() if found}
        if len(list(self.rows())) < MOST // 4:
            self.share = min(self.share * 2, 1.0)
        while len(list(self.rows())) > MOST:
            self.share /= 2
            self._drop(lambda row: row.owner > self.share * _WHOLE)

    def is_due(self, until_ms: int) -> bool:
        """Whether every score before a time has its label, or will not get one any more."""
        if until_ms + self.horizon_ms <= self.clock_ms - GRACE_MS:
            return True
        return all(row.label is not None for row in self.rows() if row.at_ms < until_ms)

    def take(self, until_ms: int) -> list[Waiting]:
        """The scores before a time, which do not wait any more."""
        taken = [row for row in self.rows() if row.at_ms < until_ms]
        self._drop(lambda row: row.at_ms < until_ms)
        return taken

    def rows(self) -> Iterator[Waiting]:
        """Every score that waits."""
        return (row for rows in self.waiting.values() for row in rows)

    def _drop(self, goes: Callable[[Waiting], bool]) -> None:
        kept = {key: [row for row in rows if not goes(row)] for key, rows in self.waiting.items()}
        self.waiting = {key: rows for key, rows in kept.items() if rows}

    def to_json(self) -> dict[str, Any]:
        """What a restart needs; keys of JSON are text."""
        waiting = {str(key): [list(vars(row).values()) for row in rows] for key, rows in self.waiting.items()}
        facts = {str(key): found for key, found in self.facts.items()}
        return {"share": self.share, "waiting": waiting, "facts": facts, "clock_ms": self.clock_ms}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Takes up what `to_json` gave."""
        self.share, self.clock_ms = kept["share"], kept["clock_ms"]
        self.waiting = {int(key): [Waiting(*row) for row in rows] for key, rows in kept["waiting"].items()}
        self.facts = {int(key): [(at, fact) for at, fact in found] for key, found in kept["facts"].items()}


def labelled(rows: Iterable[Waiting]) -> list[Waiting]:
    """Those whose label is known."""
    return [row for row in rows if row.label is not None]
