"""How a setting that is invalid is refused: its name, where it came from, what was required and what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from connectors.errors import SettingError

VARIABLES = "FOOTFALL_"  # what the names of variables in the environment begin with
_PAGE = "docs/settings.md"
_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    bool: "true or false",
    str: "text",
    SecretStr: "a secret text",
}


@dataclass(frozen=True)
class Source:
    """A place where settings are given.

    Attributes:
        where: the place in words, with `{name}` or `{variable}` of a setting.
        values: what it gives, by name.
    """

    where: str
    values: Mapping[str, Any]

    def of(self, name: str) -> str:
        """The place of one setting.

        >>> Source("environment variable {variable}", {}).of("slice_ms")
        'environment variable FOOTFALL_SLICE_MS'
        """
        return self.where.format(name=name, variable=f"{VARIABLES}{name.upper()}")


class Unknown(NamedTuple):
    """A name that is no setting's, in words, and whether one is near."""

    text: str
    is_near: bool


def refusal(
    error: ValidationError, fields: Mapping[str, FieldInfo], sources: Iterable[Source]
) -> SettingError:
    """All that was refused, in one error."""
    sources = tuple(sources)
    return SettingError("; ".join(_message(one, fields, sources) for one in error.errors()))


def required(field: FieldInfo) -> str:
    """What a setting's value must be.

    >>> from jobs.settings import EngineSettings
    >>> required(EngineSettings.model_fields["session_gap_ms"])
    'a whole number, at least 1'
    """
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    bounds = [*(f"at least {one.ge}" for one in field.metadata if isinstance(one, Ge))]
    bounds += [f"at most {one.le}" for one in field.metadata if isinstance(one, Le)]
    return ", ".join([_KINDS[field.annotation], *bounds])


def unknown(name: str, known: Iterable[str], where: str = "", likeness: float = 0.6) -> Unknown:
    """A refusal of a name, with the nearest one that there is.

    >>> unknown("sesion_gap_ms", ["session_gap_ms"], "--set").text
    "unknown setting 'sesion_gap_ms' (--set); the nearest is session_gap_ms"
    """
    near = get_close_matches(name, known, 1, likeness)
    hint = f"the nearest is {near[0]}" if near else f"{_PAGE} lists all"
    return Unknown(f"unknown setting {name!r}{_came_from(where)}; {hint}", bool(near))


def _message(error: ErrorDetails, fields: Mapping[str, FieldInfo], sources: tuple[Source, ...]) -> str:
    """One refusal. The value of an unknown name stays unsaid: it may be a misspelt secret."""
    name = str(error["loc"][0])
    where = next((source.of(name) for source in sources if name in source.values), "")
    if name not in fields:
        return unknown(name, fields, where).text
    is_own = error["type"] == "value_error"  # of a validator of ours, which says what it wants
    wanted = str(error["ctx"]["error"]) if is_own else f"must be {required(fields[name])}"
    came = "a value that is not shown" if fields[name].annotation is SecretStr else repr(error["input"])
    return f"setting {name} {wanted}; got {came}{_came_from(where)}"


def _came_from(where: str) -> str:
    return f" ({where})" if where else ""
