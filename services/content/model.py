"""What a file of content may say. No HTML, no expressions: a page fills in texts as texts. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}(-[A-Z]{2})?$")]
Kind = Literal["text", "link", "number", "flag"]
Value = str | int | float | bool
Texts = dict[Language, dict[Name, Value]]
_LONGEST = 500  # characters
_MARKUP = re.compile(r"<[A-Za-z/!?]|\{\{|\{%|\$\{|<%")
_LINK = re.compile(r"/(?!/)\S*|https://[^\s/]+\S*")


class Bounds(BaseModel):
    """Where a model's score must lie: from `at_least` on, `below` an end; one of them at least."""

    model_config = _STRICT

    at_least: float | None = Field(default=None, strict=False)
    below: float | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.below is None:
            raise ValueError("at_least or below is required")
        return self

    def hold(self, score: float) -> bool:
        """Whether the score lies within."""
        return (self.at_least is None or score >= self.at_least) and (
            self.below is None or score < self.below
        )


class Condition(BaseModel):
    """What calls: one of the signals, one of the segments, all of the scores; each group that is there."""

    model_config = _STRICT

    signals: Annotated[list[Name], Field(min_length=1)] | None = None
    segments: Annotated[list[str], Field(min_length=1)] | None = None
    scores: Annotated[dict[Name, Bounds], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.signals or self.segments or self.scores):
            raise ValueError("signals, segments or scores are required")
        return self

    def asks_profile(self, segments: bool = True) -> bool:
        """Whether scores are needed to answer, or a segment where `segments` says that none is known."""
        return bool(self.scores or (segments and self.segments))


class Cap(BaseModel):
    """At most so often for a visitor in any span of so long."""

    model_config = _STRICT

    times: int = Field(ge=1, le=100)
    within_ms: int = Field(ge=1_000, le=366 * 86_400_000)


class Arm(BaseModel):
    """Only for visitors in this arm of the experiment."""

    model_config = _STRICT

    experiment: Name
    arm: Name


class ItemRow(BaseModel):
    """A row of items: how many at most, and how many of one category."""

    model_config = _STRICT

    most: int = Field(default=6, ge=1, le=20)
    per_category: int = Field(default=2, ge=1, le=20)


class Slot(BaseModel):
    """A slot of a page: the fields that it shows, and its default.

    With `items` it shows items, too, and nothing where there are none.
    """

    model_config = _STRICT

    description: str = ""
    fields: dict[Name, Kind] = Field(min_length=1)
    items: ItemRow | None = None
    default: Texts | None = None


class Piece(BaseModel):
    """One content.

    Attributes:
        name: unique.
        slot: where it is shown.
        priority: of several the lowest number wins, then the name.
        when: what calls for it; absent: always.
        unless: what forbids it.
        cap: how often.
        begins: first moment.
        ends: first moment after.
        experiment: only in one arm.
        texts: the slot's fields, by language.
    """

    model_config = _STRICT

    name: Name
    slot: Name
    priority: int = Field(ge=1, le=999)
    when: Condition | None = None
    unless: Condition | None = None
    cap: Cap | None = None
    begins: AwareDatetime | None = Field(default=None, strict=False)
    ends: AwareDatetime | None = Field(default=None, strict=False)
    experiment: Arm | None = None
    texts: Texts = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_time(self) -> Self:
        if self.begins and self.ends and self.begins >= self.ends:
            raise ValueError("begins must be before ends")
        return self

    def is_of(self, now_ms: int) -> bool:
        """Whether the moment is within its validity."""
        return (self.begins is None or _ms(self.begins) <= now_ms) and (
            self.ends is None or now_ms < _ms(self.ends)
        )


class File(BaseModel):
    """One file: slots, contents, or both."""

    model_config = _STRICT

    slots: dict[Name, Slot] = {}
    content: list[Piece] = []


def wrong_value(kind: Kind, value: Value) -> str | None:
    """What is required of a field's value; None when it is that.

    >>> wrong_value("text", "10 < 20"), wrong_value("text", "<b>now</b>")
    (None, 'plain text is required: no HTML, no template marks')
    >>> wrong_value("link", "/cart"), wrong_value("link", "javascript:alert(1)")
    (None, 'a path (/cart) or an address that begins with https:// is required')
    """
    if kind == "flag":
        return None if isinstance(value, bool) else "true or false is required"
    if kind == "number":
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return None if is_number else "a number is required"
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST:
        return f"a text of 1 to {_LONGEST} characters is required"
    if kind == "link":
        fits = _LINK.fullmatch(value) and not _MARKUP.search(value)
        return None if fits else "a path (/cart) or an address that begins with https:// is required"
    return "plain text is required: no HTML, no template marks" if _MARKUP.search(value) else None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
