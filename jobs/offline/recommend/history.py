"""A history as numbers: who looked at what and when, and the questions that it asks of a recommender.

A question is a moment at which a visitor went on to a product that is new in the session. What came before in
the session is known, the product is the answer. The history is gone through once, in the order of time; the
live table is asked on the way, before the event is added. So no answer knows what came later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Times = npt.NDArray[np.int64]
CONTEXT = 5  # the session's last different products: what is known of the visitor
SHOWN = 20  # items of a list
NONE = -1  # fills a list that is shorter


@dataclass(frozen=True)
class Looks:
    """Who looked at what: a row for each product of an event, in the order of time.

    Attributes:
        visitors, items: numbers; of items their place in `names`.
        at_ms: event time.
        names: ids of the items, rising: to rank equal scores by number is to rank them by id.
        visitor_count: different visitors.
    """

    visitors: Codes
    items: Codes
    at_ms: Times
    names: list[str]
    visitor_count: int

    def __len__(self) -> int:
        return len(self.items)

    def before(self, at_ms: int) -> Looks:
        """The rows before a moment; the numbers stay."""
        part = slice(0, int(np.searchsorted(self.at_ms, at_ms)))
        return Looks(self.visitors[part], self.items[part], self.at_ms[part], self.names, self.visitor_count)

    def first_ms(self) -> Times:
        """When each item was seen first."""
        found = np.full(len(self.names), np.iinfo(np.int64).max)
        np.minimum.at(found, self.items, self.at_ms)
        return found


@dataclass(frozen=True)
class Questions:
    """What visitors did next.

    Attributes:
        visitors: whose it was.
        at_ms: when, rising.
        answers: the item that came.
        contexts: the session's last different items, the newest first.
        seen: all items of the session: they are not shown again.
        lists: what was to be shown at the moment, by who says so: SHOWN items for each question.
    """

    visitors: Codes
    at_ms: Times
    answers: Codes
    contexts: list[list[int]]
    seen: list[list[int]]
    lists: Mapping[str, Codes]

    def __len__(self) -> int:
        return len(self.answers)

    def between(self, from_ms: int, until_ms: int) -> Questions:
        """Those of a span, `until_ms` not included."""
        part = slice(*np.searchsorted(self.at_ms, [from_ms, until_ms]).tolist())
        return Questions(
            self.visitors[part], self.at_ms[part], self.answers[part], self.contexts[part], self.seen[part],
            {name: found[part] for name, found in self.lists.items()},
        )  # fmt: skip
