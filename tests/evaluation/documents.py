"""Filters and fields over an event's document: what the engine compiles to functions, read a second time."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

from state.rules.language.conditions import Condition, compared_as
from state.rules.language.fields import field
from state.rules.language.filters import Where

Document = Mapping[str, Any]
_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def holds(where: Where, event: Document) -> bool:
    """Whether an event's document passes."""
    return (
        all(_is_true(condition, name, event) for name, condition in where.conditions().items())
        and all(holds(part, event) for part in where.all_ or ())
        and (not where.any_ or any(holds(part, event) for part in where.any_))
        and not (where.not_ and holds(where.not_, event))
    )


def text(name: str, event: Document) -> str | None:
    """A field as text; None where it is absent or no leaf.

    >>> text("product.product_id", {"product": {"product_id": 7}})
    '7'
    """
    declared = field(name)
    holder = event if declared.block is None else event.get(declared.block)
    found = holder.get(declared.leaf) if isinstance(holder, Mapping) else None
    if found is None or isinstance(found, (Mapping, list)):
        return None
    return str(found).lower() if isinstance(found, bool) else str(found)


def number(name: str, event: Document) -> float | None:
    """A field as a number; None where it is none."""
    try:
        found = float(text(name, event) or "")
    except ValueError:
        return None
    return found if math.isfinite(found) and not (field(name).whole and not found.is_integer()) else None


def _is_true(condition: Condition, name: str, event: Document) -> bool:
    value = number(name, event) if compared_as(name, condition) == "number" else text(name, event)
    if condition.exists is not None and condition.exists != (value is not None):
        return False
    if value is None:
        return not condition.values()
    if condition.eq is not None and value != condition.eq:
        return False
    if condition.in_ is not None and value not in condition.in_:
        return False
    bounds = {name: getattr(condition, name) for name in _COMPARE}
    return all(_COMPARE[name](value, bound) for name, bound in bounds.items() if bound is not None)
