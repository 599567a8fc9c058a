"""The contract of segments: the kinds of a move's signals, and the record of where a visitor is. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.strict import STRICT, Count

ENTERED, LEFT = MOVES = ("segment_entered", "segment_left")


class Segment(BaseModel):
    """Where a visitor is; without a segment it is in none any more. Null means absent."""

    model_config = STRICT

    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """Who."""
    segment: str | None = None
    """Of the lifecycle."""
    segment_since_ms: Count | None = None
    """Event time at which the visitor came into it. Epoch milliseconds, UTC."""
    rfm: str | None = None
    """Class of buyers by recency, frequency and monetary value."""
    rfm_since_ms: Count | None = None
    """Event time at which the visitor came into it. Epoch milliseconds, UTC."""
    cutoffs_date: str | None = None
    """Date of the cut-offs by which the class was found."""
    cutoffs_stale: bool | None = None
    """Whether these were older than they are valid for, as of `version`."""
    version: Count
    """Event-time milliseconds of the last change; a higher one replaces a lower one."""

    def to_document(self) -> dict[str, Any]:
        """The JSON object; a field without a value is left out."""
        return self.model_dump(exclude_none=True)
