"""The view: the newest version of each signal until it expires, whatever the order in which they come."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contracts.decoding import UNREADABLE
from services.view import Change, Erased, Fact, View, read_change

ID = "{:032x}".format
STATUSES = ("active", "retracted", "recovered", "expired")


def change(
    number: int = 1, version: int = 1, visitor: str = "v", expires: int = 1_000, **members: Any
) -> Change:
    document = {
        "signal_id": ID(number),
        "visitor_id": visitor,
        "kind": "cart_abandoned",
        "status": "active",
        "version": version,
        "occurred_at_ms": number,
        "expires_at_ms": expires,
        **members,
    }
    return read_change(msgspec.json.encode(document))


def test_the_newest_version_counts_and_copies_change_nothing() -> None:
    found: list[tuple[str, Fact | None]] = []
    view = View(10, lambda visitor, fact: found.append((visitor, fact)))
    assert view.apply(change(version=2), 0) and not view.apply(change(version=2), 0)
    assert not view.apply(change(version=1), 0) and view.apply(change(version=3, status="retracted"), 0)
    (fact,) = view.of("v", 0)
    assert (fact.version, fact.status, view.newest("v"), view.signals) == (3, "retracted", f"{ID(1)}:3", 1)
    assert [one.version for _, one in found if one] == [2, 3]


def test_expired_signals_leave_and_are_reported() -> None:
    found: list[Fact | None] = []
    view = View(10, lambda _, fact: found.append(fact))
    view.apply(change(1, expires=100), 0)
    view.apply(change(2, expires=200), 0)
    assert [one.signal_id for one in view.of("v", 100)] == [ID(2)]
    view.sweep(100)
    assert (
        view.signals == 1
        and found[-1]
        and found[-1].status == "expired"
        and view.newest("v") == f"{ID(1)}:1:expired"
    )
    view.sweep(200)
    assert (
        len(view) == 0 and view.newest("v") == "" and not view.apply(change(1, version=9, expires=150), 200)
    )


def test_an_expiry_that_moves_moves() -> None:
    view = View(10)
    view.apply(change(version=1, expires=100), 0)
    view.apply(change(version=2, expires=300), 0)
    view.sweep(200)
    assert view.signals == 1
    view.apply(change(version=3, expires=150), 200)
    assert view.signals == 0


def test_more_than_the_bound_gives_up_what_expires_first() -> None:
    view = View(3)
    for number in range(1, 6):
        view.apply(change(number, visitor=f"v-{number}", expires=1_000 * number), 0)
    assert (view.signals, view.given_up) == (3, 2) and not view.knows("v-1") and view.knows("v-3")


def test_an_erasure_removes_earlier_facts_only() -> None:
    found: list[tuple[str, Fact | None]] = []
    view = View(10, lambda visitor, fact: found.append((visitor, fact)))
    view.apply(change(1, version=5), 0)
    view.apply(change(2, version=50), 0)
    view.forget(Erased("v", 10))
    assert [one.version for one in view.of("v", 0)] == [50] and found[-1] == ("v", None)
    assert not view.apply(change(3, version=10), 0) and view.apply(change(3, version=11), 0)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b'{"signal_id":1}', b'{"signal_id":"x","visitor_id":""}']
)
def test_what_is_no_signal_is_refused(value: bytes) -> None:
    with pytest.raises(UNREADABLE):
        read_change(value)


_CHANGES = st.lists(
    st.builds(
        lambda number, version, expires, status: change(
            number, version, f"v-{number % 2}", expires, status=status
        ),
        st.integers(1, 5),
        st.integers(1, 6),
        st.sampled_from([50, 500, 5_000]),
        st.sampled_from(STATUSES),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(changes=_CHANGES, now_ms=st.sampled_from([0, 60, 600]))
def test_any_order_leads_to_the_newest_versions(changes: list[Change], now_ms: int) -> None:
    view = View(1_000)
    for one in changes:
        view.apply(one, 0)
    view.sweep(now_ms)
    newest: dict[str, Change] = {}
    for one in changes:
        if one.signal_id not in newest or one.version > newest[one.signal_id].version:
            newest[one.signal_id] = one
    expected = {
        (one.visitor_id, one.signal_id, one.version) for one in newest.values() if one.expires_at_ms > now_ms
    }
    found = {
        (visitor, one.signal_id, one.version)
        for visitor in ("v-0", "v-1")
        for one in view.of(visitor, now_ms)
    }
    assert found == expected and view.signals == len(expected)
