"""Which events a rule is about: conditions on fields, joined by all, any and not. Nothing executable."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from state.rules.fields import FieldType, field, known_type
from state.rules.literals import Scalar, literal

Place = tuple[str | int, ...]
_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip


class Condition(BaseModel):
    """What one field must be; several operators must all hold. A bare value stands for `eq`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    eq: str | int | float | None = None
    in_: list[str | int | float] | None = Field(default=None, alias="in", min_length=1)
    gt: int | float | None = None
    gte: int | float | None = None
    lt: int | float | None = None
    lte: int | float | None = None
    exists: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_value(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(f"a list needs its operator: {{in: {value!r}}}")
        if value is None or isinstance(value, bool):
            raise ValueError(
                f"a condition is a value or operators (eq, in, gt, gte, lt, lte, exists); got {value!r}"
            )
        return value if isinstance(value, dict) else {"eq": value}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a condition needs an operator: eq, in, gt, gte, lt, lte or exists")
        return self

    def values(self) -> list[Scalar]:
        """Every value that the field is compared with."""
        single: list[Scalar | None] = [self.eq, self.gt, self.gte, self.lt, self.lte]
        return [value for value in [*single, *(self.in_ or [])] if value is not None]

    def is_numeric(self) -> bool:
        """Whether the field is compared as a number."""
        return any(not isinstance(value, str) for value in self.values())

    def can_hold(self) -> bool:
        """Whether any value fulfils all operators.

        >>> Condition(gt=5, lt=3).can_hold(), Condition(eq="a").can_hold()
        (False, True)
        """
        if self.exists is False:
            return not self.values()
        wanted: list[Scalar] = self.in_ or ([] if self.eq is None else [self.eq])
        if self.eq is not None and self.in_ is not None and self.eq not in self.in_:
            return False
        if wanted:
            return any(self._in_range(value) for value in wanted)
        low = max((value for value in (self.gt, self.gte) if value is not None), default=None)
        high = min((value for value in (self.lt, self.lte) if value is not None), default=None)
        if low is None or high is None:
            return True
        return low < high or (low == high and self.gt != low and self.lt != high)

    def _in_range(self, value: Scalar) -> bool:
        tests = ((self.gt, "__gt__"), (self.gte, "__ge__"), (self.lt, "__lt__"), (self.lte, "__le__"))
        bounds = [(bound, test) for bound, test in tests if bound is not None]
        return all(
            not isinstance(value, str) and getattr(float(value), test)(float(bound)) for bound, test in bounds
        )

    def sql(self, expression: str) -> str:
        """The condition over an expression."""
        parts = [f"{expression} = {literal(self.eq)}"] if self.eq is not None else []
        if self.in_ is not None:
            parts.append(f"{expression} IN ({', '.join(map(literal, self.in_))})")
        parts += [
            f"{expression} {sign} {literal(getattr(self, name))}"
            for name, sign in _ORDER.items()
            if getattr(self, name) is not None
        ]
        if self.exists is not None:
            parts.append(f"{expression} IS {'NOT NULL' if self.exists else 'NULL'}")
        return " AND ".join(parts)

    def holds(self, value: str | float | None) -> bool:
        """Whether the condition is true of a value; None is what SQL calls NULL.

        >>> Condition(gte=3).holds(3.0), Condition(gte=3).holds(None), Condition(exists=False).holds(None)
        (True, False, True)
        """
        if self.exists is not None and self.exists != (value is not None):
            return False
        if value is None:
            return not self.values()
        if self.eq is not None and value != self.eq or self.in_ is not None and value not in self.in_:
            return False
        bounds = ((_COMPARE[name], getattr(self, name)) for name in _ORDER)
        return all(test(value, bound) for test, bound in bounds if bound is not None)


class Where(BaseModel):
    """A filter: fields with their conditions, and `all`, `any`, `not`; everything in it must hold."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    __pydantic_extra__: dict[str, Condition] = Field(init=False)

    all_: list[Where] | None = Field(default=None, alias="all", min_length=1)
    any_: list[Where] | None = Field(default=None, alias="any", min_length=1)
    not_: Where | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not (self.__pydantic_extra__ or self.all_ or self.any_ or self.not_):
            raise ValueError(
                "an empty filter matches nothing; name a field; every event is {event_type: {exists: true}}"
            )
        return self

    def problems(self, place: Place) -> Iterator[tuple[Place, str]]:
        """What is wrong with its fields: where in the rule, and what to do."""
        for name, condition in self.conditions().items():
            if found := _problem(name, condition):
                yield (*place, name), found
        for key, parts in (("all", self.all_), ("any", self.any_)):
            for number, part in enumerate(parts or ()):
                yield from part.problems((*place, key, number))
        if self.not_:
            yield from self.not_.problems((*place, "not"))

    def conditions(self) -> dict[str, Condition]:
        """Conditions on fields at this level."""
        return dict(self.__pydantic_extra__ or {})

    def parts(self) -> Iterator[Where]:
        """This filter and every filter in it."""
        yield self
        for part in (*(self.all_ or ()), *(self.any_ or ()), *((self.not_,) if self.not_ else ())):
            yield from part.parts()

    def field_names(self) -> set[str]:
        """Every field that it looks at."""
        return {name for part in self.parts() for name in part.conditions()}

    def can_hold(self) -> bool:
        """Whether some event could fulfil it, as far as its conditions alone tell."""
        own = all(condition.can_hold() for condition in self.conditions().values())
        types = self.event_types()
        return (
            own
            and types != frozenset()
            and all(part.can_hold() for part in self.all_ or ())
            and (self.any_ is None or any(part.can_hold() for part in self.any_))
        )

    def event_types(self) -> frozenset[str] | None:
        """The types that it lets through; None when it does not say.

        >>> sorted(Where.model_validate({"event_type": {"in": ["search", "click"]}}).event_types())
        ['click', 'search']
        """
        found = [_types(self.conditions().get("event_type"))]
        found += [part.event_types() for part in self.all_ or ()]
        if self.any_ and all(part.event_types() is not None for part in self.any_):
            found.append(frozenset[str]().union(*(part.event_types() or () for part in self.any_)))
        told = [types for types in found if types is not None]
        return frozenset.intersection(*told) if told else None

    def only_types(self) -> bool:
        """Whether it asks for nothing but the event's type."""
        return self.field_names() == {"event_type"} and self.not_ is None

    def sql(self) -> str:
        """The predicate. The event's type comes first: it is cheap, and the rest is then not read."""
        conditions = sorted(self.conditions().items(), key=lambda item: item[0] != "event_type")
        parts = [
            condition.sql(field(name).sql(_compared_as(name, condition))) for name, condition in conditions
        ]
        parts += [part.sql() for part in self.all_ or ()]
        if self.any_:
            parts.append("(" + " OR ".join(f"({part.sql()})" for part in self.any_) + ")")
        if self.not_:
            parts.append(f"({self.not_.sql()}) IS NOT TRUE")
        return " AND ".join(parts)

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether an event's document passes, as `sql` has it.

        >>> Where.model_validate({"event_type": "search"}).holds({"event_type": "click"})
        False
        """
        # What is unknown in SQL does not pass, and `not` is true of it: two values are enough here.
        return (
            all(
                condition.holds(_value(event, name, condition))
                for name, condition in self.conditions().items()
            )
            and all(part.holds(event) for part in self.all_ or ())
            and (not self.any_ or any(part.holds(event) for part in self.any_))
            and not (self.not_ and self.not_.holds(event))
        )


def _types(condition: Condition | None) -> frozenset[str] | None:
    if condition is None or (condition.eq is None and condition.in_ is None):
        return None
    sides = [
        {condition.eq} if condition.eq is not None else None,
        set(condition.in_) if condition.in_ else None,
    ]
    told = [side for side in sides if side is not None]
    return frozenset(str(value) for value in set.intersection(*told))


def _compared_as(name: str, condition: Condition) -> FieldType:
    declared = field(name)
    return "number" if declared.block == "properties" and condition.is_numeric() else declared.kind


def _value(event: Mapping[str, Any], name: str, condition: Condition) -> str | float | None:
    declared = field(name)
    as_number = _compared_as(name, condition) == "number"
    return declared.number(event) if as_number else declared.text(event)


def _problem(name: str, condition: Condition) -> str | None:
    try:
        declared = field(name)
        for value in condition.values():
            literal(value)
    except ValueError as error:
        return str(error)
    texts = [value for value in condition.values() if isinstance(value, str)]
    numbers = [value for value in condition.values() if not isinstance(value, str)]
    if texts and numbers:
        return f"{name} is compared with text and with numbers; use one of them"
    if declared.kind == "number" and texts:
        return f"{name} is a number; got the text {texts[0]!r}"
    if declared.kind == "text" and declared.block != "properties" and numbers:
        return f"{name} is text: write {str(numbers[0])!r} in quotes; got the number {numbers[0]!r}"
    if name == "event_type" and (unknown := [value for value in texts if not known_type(value)]):
        return (
            f"no event has the type {unknown[0]!r}, so this can never fire; docs/contracts.md has the types"
        )
    return None
