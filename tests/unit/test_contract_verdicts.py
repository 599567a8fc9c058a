"""What a published schema takes the code takes, and the reverse: over its whole space and just beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contracts.absent import ABSENT, ABSENT_IDS, BLANKS
from connectors.contracts.decoding import UNREADABLE
from connectors.contracts.events import (
    EVENT_ID_MAX_LENGTH,
    EVENT_TIME_MAX_MS,
    NIL_IDS,
    SEQUENCE_MAX,
    VISITOR_ID_MAX_LENGTH,
    validate_event,
)
from connectors.contracts.rejected import Reject
from connectors.contracts.vocabulary import EVENT_TYPES
from jobs.offline.audit.sums import newest
from jobs.offline.experiments.exposures import exposures
from services.view import read_change
from state.events import read_event
from state.triggers import signals as triggers
from tools import contracts

Document = dict[str, Any]
VALIDATORS = {name: jsonschema.Draft202012Validator(contracts.schema(name)) for name in contracts.NAMES}
GOOD: Document = {
    "schema": "event/1",
    "event_id": "e",
    "event_type": "search",
    "event_time_ms": 5,
    "visitor_id": "v",
}
NOTHING = "\x00 absent"  # stands for a member that is taken out


def is_taken_by_schema(document: Document, name: str = "event") -> bool:
    return bool(VALIDATORS[name].is_valid(document))


def _near(*edges: int) -> st.SearchStrategy[Any]:
    """Whole numbers about an edge, in every way of writing them, and what is nearly one."""
    whole = st.sampled_from([edge + by for edge in edges for by in (-1, 0, 1)])
    written = whole.flatmap(
        lambda number: st.sampled_from(
            [number, float(number), number + 0.5, str(number), f"{number}.0", f"00{number}", f" {number}"]
        )
    )
    odd = st.sampled_from(
        ["", "-0", "-00", "0" * 18, "0" * 19, "1e3", "٣", "5\n", 1e300, 1e18, 10**18, 10**30, -0.0, 1.7e12]
    )
    return written | odd


_blank = st.sampled_from(["", *sorted(BLANKS)[:3], *sorted(BLANKS)[-3:], " \t"])
_word = st.sampled_from(
    [
        *sorted(ABSENT_IDS), *sorted(ABSENT), *NIL_IDS, "NAN", "Nan", "nullable", "e-1", "00", "{{id}}", "${x}", "%%y%%", "%%%", "{{}",
        "${", "{{a}}b", "\n", "ü", "😀",
    ]
)  # fmt: skip
_long = st.sampled_from(
    ["x" * EVENT_ID_MAX_LENGTH, "x" * (EVENT_ID_MAX_LENGTH + 1), "😀" * VISITOR_ID_MAX_LENGTH]
    + ["x" * (VISITOR_ID_MAX_LENGTH + 1), " " * 300, "{{" + "x" * 300 + "}}"]
)
_any = st.sampled_from([None, True, False, [], {}, ["v"], {"a": 1}])
_id = (
    st.builds(lambda before, word, after: before + word + after, _blank, _word, _blank)
    | _long
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from([0, -1, 0.0, -1.0, 7, 7.0, 1.5, 1e22, 10**99, 1e100, -(10**100), 10**127, 1e308])
    | _any
)
_type = st.sampled_from(
    [
        *EVENT_TYPES,
        "heartbeat",
        "custom:x",
        "custom:",
        "custom:\n",
        "Custom:x",
        "buy",
        "page_view ",
        7,
        "search\n",
    ]
)
_block = st.sampled_from([None, [], "x", 5, {}, {"price": "7,5"}, {"quantity": 2.0, "device": {"a": 1}}])
_members: dict[str, st.SearchStrategy[Any]] = {
    "schema": st.sampled_from(["event/1", "event/1\n", "event/2", None, 1]),
    "event_id": _id,
    "event_type": _type | _any,
    "event_time_ms": _near(0, EVENT_TIME_MAX_MS, 999_999_999_999) | _any,
    "sequence": _near(0, SEQUENCE_MAX) | _any,
    "visitor_id": _id,
    "user_id": _id,
    "anonymous_id": _id,
    "received_at_ms": _near(0) | _any,
    "session_hint": _id,
    **dict.fromkeys(("context", "product", "order", "source", "properties", "warehouse"), _block),
}
_changes = st.fixed_dictionaries({}, optional=_members)
_taken_out = st.sets(st.sampled_from(sorted(GOOD)), max_size=2)


@settings(max_examples=1_500, deadline=None)
@given(_changes, _taken_out)
@example({"event_time_ms": 1.7e12}, set())
@example({"sequence": 2.0}, set())
@example({"visitor_id": "x" * 300, "user_id": "u"}, set())
@example({"visitor_id": "", "user_id": "u"}, set())
@example({"event_id": 7.0, "visitor_id": 7.0}, set())
def test_an_event_has_the_same_verdict_of_schema_contract_and_engine(
    changes: Document, taken_out: set[str]
) -> None:
    document = {
        name: value for name, value in {**GOOD, **changes}.items() if name not in taken_out - set(changes)
    }
    value = json.dumps(document).encode()
    by_contract, by_engine = validate_event(value), read_event(value)
    wanted = is_taken_by_schema(document)
    assert (not isinstance(by_contract, Reject)) == wanted, (document, by_contract)
    assert (not isinstance(by_engine, Reject)) == wanted, (document, by_engine)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(_members)).flatmap(lambda name: st.tuples(st.just(name), _members[name])))
def test_so_has_an_event_of_which_one_member_changed(change: tuple[str, Any]) -> None:
    document = {**GOOD, change[0]: change[1]}
    wanted = is_taken_by_schema(document)
    assert (not isinstance(read_event(json.dumps(document).encode()), Reject)) == wanted, document


_leaf = st.sampled_from(
    [None, True, 0, -1, 1, 2.0, 1.7e12, 1.5, -0.5, "5", "", "x", "0" * 32, "g" * 32, "x" * 257, [], {}, {"a": 1}, 10**30]
)  # fmt: skip


@pytest.mark.parametrize("name", contracts.MODELS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_document_has_the_same_verdict_of_schema_and_model(name: str, data: st.DataObject) -> None:
    document = dict(data.draw(st.sampled_from(contracts.schema(name)["examples"])))
    member = data.draw(st.sampled_from(sorted({*contracts.schema(name)["properties"], "unknown"})))
    if data.draw(st.booleans()):
        document.pop(member, None)
    else:
        document[member] = data.draw(_leaf)
    try:
        contracts.MODELS[name].model_validate(document)
    except ValidationError as error:
        adds_up = [one for one in error.errors() if one["type"] == "value_error" and name == "session"]
        assert adds_up or not is_taken_by_schema(document, name), (
            document,
            error,
        )  # sums are the code's alone
    else:
        assert is_taken_by_schema(document, name), document


def by_triggers(value: bytes) -> Any:
    """What TRIGGERS reads, to be compared."""
    found = triggers.read(value)
    return found and json.loads(msgspec.json.encode(found))


READERS: list[tuple[str, str, Callable[[bytes], Any]]] = [
    ("signal", "version", by_triggers),
    ("signal", "occurred_at_ms", by_triggers),
    ("signal", "expires_at_ms", by_triggers),
    ("signal", "version", read_change),
    ("signal", "occurred_at_ms", read_change),
    ("signal", "expires_at_ms", read_change),
    ("signal", "version", lambda value: newest([value])),
    ("exposure", "version", lambda value: exposures([value]).rows()),
    ("exposure", "exposed_at_ms", lambda value: exposures([value]).rows()),
    ("trigger", "decided_at_ms", lambda value: exposures([value]).rows()),
]


@pytest.mark.parametrize(("name", "member", "read"), READERS)
def test_a_whole_number_is_read_however_it_is_written(
    name: str, member: str, read: Callable[[bytes], Any]
) -> None:
    written = contracts.schema(name)["examples"][0] | ({"variant": "a/1/b"} if name == "trigger" else {})
    as_float = {**written, member: float(written[member])}
    assert is_taken_by_schema(as_float, name)
    found = read(json.dumps(written).encode())
    assert found and found == read(json.dumps(as_float).encode())


@pytest.mark.parametrize("read", [triggers.read, read_change])
def test_a_fraction_is_no_whole_number(read: Callable[[bytes], Any]) -> None:
    signal = contracts.schema("signal")["examples"][0]
    with suppress(*UNREADABLE):
        assert read(json.dumps({**signal, "version": signal["version"] + 0.5}).encode()) is None
