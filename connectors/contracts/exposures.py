"""Exposures: that a decision hung on an experiment's arm. Pure."""

from __future__ import annotations

from pydantic import BaseModel, Field

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from connectors.contracts.strict import STRICT, Count, Ordinal


class Exposure(BaseModel):
    """A decision that hung on the arm of a unit. The first one of a visitor counts; copies do no harm."""

    model_config = STRICT

    experiment: str = Field(min_length=1)
    """Name of the experiment; `holdout` is the global holdout."""
    version: Ordinal
    """Of the experiment."""
    plan: str
    """Hash of what the version freezes (arms, weights, layer); empty for the holdout."""
    arm: str = Field(min_length=1)
    """The unit's arm."""
    unit: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """What was drawn: the device, or what the asker named."""
    visitor_id: str = Field(min_length=1, max_length=VISITOR_ID_MAX_LENGTH)
    """For whom it was decided."""
    exposed_at_ms: Count
    """Time of the decision. Epoch milliseconds, UTC."""
    slot: str = Field(min_length=1)
    """Where."""
    content: str | None = None
    """What was decided for; null: the slot's default."""
    content_version: str
    """Of the content."""

    def to_document(self) -> dict[str, object]:
        """The JSON object; a field without a value is left out."""
        return self.model_dump(exclude_none=True)
