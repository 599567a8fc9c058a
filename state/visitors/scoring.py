"""Models: the moments at which they are asked, and what becomes of their answers.

Asking and answering are apart, because a model answers a hundred questions at the price of one: a question is
asked when its moment comes and answered when its slice is over, and the first that needs an answer has all
waiting questions of the worker answered. Versions and anchors are those of the moment, so the answers do not
depend on slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from connectors.contracts.features import NAMES
from connectors.contracts.model_inputs import context_values
from state.options import Options
from state.visitor import Moment, Session
from state.vocabulary import ADD_TO_CART, CHECKOUT_START, CHECKOUT_STEP, PURCHASE

Answer = dict[
    str, Any
]  # model (name, version, sha256), score, evidence (band, …), shadow where a version shadows
Matrix = npt.NDArray[np.float32]


class Request(NamedTuple):
    """A question to a model."""

    model: str
    visitor_id: str
    moment: Moment

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.model, self.visitor_id, self.moment.event_id


class Scorer(Protocol):
    """Answers questions, all that wait at once."""

    def ask(self, request: Request) -> None:
        """Notes a question, whosever it is."""

    def answer(self, request: Request) -> Answer:
        """The answer to a question, noted or not; empty when its model is not there any more."""

    def serves(self, model: str) -> bool:
        """Whether a model that need not be there has a live version."""


class BatchScorer:
    """Has all waiting questions answered in one call.

    Args:
        score: the names of the models and the moments → the answers.
        serves: whether an optional model has a live version.
    """

    def __init__(
        self,
        score: Callable[[list[str], list[Moment]], Sequence[Answer]],
        serves: Callable[[str], bool] = lambda model: False,
    ) -> None:
        self._score, self.serves = score, serves
        self._waiting: dict[tuple[str, str, str], Request] = {}
        self._answers: dict[tuple[str, str, str], Answer] = {}

    def ask(self, request: Request) -> None:
        """Notes a question."""
        self._waiting[request.key] = request

    def answer(self, request: Request) -> Answer:
        """The answer; the first one of a round answers all."""
        if request.key not in self._answers:
            self._waiting[request.key] = request  # it may have been asked before a restart
            asked = list(self._waiting.values())
            answers = self._score([one.model for one in asked], [one.moment for one in asked])
            self._answers.update(zip(self._waiting, answers, strict=True))
            self._waiting.clear()
        return self._answers.pop(request.key)


def matrix(moments: Sequence[Moment]) -> Matrix:
    """What models may take, a row a moment: connectors.contracts.model_inputs.OFFERED."""
    values = np.frombuffer(b"".join([moment.values for moment in moments]), dtype=np.float32)
    asked = [_asked(moment.device, moment.channel, moment.event_type) for moment in moments]
    return np.hstack([values.reshape(len(moments), len(NAMES)), np.array(asked, dtype=np.float32)])


@lru_cache(maxsize=10_000)
def _asked(device: str | None, channel: str | None, event_type: str) -> tuple[float, ...]:
    return context_values(device, channel, event_type)


def is_moment(session: Session, kind: int, options: Options) -> bool:
    """Whether purchase intent is asked for at the session's last event, which is of this kind.

    After every n-th event, at the first add_to_cart and at the first checkout event, until it has
    purchased.
    """
    counts, number = session.counts, session.events
    if number > options.score_max_events or PURCHASE in counts:
        return False
    if options.score_every_events and number % options.score_every_events == 0:
        return True
    if kind == ADD_TO_CART:
        return counts[kind] == 1
    if kind in (CHECKOUT_START, CHECKOUT_STEP):
        return counts.get(CHECKOUT_START, 0) + counts.get(CHECKOUT_STEP, 0) == 1
    return False
