"""What documents of a contract have in common: no other members, whole numbers as in JSON Schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# As in JSON Schema: 2.0 is a whole number. The bound stands first, else it is none for JSON Schema.
Count = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
Ordinal = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
# Of a document that has the members of its contract and no other; the text below a member is its help.
STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
