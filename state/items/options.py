"""What the answers about items depend on: spans and the score, by the names of the settings."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from state.options import DAY_MS, MINUTE_MS, Options

Rank = Literal["cosine", "llr"]


@dataclass(frozen=True)
class ItemOptions:
    """The settings of items and their defaults."""

    bounded: bool = Options.bounded
    session_gap_ms: int = Options.session_gap_ms
    dedup_ttl_ms: int = Options.dedup_ttl_ms
    visitor_memory_ms: int = Options.visitor_memory_ms
    slice_ms: int = 200
    items_decay_ms: int = 7 * DAY_MS
    items_popularity_ms: int = DAY_MS
    items_memory_ms: int = 14 * DAY_MS
    items_step_ms: int = MINUTE_MS
    items_visitor_step_ms: int = 10_000
    items_rank: Rank = "cosine"

    @classmethod
    def of(cls, settings: object) -> Self:
        """Those of the settings that matter here, by their names."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(cls)})

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed."""
        return replace(self, **changes)

    @property
    def item_step_ms(self) -> int:
        """How often an item is written: whole slices, so that the answer does not hang on how they are cut.

        What only the end of a bounded read shall tell is written once a day of event time.
        """
        return self._whole_slices(max(self.items_step_ms, DAY_MS) if self.bounded else self.items_step_ms)

    @property
    def visitor_step_ms(self) -> int:
        """How often what is known of a visitor's items is written."""
        return self._whole_slices(DAY_MS if self.bounded else self.items_visitor_step_ms)

    def _whole_slices(self, span_ms: int) -> int:
        return -(-span_ms // self.slice_ms) * self.slice_ms
