"""Which events a rule is about: conditions on fields, joined by all, any and not. Nothing executable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.contracts.vocabulary import CUSTOM_PREFIX
from state.events import Event
from state.rules.language.conditions import Condition, Test, check_value
from state.rules.language.fields import field, known_type
from state.vocabulary import CUSTOM, KIND, NAMES

FieldPath = tuple[str | int, ...]
EVERY_KIND = frozenset(range(len(NAMES)))


class Filter(NamedTuple):
    """A filter over events.

    Attributes:
        kinds: numbers of the types that can pass.
        test: what must be true of an event of such a type; None: nothing.
    """

    kinds: frozenset[int]
    test: Test | None

    def holds(self, event: Event) -> bool:
        """Whether the event passes."""
        return event.kind in self.kinds and (self.test is None or self.test(event))


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

    def problems(self, field_path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
        """What is wrong with its fields: where in the rule, and what to do."""
        for name, condition in self.conditions().items():
            if found := _problem(name, condition):
                yield (*field_path, name), found
        for key, parts in (("all", self.all_), ("any", self.any_)):
            for number, part in enumerate(parts or ()):
                yield from part.problems((*field_path, key, number))
        if self.not_:
            yield from self.not_.problems((*field_path, "not"))

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
        known = [types for types in found if types is not None]
        return frozenset.intersection(*known) if known else None

    def only_types(self) -> bool:
        """Whether it asks for nothing but the event's type."""
        return self.field_names() == {"event_type"} and self.not_ is None

    def compiled(self, currencies: frozenset[str] = frozenset(), read_anyway: str | None = None) -> Filter:
        """The filter as functions over events.

        Args:
            currencies: in which amounts count; an amount in another one counts as absent. Empty: all of them.
            read_anyway: a required field that the caller reads itself.
        """
        types = self.event_types()
        kinds = EVERY_KIND if types is None else frozenset(KIND.get(name, CUSTOM) for name in types)
        return Filter(kinds, _joined(list(self._tests(currencies, read_anyway)), all))

    def _tests(self, currencies: frozenset[str], read_anyway: str | None) -> Iterator[Test]:
        for name, condition in self.conditions().items():
            if name == read_anyway and condition == _THERE:
                continue
            if name != "event_type" or _is_finer_than_kinds(condition):
                yield from condition.tests(name, currencies)
        yield from (part.compiled(currencies).holds for part in self.all_ or ())
        if self.any_:
            test = _joined([part.compiled(currencies).holds for part in self.any_], any)
            assert test is not None, "there is one part at least"  # noqa: S101 - for the type checker
            yield test
        if self.not_:
            yield _opposite(self.not_.compiled(currencies).holds)


_THERE = Condition(exists=True)


def _is_finer_than_kinds(condition: Condition) -> bool:
    """Whether a condition on the type says more than its number: all custom types share one."""
    if condition.exists is False:
        return True
    return any(str(value).startswith(CUSTOM_PREFIX) for value in condition.values())


def _joined(tests: list[Test], join: Callable[[Iterator[bool]], bool]) -> Test | None:
    if len(tests) <= 1:
        return tests[0] if tests else None
    if len(tests) == 2 and join is all:
        first, second = tests
        return lambda event: first(event) and second(event)
    return lambda event: join(test(event) for test in tests)


def _opposite(test: Test) -> Test:
    return lambda event: not test(event)


def _types(condition: Condition | None) -> frozenset[str] | None:
    if condition is None or (condition.eq is None and condition.in_ is None):
        return None
    sides = [
        {condition.eq} if condition.eq is not None else None,
        set(condition.in_) if condition.in_ else None,
    ]
    known = [side for side in sides if side is not None]
    return frozenset(str(value) for value in set.intersection(*known))


def _problem(name: str, condition: Condition) -> str | None:
    try:
        declared = field(name)
        for value in condition.values():
            check_value(value)
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
