"""footfall-client: typed answers, errors, a stream that comes back; its wheel has its types."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"
sys.path.insert(0, str(CLIENT / "src"))

from footfall_client import AsyncClient, Change, Client, FootfallError, Refused, Snapshot, Unavailable  # noqa: E402

from tests.services.conftest import NOW_MS, Running, running  # noqa: E402
from tests.services.played import SERVICE_KEY, Played, bearer, signal  # noqa: E402


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        yield one


@pytest.fixture
def client(served: Running) -> Iterator[Client]:
    with Client(served.url, SERVICE_KEY, timeout_s=10) as one:
        yield one


def test_answers_are_typed(client: Client, played: Played) -> None:
    played.feed.send(signal(1), signal(2, status="retracted"))
    event = {"event_id": "e-1", "event_type": "page_view", "event_time_ms": NOW_MS}
    decision = client.decide(
        ["cart_banner", "x"], visitor_id="v-1", events={"sent_at_ms": NOW_MS, "events": [event]}
    )
    assert (
        decision.slots["cart_banner"].content == "finish_your_cart"
        and decision.slots["x"].reason == "unknown_slot"
    )
    assert decision.events is not None and decision.events.acknowledged and decision.degraded == []
    assert [one.signal_id for one in client.signals("v-1")] == [f"{1:032x}"]
    assert len(client.visitor("v-1", explain=True).signals) == 2 and client.related("p") == []
    with Client(str(client._http.base_url), client.token("v/2")) as browser:
        assert browser.visitor("v/2").known is False


def test_items_of_a_slot_are_typed(client: Client, played: Played) -> None:
    played.index.items_ |= {
        "a": {"related": [{"item_id": "b", "cosine": 0.5, "llr": 2.0}]},
        "b": {"price": 59.9, "category": "shoes"},
    }
    played.index.shelves["v-1"] = {"items": ["a"]}
    played.feed.send(signal(kind="category_interest"))
    (item,) = client.decide(["product_row"], visitor_id="v-1").slots["product_row"].items[:1]
    assert (item.item_id, item.reason, item.because, item.price) == ("b", "related", "a", 59.9)
    assert [one["item_id"] for one in client.related("a")] == ["b"]


def test_errors_say_what_to_do(served: Running, client: Client, played: Played) -> None:
    with Client(served.url, "nonsense", timeout_s=10) as stranger, pytest.raises(Refused) as refused:
        stranger.visitor("v-1")
    assert refused.value.status == 401
    with pytest.raises(FootfallError, match="422"):
        client.decide([], visitor_id="v-1")
    with Client(served.url, "nonsense", timeout_s=10) as stranger, pytest.raises(Refused):
        next(stranger.listen("v-1"))
    with Client("http://127.0.0.1:1", "x") as nobody, pytest.raises(Unavailable):
        nobody.visitor("v-1")


def test_a_stream_comes_back_after_the_server_was_away(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    from footfall_client import calls

    monkeypatch.setattr(calls.Events, "wait_s", lambda events: 0.05)
    again = Played()
    with running(played.api.app(), played.api.end) as first:
        played.feed.send(signal(1))
        client = Client(first.url, SERVICE_KEY, timeout_s=10)
        changes = client.listen("v-1")
        assert next(changes) == Snapshot("v-1", [one for one in client.visitor("v-1").signals])
        played.feed.send(signal(1, version=NOW_MS + 1, status="recovered"))
        change = next(changes)
        assert isinstance(change, Change) and change.signal.status == "recovered"
    with running(again.api.app(), again.api.end) as second:
        client._http.base_url = second.url
        assert next(changes) == Snapshot("v-1", [])
        changes.close()
        client.close()


def test_the_other_client_awaits_the_same(served: Running, played: Played) -> None:
    played.feed.send(signal(1))
    token = bearer()["authorization"].removeprefix("Bearer ")

    async def asked() -> list[Any]:
        async with AsyncClient(served.url, token, timeout_s=10) as client:
            decision = await client.decide(["cart_banner"])
            first = [changes async for changes in _first(client)]
            return [
                decision.slots["cart_banner"].reason,
                len(await client.signals("v-1")),
                first,
                await client.related("p"),
            ]

    reason, signals, first, related = asyncio.run(asked())
    assert (reason, signals, related) == ("signal", 1, []) and isinstance(first[0], Snapshot)


async def _first(client: AsyncClient) -> Any:
    stream = client.listen()
    async for changes in stream:
        yield changes
        break
    await stream.aclose()  # type: ignore[attr-defined]


def test_both_clients_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert names(Client) == names(AsyncClient)


def test_the_wheel_has_its_types_and_asks_for_httpx_alone(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        str(tmp_path),
    ]
    subprocess.run([*command, str(CLIENT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("footfall_client-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert "footfall_client/py.typed" in names and not [name for name in names if name.startswith("tests")]
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: httpx<0.29,>=0.28"
    ]
