"""The register of erasures fails closed: while it cannot be read, nothing is written, and the rights say so."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from connectors.elasticsearch.admin import create_indices
from connectors.elasticsearch.ends import ElasticsearchEnds
from connectors.elasticsearch.erasures import Erasure, Register
from connectors.elasticsearch.indices import INDICES
from connectors.errors import IndexUnavailable
from jobs.offline import erasing
from jobs.settings import Settings
from stack.package import ROOT
from tests.unit.elastic_stub import Stub, elasticsearch
from udfs.audit_index import AuditIndex
from udfs.bulk_index import BulkIndex

ERASED = Erasure("anna", 1_000, 2_000).to_document()
PAGE = (ROOT / "docs/operations/elasticsearch.md").read_text(encoding="utf-8")


class Counters:
    """A metric group that remembers what was counted."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}

    def get_metric_group(self) -> Counters:
        return self

    def add_group(self, name: str) -> Counters:
        return self

    def gauge(self, name: str, read: Any) -> None:
        pass

    def counter(self, name: str) -> Any:
        def inc(count: int = 1) -> None:
            self.counted[name] = self.counted.get(name, 0) + count

        return SimpleNamespace(inc=inc)


class Job:
    """A writer as a worker has it."""

    def __init__(self, url: str, retry_ms: int, timeout_ms: int = 5_000) -> None:
        self.group = Counters()
        self.function = BulkIndex(ElasticsearchEnds(url, timeout_ms=timeout_ms, retry_ms=retry_ms))
        self.function.open(self.group)

    def write(self, *visitors: str, version: int = 1_500) -> list[str | None]:
        """Writes a signal of each; the reasons of what is refused."""
        documents = [json.dumps({"visitor_id": visitor}).encode() for visitor in visitors]
        ids, versions = pd.Series(visitors), pd.Series([version] * len(visitors))
        answer: list[str | None] = self.function.eval(
            "footfall-signals", ids, versions, pd.Series(documents, dtype=object)
        ).tolist()
        return answer


@pytest.fixture
def server() -> Iterator[tuple[str, Stub]]:
    with elasticsearch() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_erased_visitors_are_left_out(server: tuple[str, Stub]) -> None:
    url, stub = server
    stub.register = [ERASED]
    job = Job(url, 1_000)
    assert job.write("anna", "bert") == [None, None]
    assert stub.written() == [{"visitor_id": "bert"}]
    assert (job.group.counted["erased"], job.group.counted["indexed"]) == (1, 1)


@pytest.mark.parametrize("fault", [401, 403, 404, 429, 500, 503, "part", "junk"])
def test_a_register_that_cannot_be_read_is_waited_for(server: tuple[str, Stub], fault: int | str) -> None:
    url, stub = server
    stub.register, stub.faults = [ERASED], [fault] * 3
    job = Job(url, 60_000)
    assert job.write("anna", "bert") == [None, None]
    assert stub.searches == 4 and job.group.counted["register_unreadable"] == 3
    assert stub.written() == [{"visitor_id": "bert"}]


@pytest.mark.parametrize(
    ("fault", "cure"),
    [
        (401, "right to `read` footfall-erasures"),
        (403, "right to `read` footfall-erasures"),
        (404, "scripts/submit --prepare"),
        (503, "bring Elasticsearch back"),
        ("hang", "bring Elasticsearch back"),
        ("part", "bring Elasticsearch back"),
    ],
)
def test_nothing_is_written_unjudged(
    server: tuple[str, Stub], fault: int | str, cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, stub = server
    stub.faults = [fault] * 10_000
    job = Job(url, 200, timeout_ms=100)
    with caplog.at_level(logging.WARNING), pytest.raises(IndexUnavailable, match=re.escape(cure)):
        job.write("anna", "bert")
    assert stub.bulk == [] and job.group.counted["register_unreadable"] >= 1
    assert "register of erasures cannot be read, so nothing is written" in caplog.text


def test_an_index_that_is_not_there_yet_is_waited_for(
    server: tuple[str, Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that starts before `--prepare` goes on by itself."""
    url, stub = server
    stub.register = None
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: setattr(stub, "register", []))
    assert Job(url, 60_000).write("anna") == [None]
    assert stub.written() == [{"visitor_id": "anna"}]


def test_what_is_known_does_not_stand_in_for_a_register_that_is_gone(server: tuple[str, Stub]) -> None:
    url, stub = server
    now = SimpleNamespace(s=0.0)
    register = Register(ElasticsearchEnds(url).client(), clock=lambda: now.s)
    assert register.refused([]) == set()
    stub.register, now.s = None, 60.0
    with pytest.raises(IndexUnavailable):
        register.refused([])


def test_an_erasure_that_comes_while_a_batch_waits_counts(server: tuple[str, Stub]) -> None:
    url, stub = server
    job = Job(url, 60_000)
    job.function._writer._judge.__self__._poll_s = 0.0  # the register is asked each time
    stub.busy = [[ERASED]]
    assert job.write("anna", "bert") == [None, None]
    assert stub.written() == [{"visitor_id": "bert"}] and job.group.counted["erased"] == 1


def test_bodies_travel_as_they_are_made(server: tuple[str, Stub]) -> None:
    url, stub = server
    job = Job(url, 1_000)
    ids, versions = pd.Series(["a", 'ü"']), pd.Series([1, 2])
    documents = pd.Series(['{"a":"ü\\n",\n"b":1}'.encode(), '{"c":2}'], dtype=object)
    assert job.function.eval(pd.Series(["x", "y"]), ids, versions, documents).tolist() == [None, None]
    assert stub.bulk[0].decode() == (
        '{"index":{"_index":"x","_id":"a","version":1,"version_type":"external_gte"}}\n{"a":"ü\\n", "b":1}\n'
        '{"index":{"_index":"y","_id":"ü\\"","version":2,"version_type":"external_gte"}}\n{"c":2}\n'
    )
    assert (
        "filter_path=errors%2Citems" in stub.bulk_paths[0] or "filter_path=errors,items" in stub.bulk_paths[0]
    )


def test_the_audits_windows_are_written_the_same_way(server: tuple[str, Stub]) -> None:
    url, stub = server
    function = AuditIndex(ElasticsearchEnds(url))
    function.open(Counters())
    one, texts = pd.Series([1]), pd.Series(['{"audit_id":"a"}'])
    assert function.eval(pd.Series(["a"]), one, texts, one, one).tolist() == [None]
    assert stub.written() == [{"audit_id": "a"}]


def role(name: str) -> dict[str, Any]:
    """The role of that name in the page for operators."""
    found = re.search(rf"POST \$ES/_security/role/{name} .*?\n(\{{.*?\n\}})'", PAGE, re.DOTALL)
    assert found, name
    written: dict[str, Any] = json.loads(found.group(1))
    return {"cluster": [], **written}


def test_the_rights_of_the_jobs_are_enough(server: tuple[str, Stub]) -> None:
    url, stub = server
    stub.role = role("footfall_jobs")
    job = Job(url, 0)
    for index in INDICES:
        if index.alias != "footfall-erasures":
            ids, texts = pd.Series(["a"]), pd.Series(["{}"])
            assert job.function.eval(index.alias, ids, pd.Series([1]), texts).tolist() == [None]
    assert stub.denied == []


def test_without_the_right_to_read_the_register_nothing_is_written(server: tuple[str, Stub]) -> None:
    url, stub = server
    stub.role = {"cluster": [], "indices": [{"names": ["footfall-*"], "privileges": ["write"]}]}
    with pytest.raises(IndexUnavailable, match="`read` footfall-erasures"):
        Job(url, 0).write("anna")
    assert stub.bulk == []


def test_the_rights_to_prepare_are_enough(server: tuple[str, Stub]) -> None:
    url, stub = server
    stub.role = role("footfall_prepare")
    create_indices(ElasticsearchEnds(url).client())
    assert stub.denied == []


def test_the_rights_to_erase_are_enough(server: tuple[str, Stub], monkeypatch: pytest.MonkeyPatch) -> None:
    url, stub = server
    stub.role = role("footfall_erase")
    client = ElasticsearchEnds(url).client()
    monkeypatch.setattr(
        erasing, "scan", lambda client, index, query: client.search(index=index, **query)["hits"]["hits"]
    )
    monkeypatch.setattr(erasing, "_produce", lambda *words: None)
    monkeypatch.setattr(erasing, "bury_aliases", lambda *words: 0)
    monkeypatch.setattr(erasing, "_found", _once(erasing._found))
    receipt = erasing.erase(client, {}, "anna", Settings(), wait_s=0)
    assert receipt.ids == ["anna"] and stub.denied == []


def _once(find: Any) -> Any:
    """A document to delete behind each alias, the first time that it is looked for."""
    seen: set[str] = set()

    def found(client: Any, alias: str, ids: list[str]) -> list[dict[str, Any]]:
        hits: list[dict[str, Any]] = find(client, alias, ids)
        if alias in seen:
            return hits
        seen.add(alias)
        return [{"_index": f"{alias}-v1", "_id": "x", "_version": 1}]

    return found
