"""Every vector of features is that of the naive answer, whatever the stream and its order."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest

from connectors.contracts.features import NAMES, as_mapping, check_document
from state.options import Options
from state.visitors import logic
from tests import datasets, feature_oracle
from tests.engine_runs import (
    DAY,
    HOUR,
    MINUTE,
    Document,
    documents,
    event,
    lines,
    mixed,
    run,
    stream_lines,
)

TEXTS = ("device", "country", "channel", "entry_page", "page", "last_types")


@pytest.fixture(autouse=True)
def every_event_is_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logic, "is_moment", lambda *_: True)


def assert_as_the_oracle(events: list[Document], out: Any, **limits: int) -> None:
    found = {one["event_id"]: one for one in documents(out, "features") if "session_ended" not in one}
    wanted = list(feature_oracle.features(events, **limits))
    assert len(wanted) == len(found)
    for event_id, texts, values in wanted:
        one = found[event_id]
        check_document(one)
        assert {name: one.get(name) for name in TEXTS} == texts
        for name, value in as_mapping(one["values"]).items():
            assert is_close(value, values[name]), (event_id, name, value, values[name])


def is_close(found: float | None, wanted: float | None) -> bool:
    """Equal but for 32-bit floats."""
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=2e-5, abs_tol=1e-5)


@pytest.mark.parametrize(("stream", "most"), [(name, 3_000) for name in datasets.STREAMS])
def test_vectors_are_those_of_the_naive_answer(stream: str, most: int) -> None:
    values = stream_lines(stream, most)
    out = run(mixed(values, seed=7), live=0)
    assert_as_the_oracle([_without_absent(orjson.loads(value)) for value in values], out)


def _without_absent(event: Document) -> Document:
    """The event without the words that stand for no value, of which the naive answer knows nothing."""
    context = {name: text for name, text in event.get("context", {}).items() if text != "(not set)"}
    return event | {"context": context}


def _visit(device: str) -> list[Document]:
    """A visit with scrolls, prices, pages and ties, cut for its number of events and for its length."""
    found = []
    for index in range(40):
        kind = ("scroll", "product_view", "add_to_cart", "custom:x", "page_view")[index % 5]
        found.append(
            event(
                "v", kind, index // 2 * 11 * MINUTE, sequence=index,
                context={"device": device, "path": f"/{index}"} if index % 3 else {},
                product={"price": index - 2.5, "product_id": str(index % 7)} if kind == "add_to_cart" else {},
                properties={"percent_scrolled": index * 4 - 9} if kind == "scroll" else {},
            )
        )  # fmt: skip
    return [*found, event("v", "purchase", 3 * DAY), event("v", "page_view", 5 * DAY)]


@pytest.mark.parametrize("limits", [{}, {"max_events": 7}, {"max_ms": 2 * HOUR}])
def test_vectors_are_right_where_sessions_are_cut(limits: dict[str, int]) -> None:
    events = _visit("mobile")
    options = Options(bounded=True, **{f"session_{name}": value for name, value in limits.items()})
    assert_as_the_oracle(events, run(mixed(lines(events), 1), HOUR, options=options, live=0), **limits)


def test_a_session_s_end_brings_the_features_of_its_last_event_again() -> None:
    events = [event("v", "page_view", at) for at in (0, 5, 9)]
    found = documents(run(lines(events)), "features")
    last = next(one for one in found if one["event_no"] == 3 and "session_ended" not in one)
    (ended,) = [one for one in found if "session_ended" in one]
    assert ended == last | {"session_ended": True, "closed_at_ms": last["event_time_ms"] + 30 * MINUTE}


def test_numbers_that_no_sum_survives_are_left_out() -> None:
    prices = (1e400, "1e400", -3, "7.5", None, True, 2e12, [], "x", 4)
    events = [event("v", "add_to_cart", at, product={"price": price}) for at, price in enumerate(prices)]
    values = [value.replace(b"Infinity", b"1e400") for value in lines(events)]
    found = as_mapping(documents(run(values), "features")[-1]["values"])
    assert (found["price_min"], found["price_max"], found["price_mean"]) == (4.0, 7.5, 5.75)
    assert set(found) == set(NAMES)
