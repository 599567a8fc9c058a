"""What one field must be: a value, or operators with theirs. Nothing executable."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from state.events import Event
from state.rules.language.fields import MONEY, FieldType, amount_reader, field

Scalar = str | int | float
Test = Callable[[Event], bool]
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
        return not self._bounds() or (
            not isinstance(value, str) and all(test(value, bound) for test, bound in self._bounds())
        )

    def _bounds(self) -> list[tuple[Callable[[Any, Any], bool], Scalar]]:
        found = [(test, getattr(self, name)) for name, test in _COMPARE.items()]
        return [(test, bound) for test, bound in found if bound is not None]

    def tests(self, name: str, currencies: frozenset[str]) -> Iterator[Test]:
        """What must be true of an event whose field has the name, one function for each operator."""
        read = _reader(name, self, currencies)
        if self.exists is not None:
            yield _is_there(read) if self.exists else _is_not_there(read)
        if self.eq is not None:
            yield _compared(read, operator.eq, self.eq)
        if self.in_ is not None:
            yield _compared(read, lambda came, wanted: came in wanted, frozenset(self.in_))
        yield from (_compared(read, test, bound) for test, bound in self._bounds())


def compared_as(name: str, condition: Condition) -> FieldType:
    """A property is a number where it is compared with one."""
    declared = field(name)
    return "number" if declared.block == "properties" and condition.is_numeric() else declared.kind


def check_value(value: Scalar) -> None:
    """Refuses what is no value of an event.

    Raises:
        ValueError: a number that is none, or text that no event can hold.
    """
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"text must not hold the character 0; got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number must be finite; got {value!r}")


def _reader(name: str, condition: Condition, currencies: frozenset[str]) -> Callable[[Event], Any]:
    if name in MONEY and currencies:
        return amount_reader(name, currencies)
    numeric = compared_as(name, condition) == "number"
    return field(name).number_reader() if numeric else field(name).text_reader()


def _is_there(read: Callable[[Event], Any]) -> Test:
    return lambda event: read(event) is not None


def _is_not_there(read: Callable[[Event], Any]) -> Test:
    return lambda event: read(event) is None


def _compared(read: Callable[[Event], Any], compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    return lambda event: (came := read(event)) is not None and compare(came, wanted)
