"""Streams: a snapshot, then changes; what a reader missed, readers that are slow, and how many there may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services import schemas
from tests.services.conftest import NOW_MS, Running, running, wait_until
from tests.services.played import Played, bearer, signal

Event = dict[str, Any]


def events(response: httpx.Response) -> Iterator[Event]:
    """What a browser's EventSource would tell; comments as `ping`."""
    event: Event = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if not line:
            if event.keys() - {"retry"}:
                yield event
            event = {}
        elif line.startswith(":"):
            yield {"event": "ping"}
        else:
            event[name] = json.loads(value) if name == "data" else value


@contextmanager
def stream(served: Running, http: httpx.Client, **headers: str) -> Iterator[Iterator[Event]]:
    with http.stream("GET", f"{served.url}/v1/stream", headers={**bearer(), **headers}) as response:
        assert response.status_code == 200 and response.headers["content-type"].startswith(
            "text/event-stream"
        )
        yield events(response)


@pytest.fixture
def played() -> Played:
    return Played(max_streams=3, stream_backlog=2)


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        yield one


def test_a_snapshot_and_then_every_change_of_this_visitor(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(1), signal(2, status="retracted"), signal(3, visitor="v-2"))
    with stream(served, http) as changes:
        first = next(changes)
        assert first["event"] == "snapshot" and [one["signal_id"] for one in first["data"]["signals"]] == [
            f"{1:032x}"
        ]
        for one in first["data"]["signals"]:
            schemas.Signal.model_validate(one)
        played.feed.send(
            signal(3, visitor="v-2", version=NOW_MS + 1), signal(1, version=NOW_MS + 1, status="recovered")
        )
        change = next(changes)
        assert (change["event"], change["id"]) == ("signal", f"{1:032x}:{NOW_MS + 1}")
        assert change["data"]["status"] == "recovered"


def test_expired_signals_are_sent(served: Running, played: Played, http: httpx.Client) -> None:
    played.feed.send(signal(1, expires_at_ms=NOW_MS + 10_000))
    with stream(served, http) as changes:
        next(changes)
        played.now_s += 10
        change = next(changes)
        assert change["data"]["status"] == "expired" and change["id"].endswith(":expired")


def test_a_reader_that_missed_nothing_gets_no_snapshot(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(1))
    with stream(served, http) as changes:
        last = next(changes)["id"]
    with stream(served, http, **{"last-event-id": last}) as changes:
        wait_until(lambda: len(played.api.streams._readers) == 1, "the stream is open")
        played.feed.send(signal(2))
        assert next(changes)["event"] == "signal"
    played.feed.send(signal(1, version=NOW_MS + 5, status="retracted"))
    with stream(served, http, **{"last-event-id": last}) as changes:
        again = next(changes)
        assert again["event"] == "snapshot" and [one["signal_id"] for one in again["data"]["signals"]] == [
            f"{2:032x}"
        ]


def test_an_erasure_sends_an_empty_snapshot(served: Running, played: Played, http: httpx.Client) -> None:
    played.feed.send(signal(1))
    with stream(served, http) as changes:
        next(changes)
        played.feed.erase("v-1", NOW_MS)
        gone = next(changes)
        assert gone["event"] == "snapshot" and gone["data"]["signals"] == []


def test_a_silent_stream_is_pinged_and_one_that_went_is_noticed(http: httpx.Client) -> None:
    played = Played(stream_ping_ms=100)
    with running(played.api.app(), played.api.end) as served:
        with stream(served, http) as changes:
            assert [next(changes)["event"] for _ in range(3)] == ["snapshot", "ping", "ping"]
        wait_until(lambda: played.api.streams.open == 0, "the server has noticed")
        assert played.api.streams._readers == {}


def test_above_the_cap_there_is_503_and_open_streams_stay(
    served: Running, played: Played, http: httpx.Client
) -> None:
    with stream(served, http) as first, stream(served, http), stream(served, http):
        wait_until(lambda: played.api.streams.open == 3, "three streams are open")
        refused = http.get(f"{served.url}/v1/stream", headers=bearer())
        assert refused.status_code == 503 and "retry-after" in refused.headers
        next(first)
        played.feed.send(signal(1))
        assert next(first)["event"] == "signal"


def test_a_slow_reader_is_cut_off_and_not_waited_for(
    served: Running, played: Played, http: httpx.Client
) -> None:
    with stream(served, http) as changes:
        next(changes)
        played.feed.send(*(signal(number) for number in range(1, 6)))  # at once: nobody could read in between
        assert len(list(changes)) == 2 and played.api.streams.cut >= 1
    with stream(served, http) as changes:
        assert len(next(changes)["data"]["signals"]) == 5


def test_a_token_may_come_in_the_query_for_event_source(served: Running, http: httpx.Client) -> None:
    token = bearer()["authorization"].removeprefix("Bearer ")
    with http.stream("GET", f"{served.url}/v1/stream?token={token}") as response:
        assert response.status_code == 200 and next(events(response))["event"] == "snapshot"
