"""The nightly table of related items, where the index has nothing; a new version is taken while the API runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.contracts.table_manifest import Fit, TableManifest
from connectors.models.files import MANIFEST, TABLE
from connectors.models.registry import LIVE, Registry
from connectors.models.tables import RELATED, Related, to_lines
from services import schemas
from services.nightly import NightlyTable
from tests.services.conftest import NOW_MS, Running, running, wait_until
from tests.services.played import Document, Played, bearer, decoded, signal

FIT = Fit(from_ms=0, to_ms=5, events=9, visitors=3, items=3, algorithm="bpr", seed=1)
FIRST: dict[str, Related] = {"a": (("n", 0.9), ("b", 0.4)), "gone": (("n", 0.2),)}
SECOND: dict[str, Related] = {"a": (("m", 0.7),)}


def published(
    root: Path, table: dict[str, Related], live: bool = True, objections: tuple[str, ...] = ()
) -> Path:
    """A version in the registry under `root`, live where asked for; its folder."""
    content = to_lines(table.items())
    digest = hashlib.sha256(content).hexdigest()
    version = f"20260102-{digest[:8]}"
    manifest = TableManifest(
        name=RELATED, version=version, sha256=digest, training=FIT, objections=objections, code_version="0"
    )
    folder = root / RELATED / version
    folder.mkdir(parents=True)
    (folder / TABLE).write_bytes(content)
    (folder / MANIFEST).write_text(manifest.to_json())
    if live:
        Registry(root).point(RELATED, LIVE, manifest, (), "")
    return folder


@pytest.fixture
def played(tmp_path: Path) -> Played:
    published(tmp_path, FIRST)
    found = Played(item_cache_ms=0, content_poll_ms=100, model_dir=str(tmp_path))
    found.index.items_ |= {
        "a": {"category": "shoes", "popularity": 1.0},
        "b": {"category": "shoes", "popularity": 2.0},
        "m": {"category": "bags", "popularity": 0.0},
        "n": {"category": "hats", "popularity": 0.5, "price": 5.0},
    }
    found.index.shelves["v-1"] = {"items": ["a"], "seen": [], "bought": [], "session_ends_ms": NOW_MS}
    return found


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        wait_until(lambda: played.index.searched, "popular items are known")
        yield one


def related(served: Running, http: httpx.Client, item: str) -> Document:
    return decoded(http.get(f"{served.url}/v1/items/{item}/related", headers=bearer()), schemas.Related)


def row(served: Running, played: Played, http: httpx.Client) -> list[tuple[str, str, str | None]]:
    played.feed.send(signal(kind="category_interest"))
    answer = http.post(f"{served.url}/v1/decide", json={"slots": ["product_row"]}, headers=bearer())
    (found,) = decoded(answer, schemas.DecideResponse)["slots"]
    return [(one["item_id"], one["reason"], one.get("because")) for one in found["items"]]


def names(found: Document) -> list[str]:
    return [one["item_id"] for one in found["related"]]


def test_an_item_without_a_list_or_a_document_has_the_nightly_one(
    served: Running, http: httpx.Client
) -> None:
    for item, first in (("a", {"item_id": "n", "score": 0.9}), ("gone", {"item_id": "n", "score": 0.2})):
        found = related(served, http, item)
        assert (found["reason"], found["related"][0]) == ("nightly", first)
    assert related(served, http, "b")["reason"] == "computed"
    assert related(served, http, "unheard_of")["reason"] == "not_computed"


def test_what_the_index_knows_comes_before_the_nightly_table(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.items_["a"]["related"] = [{"item_id": "b", "cosine": 0.1, "llr": 0.5}]
    found = related(served, http, "a")
    assert (found["reason"], names(found)) == ("computed", ["b"])
    assert row(served, played, http)[0] == ("b", "related", "a")
    assert "nightly" not in {reason for _, reason, _ in row(served, played, http)}


def test_an_index_that_is_away_leaves_the_nightly_table(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.away = True
    assert names(related(served, http, "a")) == ["n", "b"]
    assert related(served, http, "unheard_of")["reason"] == "index_away"


def test_a_slot_shows_what_the_nightly_table_says_of_items_without_a_list(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.items_["new"] = {
        "category": "shoes",
        "related": [{"item_id": "m", "cosine": 0.01, "llr": 0.1}],
    }
    played.index.shelves["v-1"]["items"] = ["new", "a"]
    assert row(served, played, http)[:3] == [
        ("m", "related", "new"),
        ("n", "nightly", "a"),
        ("b", "nightly", "a"),
    ]


def test_an_item_that_is_not_to_be_had_or_unknown_is_not_shown(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.index.items_["b"]["available"] = False
    del played.index.items_["n"]
    assert "nightly" not in {reason for _, reason, _ in row(served, played, http)}


def test_a_new_version_is_taken_while_the_api_runs(
    served: Running, played: Played, http: httpx.Client, tmp_path: Path
) -> None:
    published(tmp_path, SECOND)
    wait_until(lambda: names(related(served, http, "a")) == ["m"], "the new version answers")
    assert row(served, played, http)[0] == ("m", "nightly", "a")
    Registry(tmp_path).clear(RELATED, LIVE)
    wait_until(lambda: related(served, http, "a")["reason"] == "computed", "no version answers")


@pytest.mark.parametrize("wrong", ["cut off", "refused by the gate", "no pointer", "away"])
def test_a_wrong_version_leaves_the_one_before(
    served: Running, played: Played, http: httpx.Client, tmp_path: Path, wrong: str
) -> None:
    if wrong == "no pointer":
        (tmp_path / "broken").write_text("{")
        (tmp_path / "broken").replace(tmp_path / RELATED / "live.json")
    elif wrong == "refused by the gate":
        published(tmp_path, SECOND, objections=("recall is too low",))
    else:
        folder = published(tmp_path, SECOND, live=False)
        if wrong == "cut off":
            (folder / TABLE).write_bytes(b'{"item_id":"a"')
        manifest = TableManifest.model_validate_json((folder / MANIFEST).read_bytes())
        if wrong == "away":
            (folder / MANIFEST).unlink()
        Registry(tmp_path).point(RELATED, LIVE, manifest, (), "")
    wait_until(lambda: played.api.nightly.refused, "the version is refused")
    assert names(related(served, http, "a")) == ["n", "b"]
    assert "api_nightly_refused 1.0" in http.get(f"{served.url}/metrics").text
    played.api.nightly.look()
    assert played.api.nightly.refused == 1, "it is said once, until the pointer changes"
    published(tmp_path, {"a": (("z", 0.5),)})
    wait_until(lambda: names(related(served, http, "a")) == ["z"], "a sound version is taken")


def test_without_a_folder_there_is_no_table(http: httpx.Client) -> None:
    played = Played()
    with running(played.api.app(), played.api.end) as served:
        assert related(served, http, "a")["reason"] == "not_computed"


def test_a_folder_that_is_not_there_yet_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = NightlyTable(str(tmp_path / "registry"))
    assert (table.version, table.related("a"), table.refused) == (None, (), 0)
    assert "no version of related_items is live there yet" in caplog.text
    published(tmp_path / "registry", FIRST)
    table.look()
    assert table.related("a") == FIRST["a"]


def test_a_broken_version_at_the_start_leaves_no_table(tmp_path: Path) -> None:
    (published(tmp_path, FIRST) / TABLE).write_bytes(b"")
    table = NightlyTable(str(tmp_path))
    assert (table.version, table.refused) == (None, 1)
