"""Asks models, takes their answers, and writes the visitor's document, which shows them.

The document is written once for each `visitor_step_ms` in which something changed: in its last millisecond,
as of then. Where a question of that time is not answered yet, the document waits behind it. Steps begin at
another time for each visitor: written all at once, documents would hold up everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from connectors.contracts.canaries import is_canary
from connectors.contracts.model_inputs import CHURN, CLUSTER, INTENT
from state.logic import Out
from state.options import Options
from state.visitor import Asked, Moment, Score, Session, Visitor
from state.visitors.documents import (
    features_document,
    score_document,
    score_signal,
    shadow_document,
    visitor_document,
)
from state.visitors.features import moment_of, silent_moment_of
from state.visitors.scoring import Answer, Request, Scorer
from state.visitors.signals import Signals

_DOCUMENT = ""  # instead of a model: the visitor's document
_PHASES = 60  # times within a step at which steps begin


def end_of_step(visitor_id: str, at: int, step_ms: int) -> int:
    """The last millisecond of the visitor's step that a time lies in.

    >>> end_of_step("a", 0, 60_000), end_of_step("b", 0, 60_000)
    (26999, 40999)
    """
    phase = crc32(visitor_id.encode("utf-8", "surrogatepass")) % _PHASES * step_ms // _PHASES
    return (at - phase) // step_ms * step_ms + step_ms + phase - 1


class Models:
    """What is asked at which moment, and what comes of the answer.

    Args:
        options: switches and spans.
        scorer: answers; None asks no model.
        signals: for the wall clock.
        described: members of the visitor's document that say in which segments it is at a time.
    """

    def __init__(
        self,
        options: Options,
        scorer: Scorer | None,
        signals: Signals,
        described: Callable[[Visitor, int], dict[str, Any]],
    ) -> None:
        self._options, self._signals, self._described = options, signals, described
        self._scorer = scorer if options.scoring else None
        self._writes_visitors = "visitor" in options.emits
        self._is_interested = self._scorer is not None or "features" in options.emits

    def on_moment(self, visitor: Visitor, session: Session, asked_in: int, out: Out) -> None:
        """Purchase intent is of interest at the visitor's last event."""
        if self._is_interested:
            moment = moment_of(visitor, session)
            self._document_features(visitor, moment, out)
            self._ask(visitor, Asked(INTENT, moment.at, session.id, asked_in, moment))

    def on_session_end(
        self, visitor: Visitor, session: Session, closed_at: int, asked_in: int, out: Out
    ) -> None:
        """Churn risk is, which each session renews, and the visitor's cluster where clusters are live."""
        if self._is_interested or visitor.document_due:
            moment = moment_of(visitor, session, closed_at)
            self._document_features(visitor, moment, out)
            self._ask(visitor, Asked(CHURN, closed_at, "visitor", asked_in, moment))
            if self._scorer is not None and self._scorer.serves(CLUSTER):
                self._ask(visitor, Asked(CLUSTER, closed_at, "visitor", asked_in, moment))
            visitor.closing = moment if visitor.document_due else None

    def _document_features(self, visitor: Visitor, moment: Moment, out: Out) -> None:
        if "features" in self._options.emits:
            document = features_document(visitor.id, moment)
            out.add("features", visitor.id, moment.event_id, moment.closed_at or moment.at, document)

    def _ask(self, visitor: Visitor, asked: Asked) -> None:
        if self._scorer is not None and not is_canary(visitor.id):
            visitor.asked.append(asked)
            self._scorer.ask(Request(asked.model, visitor.id, asked.moment))
            self.changed(visitor, asked.at)

    def changed(self, visitor: Visitor, at: int) -> None:
        """Something changed at a moment that the visitor's document is to show."""
        if self._writes_visitors and not visitor.document_due:
            visitor.document_due = end_of_step(visitor.id, at, self._options.visitor_step_ms)

    def document(self, visitor: Visitor, asked_in: int, out: Out) -> None:
        """The document is due: as of now, but it may have to wait for answers."""
        session = visitor.session
        moment = (
            (visitor.closing or silent_moment_of(visitor)) if session is None else moment_of(visitor, session)
        )
        visitor.document_due, visitor.closing = 0, None
        changed_at = visitor.segments.changed_at if visitor.segments is not None else 0
        described = self._described(visitor, max(moment.at, changed_at))
        asked = Asked(_DOCUMENT, moment.at, "", asked_in, moment, described, changed_at)
        if visitor.asked:
            visitor.asked.append(asked)
        else:
            self._write(visitor, asked, out)

    def _write(self, visitor: Visitor, asked: Asked, out: Out) -> None:
        scored_at = (score.scored_at for score in visitor.scores.values())
        version = max([asked.at, asked.changed_at, *scored_at])
        document = visitor_document(visitor, asked, version, self._options.scoring)
        out.add("visitor", visitor.id, visitor.id, version, document)

    def answer(self, visitor: Visitor, slice_end: int, out: Out) -> None:
        """Takes the answers to what was asked in slices that are over."""
        waiting = visitor.asked
        over = [asked for asked in waiting if asked.asked_in != slice_end]
        visitor.asked = waiting[len(over) :]
        for asked in over:
            if asked.model == _DOCUMENT:
                self._write(visitor, asked, out)
            elif self._scorer is not None:
                answer = self._scorer.answer(Request(asked.model, visitor.id, asked.moment))
                self._take(visitor, asked, answer, out)

    def _take(self, visitor: Visitor, asked: Asked, answer: Answer, out: Out) -> None:
        if not answer:
            return
        model, emits, now_ms = asked.model, self._options.emits, self._signals.now_ms()
        cluster = answer["evidence"].get("cluster", "")
        visitor.scores[model] = Score(answer["model"]["version"], answer["score"], asked.at, cluster)
        if "score" in emits:
            name, document = score_document(visitor.id, asked, answer, now_ms)
            out.add("score", visitor.id, name, asked.at, document)
        if "shadow" in answer and "shadow" in emits:
            name, document = shadow_document(visitor.id, asked, answer, now_ms)
            out.add("shadow", name, name, asked.at, document)
        if answer["evidence"]["band"] == "high":
            visitor.signal_anchors[model] = asked.anchor
        if visitor.signal_anchors.get(model) == asked.anchor and "signal" in emits:
            expires_ms = self._options.signal_expires_after_ms
            name, document = score_signal(visitor.id, visitor.device, asked, answer, expires_ms, now_ms)
            out.add("signal", visitor.id, name, asked.at, document)
