"""The register of erasures: what is refused, when writers learn of it, what they do without Elasticsearch."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from elastic_transport import ConnectionError as TransportError

from connectors.contracts.events import Event, validate_event
from connectors.elasticsearch.bulk import Write
from connectors.elasticsearch.erasures import Erasure, Register, erased_id, visitors_of
from connectors.errors import IndexUnavailable

ERASURE = Erasure("anna", 1_000, 2_000)


class Index:
    """Answers searches with the entries that it has; counts them; fails when told to."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries, self.searches, self.down = list(entries), 0, False

    def search(self, **query: Any) -> Any:
        self.searches += 1
        if self.down:
            raise TransportError("down")
        since_ms = query["query"]["range"]["version"]["gte"]
        found = [entry for entry in self.entries if entry["version"] >= since_ms]
        return {"hits": {"hits": [{"_source": entry, "sort": [0]} for entry in found]}}


def write(visitor: str, version: int, **more: Any) -> Write:
    return Write("footfall-signals", "id", version, json.dumps({"visitor_id": visitor, **more}))


def register(index: Index, clock: Any = lambda: 0.0) -> Register:
    return Register(index, clock=clock)  # type: ignore[arg-type]


def test_refused_is_what_is_of_an_erased_visitor_and_not_younger_than_the_quiet_time() -> None:
    known = register(Index(ERASURE.to_document()))
    writes = [write("anna", 1_999), write("anna", 2_000), write("anna", 2_001), write("anne", 1)]
    assert known.refused(writes) == {0, 1}


def test_an_alias_is_of_the_device_too() -> None:
    known = register(Index(ERASURE.to_document()))
    assert known.refused([write("bert", 5, anonymous_id="anna"), write("bert", 5)]) == {0}


def test_without_erasures_no_document_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    known = register(Index())
    monkeypatch.setattr(known, "_quiet_of", None)
    assert known.refused([write("anna", 1)]) == set()


def test_new_erasures_are_asked_for_every_few_seconds() -> None:
    now, index = SimpleNamespace(s=0.0), Index()
    known = register(index, lambda: now.s)
    assert known.refused([write("anna", 1)]) == set()
    index.entries.append(ERASURE.to_document())
    now.s = 4.9
    assert known.refused([write("anna", 1)]) == set() and index.searches == 1
    now.s = 5.0
    assert known.refused([write("anna", 1)]) == {0} and index.searches == 2


def test_a_second_erasure_moves_the_quiet_time_on_and_never_back() -> None:
    index = Index(Erasure("anna", 3_000, 9_000).to_document(), ERASURE.to_document())
    assert register(index).refused([write("anna", 9_000), write("anna", 9_001)]) == {0}


def test_what_is_known_is_not_enough_while_elasticsearch_is_down() -> None:
    now, index = SimpleNamespace(s=0.0), Index(ERASURE.to_document())
    known = register(index, lambda: now.s)
    known.refused([])
    index.down, now.s = True, 4.9
    assert known.refused([write("anna", 1)]) == {0}
    now.s = 5.0
    with pytest.raises(IndexUnavailable, match="register of erasures"):
        known.refused([write("anna", 1)])
    index.down = False
    assert known.refused([write("anna", 1)]) == {0}


def test_the_register_holds_no_id() -> None:
    assert "anna" not in json.dumps(ERASURE.to_document())
    assert ERASURE.to_document()["erased_id"] == erased_id("anna")


def test_the_order_to_erase_is_a_valid_event() -> None:
    event = validate_event(json.dumps(ERASURE.to_event()).encode())
    assert isinstance(event, Event)
    assert (event.visitor_id, event.user_id, event.properties) == ("anna", "anna", {"status": "erased"})


@pytest.mark.parametrize("name", ['a"b', "a\\b", "ä", "a\nb", ""])
def test_an_id_is_found_however_it_is_written(name: str) -> None:
    for document in (
        json.dumps({"visitor_id": name}, separators=(",", ":")),
        json.dumps({"visitor_id": name}),
    ):
        assert visitors_of(document) == {name}


@pytest.mark.parametrize("version", [2_000, 2_001])
def test_documents_that_are_younger_than_all_quiet_times_are_not_looked_at(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, looked_at = register(Index(ERASURE.to_document())), []
    monkeypatch.setattr(known, "_quiet_of", lambda document: looked_at.append(document) or -1)
    assert known.refused([write("anna", version)]) == set()
    assert bool(looked_at) == (version <= 2_000)


def test_visitors_known_before_an_erasure_are_looked_up_again() -> None:
    now, index = SimpleNamespace(s=0.0), Index(Erasure("bert", 3_000, 9_000).to_document())
    known = register(index, lambda: now.s)
    assert known.refused([write("anna", 1)]) == set()
    index.entries.append(Erasure("anna", 4_000, 9_000).to_document())
    now.s = 5.0
    assert known.refused([write("anna", 1)]) == {0}


def test_ids_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.elasticsearch.erasures._MOST_ASKED", 3)
    known = register(Index(ERASURE.to_document()))
    assert known.refused([write(str(number), 1) for number in range(10)]) == set()
    assert len(known._asked) <= 4 and known.refused([write("anna", 1)]) == {0}
