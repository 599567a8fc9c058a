"""What a file of segments may say: one class a kind. Unknown keys are refused, every span has a unit."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from state.rules.language.model import DEFAULT_EXPIRES_MS
from state.rules.language.spans import Span

_NAME = r"^[a-z][a-z0-9_]{1,62}$"
_STRICT = ConfigDict(frozen=True, extra="forbid")
KINDS = ("lifecycle", "rfm")
LONGEST_MS = 400 * 86_400_000
MOST_FREQUENCY = 30.0  # the newest 32 sessions are remembered


class Bounds(BaseModel):
    """Where a number must lie: from `at_least` on, `below` an end; one of them at least."""

    model_config = _STRICT

    at_least: float | None = Field(default=None, ge=0)
    below: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _not_empty(self.at_least, self.below)
        return self


class Spans(BaseModel):
    """Where a time must lie: `at_least` so long ago, `below` so long ago; one of them at least."""

    model_config = _STRICT

    at_least: Span | None = Field(default=None, le=LONGEST_MS)
    below: Span | None = Field(default=None, le=LONGEST_MS)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _not_empty(self.at_least, self.below)
        return self


class Scores(BaseModel):
    """Where a score of 1 to 5 must lie, both ends included; one of them at least."""

    model_config = _STRICT

    at_least: int | None = Field(default=None, ge=1, le=5)
    at_most: int | None = Field(default=None, ge=1, le=5)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("at_least or at_most is required")
        if (self.at_least or 1) > (self.at_most or 5):
            raise ValueError("at_most must not be lower than at_least")
        return self


def _not_empty(low: float | None, high: float | None) -> None:
    if low is None and high is None:
        raise ValueError("at_least or below is required")
    if low is not None and high is not None and low >= high:
        raise ValueError("below must be higher than at_least")


class _Condition(BaseModel):
    """Bounds of which all must hold."""

    model_config = _STRICT

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(
                f"one of {', '.join(type(self).model_fields)} is required: an empty one says nothing"
            )
        return self


class Condition(_Condition):
    """Of a lifecycle."""

    frequency: Bounds | None = Field(default=None, description="Sessions, each by exp(-age / decay).")
    recency: Spans | None = Field(default=None, description="Since the last event.")
    age: Spans | None = Field(default=None, description="Since the first event.")
    sessions: Bounds | None = Field(default=None, description="All of them.")
    purchases: Bounds | None = Field(default=None, description="All of them.")
    since_purchase: Spans | None = Field(
        default=None, description="Since the last purchase; never: longer than any."
    )
    revenue: Bounds | None = Field(default=None, description="Of all purchases.")


class ScoreCondition(_Condition):
    """Of an RFM class; who has not bought has no score."""

    recency_score: Scores | None = Field(default=None, description="5: bought last of all.")
    frequency_score: Scores | None = Field(default=None, description="5: bought most often.")
    monetary_score: Scores | None = Field(default=None, description="5: for most.")


def _listed(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Any_ = Annotated[list[Condition], BeforeValidator(_listed), Field(min_length=1, max_length=10)]
AnyScore = Annotated[list[ScoreCondition], BeforeValidator(_listed), Field(min_length=1, max_length=10)]


class Segment(BaseModel):
    """One segment of a lifecycle.

    Attributes:
        name: of the segment.
        description: for people.
        enter: conditions, one of which lets a visitor in.
        stay: conditions, one of which lets a visitor stay that is in; those of enter do, too.
        minimum_stay: so long a visitor does not fall out of it.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    description: str = Field(min_length=5)
    enter: Any_
    stay: Any_ | None = None
    minimum_stay: Span | None = Field(default=None, le=LONGEST_MS)


class RfmClass(BaseModel):
    """One class of buyers."""

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    description: str = Field(min_length=5)
    enter: AnyScore


class _Segmentation(BaseModel):
    """Segments of which a visitor is in one: the first whose condition holds."""

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    version: int = Field(ge=1, description="Counts up with every change.")
    description: str = Field(min_length=10)

    @property
    def signal_kind(self) -> str:
        """What tells its signals from those of rules."""
        return "segment"


class Lifecycle(_Segmentation):
    """The lifecycle; its transitions are signals."""

    kind: Literal["lifecycle"]
    decay: Span = Field(le=LONGEST_MS, description="Of frequency: a session this long ago counts 1/e.")
    expires: Span = Field(default=DEFAULT_EXPIRES_MS, description="How long a transition's signal is of use.")
    segments: list[Segment] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _different(self.segments)
        for one in self.segments:
            for condition in (*one.enter, *(one.stay or ())):
                most = condition.frequency and condition.frequency.at_least
                if most is not None and most > MOST_FREQUENCY:
                    raise ValueError(
                        f"segment {one.name}: frequency is at most {MOST_FREQUENCY:g}, {most:g} came"
                    )
        return self


class Rfm(_Segmentation):
    """Classes of buyers; they are shown and are no signals."""

    kind: Literal["rfm"]
    cutoffs_valid_for: Span = Field(le=LONGEST_MS, description="Cut-offs that are older are said to be so.")
    segments: list[RfmClass] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _different(self.segments)
        return self


def _different(segments: list[Any]) -> None:
    twice = [name for name, count in Counter(one.name for one in segments).items() if count > 1]
    if twice:
        raise ValueError(f"segment {twice[0]} is there twice; names must differ")


Segmentation = Annotated[Lifecycle | Rfm, Field(discriminator="kind")]
