"""The cut-offs of RFM: a published artefact with a date, never quantiles of the moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.contracts.errors import BadInput, plain_os

SCHEMA: Literal["rfm_cutoffs/1"] = "rfm_cutoffs/1"
FILE = "cutoffs.json"  # in the folder of the segments
CutPoints = Annotated[list[float], Field(min_length=4, max_length=4)]


class Cutoffs(BaseModel):
    """Four values that part buyers into fifths, of each measure; ascending.

    Attributes:
        schema_: names the format.
        date: of the newest event, for people: 2026-11-29.
        as_of_ms: event time of the newest event.
        buyers: so many they are of.
        source: what they were made of.
        recency_ms: since the last purchase.
        frequency: purchases.
        monetary: revenue.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["rfm_cutoffs/1"] = Field(default=SCHEMA, alias="schema")
    date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    as_of_ms: int = Field(ge=0)
    buyers: int = Field(ge=1)
    source: str
    recency_ms: CutPoints
    frequency: CutPoints
    monetary: CutPoints

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        for name in ("recency_ms", "frequency", "monetary"):
            if sorted(getattr(self, name)) != getattr(self, name):
                raise ValueError(f"{name} must ascend")
        return self


def read_cutoffs(path: Path) -> Cutoffs:
    """The artefact in a file.

    Raises:
        BadInput: the file cannot be read, or is none.
    """
    action = "make it with scripts/segments cutoffs"
    try:
        return Cutoffs.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {plain_os(error)}", action) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BadInput(f"{path}: {where}: {first['msg']}; got {first['input']!r}", action) from None
