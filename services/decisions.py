"""Decides for a visitor by a deadline, with what is known by then; remembers caps; writes the log."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.contracts.experiments import Arms
from connectors.errors import IndexUnavailable
from services.content.deciding import Answer, Snapshot, decide, withdrawn
from services.content.items import Shelf
from services.content.loading import Content
from services.experiments import Exposures
from services.index import Index
from services.memberships import Memberships
from services.shelves import Shelves
from services.view import View

LOG = logging.getLogger("footfall.decisions")
_FOR_THE_INDEX = 0.6  # of the deadline; the rest is for deciding and answering
_JSON = msgspec.json.Encoder()
Profile = Mapping[str, Any]


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision with all that it was made of: a line of the log.

    Attributes:
        at_ms: the moment, epoch milliseconds.
        content_version: of the content.
        language: that was asked for.
        snapshot: the visitor at that moment.
        arms: of the experiments.
        answers: for the slots in the order in which they were asked for.
        degraded: what did not answer in time: `index`, `exposures`.
    """

    at_ms: int
    content_version: str
    language: str
    snapshot: Snapshot
    arms: dict[str, str]
    answers: list[Answer]
    degraded: list[str] = []


def again(line: bytes, content: Content) -> list[Answer]:
    """What a line of the log decides, decided again with the same content.

    Raises:
        ValueError: the content is of another version.
    """
    decision = msgspec.json.decode(line, type=Decision)
    if content.version != decision.content_version:
        raise ValueError(f"content {decision.content_version} is required, {content.version} came")
    slots = [one.slot for one in decision.answers]
    answers = decide(decision.snapshot, content, decision.arms, decision.at_ms, slots, decision.language)
    return withdrawn(answers, content, decision.language) if "exposures" in decision.degraded else answers


@dataclass(frozen=True)
class Found:
    """What the index says of a visitor; `degraded` when it did not answer."""

    profile: Profile | None
    degraded: bool = False


class Decider:
    """Decisions of one replica."""

    def __init__(
        self,
        view: View,
        memberships: Memberships,
        index: Index,
        content: Callable[[], Content],
        arms: Callable[[str], Arms],
        exposures: Exposures,
        shelves: Shelves,
        deadline_ms: int = 50,
        remembered: int = 100_000,
    ) -> None:
        """Puts it together.

        Args:
            view: signals.
            memberships: segments.
            index: visitors' documents.
            content: what is in force now.
            arms: of a unit.
            exposures: takes what decisions hung on.
            shelves: items that may be shown.
            deadline_ms: for a whole decision.
            remembered: visitors whose caps are remembered.
        """
        self._view, self._memberships, self._index = view, memberships, index
        self._content, self._arms = content, arms
        self._exposures, self._shelves, self._deadline_s = exposures, shelves, deadline_ms / 1000
        self._shown: OrderedDict[str, dict[str, list[int]]] = OrderedDict()
        self._remembered = remembered

    async def decide(
        self, visitor_id: str, unit: str, slots: list[str], language: str, now_ms: int
    ) -> Decision:
        """One decision; the index is asked only where the content needs it or the view has nothing.

        Where it hangs on an arm, the exposure is acknowledged by the deadline, or the slot gets its default.
        """
        began = asyncio.get_running_loop().time()
        content = self._content()
        facts = self._view.of(visitor_id, now_ms)
        found, shelf, in_time = await self._read(visitor_id, content, slots, known=bool(facts))
        known = bool(facts) or found.profile is not None or self._memberships.of(visitor_id) is not None
        shown = self._shown.get(visitor_id, {})
        segment, scores = self._segment(visitor_id, found.profile), _scores(found.profile)
        snapshot = Snapshot(
            visitor_id, facts, segment, scores, {k: list(v) for k, v in shown.items()}, known, shelf
        )
        arms = dict(self._arms(unit))
        answers = decide(snapshot, content, arms, now_ms, slots, language)
        degraded = ["index"] if found.degraded or not in_time else []
        left_s = self._deadline_s - (asyncio.get_running_loop().time() - began)
        asked = (answers, unit, visitor_id, now_ms, content.version)
        if not await self._exposures.acknowledged(*asked, wait_s=left_s):
            answers, degraded = withdrawn(answers, content, language), [*degraded, "exposures"]
        decision = Decision(now_ms, content.version, language, snapshot, arms, answers, degraded)
        self._remember(decision, content)
        LOG.info("%s", _Line(decision))
        return decision

    async def _read(
        self, visitor_id: str, content: Content, slots: list[str], *, known: bool
    ) -> tuple[Found, Shelf | None, bool]:
        """What the index says of visitor and items, side by side, where the slots ask for it."""
        is_held = self._memberships.knows(visitor_id)
        asks_profile = content.asks_profile(slots, segments=not is_held) or not (known or is_held)
        profile = asyncio.create_task(self.profile(visitor_id)) if asks_profile else None
        shelf, in_time = None, True
        if content.asks_items(slots):
            shelf, in_time = await self._shelves.of(visitor_id, self._deadline_s * _FOR_THE_INDEX)
        return (await profile if profile else Found(None)), shelf, in_time

    async def profile(self, visitor_id: str, *, features: bool = False) -> Found:
        """The visitor's document within the deadline, or that it did not come."""
        try:
            async with asyncio.timeout(self._deadline_s * _FOR_THE_INDEX):
                return Found(await self._index.visitor(visitor_id, features=features))
        except (TimeoutError, IndexUnavailable):
            return Found(None, degraded=True)

    def _remember(self, decision: Decision, content: Content) -> None:
        capped = [one for one in decision.answers if one.content and _cap_ms(content, one)]
        if not capped:
            return
        visitor = decision.snapshot.visitor_id
        shown = self._shown.pop(visitor, {})
        for one in capped:
            kept = [
                at for at in shown.get(one.content or "", ()) if at > decision.at_ms - _cap_ms(content, one)
            ]
            shown[one.content or ""] = [*kept, decision.at_ms]
        self._shown[visitor] = shown
        if len(self._shown) > self._remembered:
            self._shown.popitem(last=False)

    def forget(self, visitor_id: str) -> None:
        """Nothing is remembered of an erased visitor."""
        self._shown.pop(visitor_id, None)
        self._memberships.forget(visitor_id)

    def _segment(self, visitor_id: str, profile: Profile | None) -> str | None:
        """As the topic says; of a visitor that is not held, as the index does."""
        if self._memberships.knows(visitor_id):
            return self._memberships.of(visitor_id)
        return profile.get("segment") if profile is not None else None


class _Line:
    """Made into text only where somebody writes it."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

    def __str__(self) -> str:
        return _JSON.encode(self._decision).decode()


def _cap_ms(content: Content, answer: Answer) -> int:
    piece = next(one for one in content.pieces[answer.slot] if one.name == answer.content)
    return piece.cap.within_ms if piece.cap else 0


def _scores(profile: Profile | None) -> dict[str, float]:
    """The newest score of each model."""
    if profile is None:
        return {}
    scores = sorted(profile.get("scores") or (), key=lambda one: one.get("scored_at_ms") or 0)
    return {one["model"]: float(one["score"]) for one in scores if one.get("score") is not None}
