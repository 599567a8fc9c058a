"""Segments in memory: the newest record of a visitor, bounded; decisions go by them before the index says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.contracts.topics import SEGMENTS
from services import schemas
from services.memberships import Membership, Memberships, read_membership
from tests.services.conftest import Running, running
from tests.services.played import Played, bearer, decoded


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        yield one


def decide(
    served: Running, http: httpx.Client, headers: dict[str, str] | None = None, **asked: Any
) -> httpx.Response:
    body = {"slots": ["cart_banner"], **asked}
    return http.post(f"{served.url}/v1/decide", json=body, headers=bearer() if headers is None else headers)


def test_the_newest_record_of_a_visitor_counts_whatever_comes_again() -> None:
    memberships = Memberships(10)
    for version, segment in ((5, "new"), (7, "casual"), (5, "new"), (7, "engaged")):
        memberships.apply(Membership("v", version, segment))
    assert memberships.of("v") == "engaged" and memberships.knows("v")
    memberships.apply(read_membership(b'{"visitor_id":"v","version":8}'))  # consent was withdrawn
    assert memberships.knows("v") and memberships.of("v") is None
    memberships.forget("v")
    assert not memberships.knows("v") and memberships.of("v") is None


@pytest.mark.parametrize("most", [1, 3])
def test_of_more_visitors_than_fit_the_longest_unchanged_goes(most: int) -> None:
    memberships = Memberships(most)
    for number in range(5):
        memberships.apply(Membership(str(number), 1, "new"))
    assert len(memberships) == most and memberships.knows("4") and not memberships.knows("1")


def test_the_topic_that_is_read_has_what_is_needed() -> None:
    assert SEGMENTS.value == "segment/1" and "api" in SEGMENTS.readers


def test_a_segment_calls_for_content_as_soon_as_its_record_is_read(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.visitors["v-1"] = {"segment": "new", "scores": []}
    for version, segment, wanted in (
        (1, "casual", None),
        (2, "at_risk", "missed_you"),
        (1, "casual", "missed_you"),
        (3, None, None),
    ):
        played.feed.send({"visitor_id": "v-1", "version": version, "segment": segment}, topic=SEGMENTS.name)
        (slot,) = decide(served, http, slots=["home_hero"]).json()["slots"]
        assert slot.get("content") == wanted
    answer = decoded(http.get(f"{served.url}/v1/visitors/v-1", headers=bearer()), schemas.Visitor)
    assert answer["segment"] is None  # the index is behind
