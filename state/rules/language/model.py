"""What a rule may say: one class a kind. Unknown keys are refused, every span of time has a unit."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from state.rules.language.fields import MONEY, field
from state.rules.language.filters import Where
from state.rules.language.spans import Span

_NAME = r"^[a-z][a-z0-9_]{1,62}$"
_STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
DEFAULT_EXPIRES_MS = 604_800_000
MOST_EVENTS = 5_000  # of a session; a count beyond can never be reached in one

Within = Literal["session"] | Span
FieldName = Annotated[str, Field(description="A field of an event: product.category, properties.coupon …")]
Measure = Literal["revenue", "cart_value"]
MEASURED = {"revenue": "order.revenue", "cart_value": "product.price"}
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="A code of ISO 4217: EUR, USD …")]


class Cap(BaseModel):
    """How often a signal of the rule may set something off for one visitor; TRIGGERS keeps it."""

    model_config = _STRICT

    at_most: int = Field(ge=1, le=1_000)
    within: Span


class _Rule(BaseModel):
    """What every rule has."""

    model_config = _STRICT

    name: str = Field(pattern=_NAME, description="Name; with the kind of signal part of the signal's id.")
    version: int = Field(ge=1, description="Counts up with every change of the rule.")
    description: str = Field(min_length=10, description="What it means, for people.")
    emits: str | None = Field(
        default=None, pattern=_NAME, description="Kind of the signal; default: the name."
    )
    expires: Span = Field(
        default=DEFAULT_EXPIRES_MS, description="How long after it occurred a signal is of use."
    )
    cap: Cap | None = None
    currency: Currency | Annotated[list[Currency], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="Only amounts in this currency, or in one of these, count, and those that name none.",
    )

    @property
    def currencies(self) -> frozenset[str]:
        """Those in which amounts count; empty: all of them."""
        return frozenset([self.currency] if isinstance(self.currency, str) else self.currency or ())

    @property
    def signal_kind(self) -> str:
        """Kind of the signals."""
        return self.emits or self.name

    @property
    def key_in_state(self) -> str:
        """What keeps its state apart from that of other rules and of its own earlier versions."""
        return f"{self.name}/{self.version}"

    def filters(self) -> dict[str, Where]:
        """Every filter by the name of its field."""
        return {}

    def field_names(self) -> dict[str, str]:
        """Fields of events that it reads outside of filters, by the name of the rule's field."""
        return {}

    def money(self) -> set[str]:
        """The amounts of money that it looks at."""
        filtered = {name for where in self.filters().values() for name in where.field_names()}
        return {*filtered, *self.field_names().values()} & set(MONEY)


class Count(_Rule):
    """So many events of a filter by one visitor: in one session, or within a span of time."""

    kind: Literal["count"]
    where: Where
    within: Within
    key: FieldName | None = Field(default=None, description="Counts apart for each value of this field.")
    distinct: FieldName | None = Field(default=None, description="Counts a value of this field once.")
    more_than: int | None = Field(default=None, ge=0)
    at_least: int | None = Field(default=None, ge=1)
    exactly: int | None = Field(
        default=None, ge=1, description="At the end of the session, or 1 within a span."
    )
    sum_: Measure | None = Field(default=None, alias="sum", description="Adds up instead of counting.")
    at: Literal["event", "session_end"] = "event"
    once: Literal["session", "occurrence"] = "session"

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        given = [name for name in ("more_than", "at_least", "exactly") if getattr(self, name) is not None]
        if len(given) != 1:
            came = ", ".join(given) or "none"
            raise ValueError(f"exactly one of more_than, at_least and exactly is required; got {came}")
        return self

    @property
    def least(self) -> int:
        """The count at which it fires."""
        return self.more_than + 1 if self.more_than is not None else self.at_least or self.exactly or 1

    def filters(self) -> dict[str, Where]:
        """Its one filter."""
        return {"where": self.where}

    def field_names(self) -> dict[str, str]:
        """Key and distinct."""
        return {name: value for name, value in (("key", self.key), ("distinct", self.distinct)) if value}

    def money(self) -> set[str]:
        """What it adds up, too."""
        return super().money() | ({MEASURED[self.sum_]} if self.sum_ else set())


class Value(BaseModel):
    """What is at stake: price times quantity of the events that arm, and the band that the sum lies in."""

    model_config = _STRICT

    price: FieldName
    quantity: FieldName | None = None
    bands: list[int] = Field(min_length=1, description="Lower limits of the bands above 0, ascending.")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.bands != sorted(set(self.bands)) or self.bands[0] <= 0:
            raise ValueError(f"bands must be greater than 0 and ascend; got {self.bands}")
        return self


class Absence(_Rule):
    """Something happened and what should follow did not; without `without`: a silence that ends."""

    kind: Literal["absence"]
    where: Where = Field(description="The events that start the wait.")
    without: Where | None = Field(
        default=None, description="The events that end it; without them: any return."
    )
    within: Within
    since: Literal["last", "first"] = Field(
        default="last", description="Wait since the last such event, or since the session's first."
    )
    recovered_within: Span | None = Field(
        default=None, description="An answer up to so long after the firing makes the signal `recovered`."
    )
    value: Value | None = None
    cart: bool = Field(
        default=False,
        description="The wait is one for a cart: what is taken out again is not waited for, and the value is "
        "that of what is left in it.",
    )
    start_noun: str = Field(
        default="start", pattern=_NAME, description="What evidence calls the events that start it."
    )
    answer_noun: str = Field(default="answer", pattern=_NAME, description="What evidence calls the answer.")

    def filters(self) -> dict[str, Where]:
        """Both filters."""
        return {name: value for name, value in (("where", self.where), ("without", self.without)) if value}

    def field_names(self) -> dict[str, str]:
        """Price and quantity."""
        if self.value is None:
            return {}
        named = {"value.price": self.value.price, "value.quantity": self.value.quantity}
        return {name: value for name, value in named.items() if value}


class Sequence(_Rule):
    """Two to five steps in their order, with anything between them."""

    kind: Literal["sequence"]
    steps: list[Where] = Field(min_length=2, max_length=5)
    within: Span
    key: FieldName | None = Field(
        default=None, description="All steps must have the same value of this field."
    )

    def filters(self) -> dict[str, Where]:
        """One filter a step."""
        return {f"steps.{number}": step for number, step in enumerate(self.steps)}

    def field_names(self) -> dict[str, str]:
        """The key."""
        return {"key": self.key} if self.key else {}


class Dwell(_Rule):
    """In one session so much time from the first event of a filter to a later one of it."""

    kind: Literal["dwell"]
    where: Where
    within: Literal["session"]
    at_least: Span
    key: FieldName | None = Field(default=None, description="Measures apart for each value of this field.")

    def filters(self) -> dict[str, Where]:
        """Its one filter."""
        return {"where": self.where}

    def field_names(self) -> dict[str, str]:
        """The key."""
        return {"key": self.key} if self.key else {}


class Step(BaseModel):
    """One step of a funnel."""

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    where: Where


class Funnel(_Rule):
    """The furthest of several steps that a session came to, and the one before which it dropped off."""

    kind: Literal["funnel"]
    steps: list[Step] = Field(min_length=2, max_length=8)
    within: Literal["session"]

    def filters(self) -> dict[str, Where]:
        """One filter a step."""
        return {f"steps.{number}.where": step.where for number, step in enumerate(self.steps)}


class Deviation(_Rule):
    """A visitor's last sessions do not agree: what each began with differs from one to the next."""

    kind: Literal["deviation"]
    of: Literal["product.category"] = Field(
        description="What is compared: the first value viewed in a session."
    )
    sessions: int = Field(
        ge=2, le=10, description="How many sessions in a row, those without a value left out."
    )
    distinct: int = Field(ge=2, le=10, description="So many different values among them fire.")
    within: Span


Rule = Annotated[Count | Absence | Sequence | Dwell | Funnel | Deviation, Field(discriminator="kind")]
KINDS: tuple[str, ...] = ("count", "absence", "sequence", "dwell", "funnel", "deviation")


def fields_exist(rule: _Rule) -> list[tuple[str, str]]:
    """What is wrong with the fields that the rule reads outside of filters: (field of the rule, problem)."""
    found = []
    for field_name, name in rule.field_names().items():
        try:
            field(name)
        except ValueError as error:
            found.append((field_name, str(error)))
    return found
