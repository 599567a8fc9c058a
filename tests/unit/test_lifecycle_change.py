"""Edited segments put to work: where visitors are now comes into topic and documents; nothing rolls back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cli.segments import main
from connectors.contracts import topics
from connectors.elasticsearch.indices import VISITORS
from connectors.errors import BadInput
from jobs.offline.lifecycle import change as segment_change
from jobs.offline.lifecycle.change import moved, publish
from jobs.offline.rules import change as rule_change
from jobs.offline.rules.folder import SEGMENTS, RulesFolder
from state.segments.language.cutoffs import FILE
from state.segments.language.loading import SHIPPED
from tests.engine_runs import DAY, T0, Document, event, lines
from tests.segment_files import scaled


class Record(NamedTuple):
    """As much of a message as is read."""

    key: bytes
    value: bytes | None


def place(visitor: str, version: int, segment: str | None = "new", **more: Any) -> Document:
    found = {"visitor_id": visitor, "segment": segment, "version": version, **more}
    return {name: value for name, value in found.items() if value is not None}


class Ends:
    """Topic and index of a job, as much of them as `apply` asks for; Elasticsearch's client is this, too."""

    def __init__(self, topic: Sequence[Document], documents: Sequence[Document] = ()) -> None:
        self.topic = [Record(one["visitor_id"].encode(), orjson.dumps(one)) for one in topic]
        self.documents = {one["visitor_id"]: one for one in documents}
        self.records: list[tuple[str, str, Document]] = []
        self.actions: list[Document] = []
        self.status, self.asked, self.refreshed = 200, list[int](), list[str]()
        self.flushed = self.closed = False
        self.indices = self

    @property
    def written(self) -> dict[str, Document]:
        return {one["_id"]: one for one in self.actions}

    # -- the topic's writer
    def write(self, topic: str, value: bytes, key: str) -> None:
        self.records.append((topic, key, orjson.loads(value)))

    def flush(self) -> None:
        self.flushed = True

    def close(self) -> None:
        self.closed = True

    # -- the index
    def mget(self, index: str, ids: list[str]) -> Document:
        assert index == VISITORS.alias
        self.asked.append(len(ids))
        found = ((one, self.documents.get(one)) for one in ids)
        return {"docs": [{"_id": one, "found": two is not None, "_source": two} for one, two in found]}

    def bulk(self, client: Any, actions: Iterator[Document], raise_on_error: bool) -> Iterator[Any]:
        for action in actions:
            self.actions.append(action)
            yield self.status < 300, {"index": {"status": self.status, "error": "of the test"}}

    def refresh(self, index: str) -> None:
        self.refreshed.append(index)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    found = Ends([])
    monkeypatch.setattr(segment_change, "read_topic", lambda properties, topic: iter(found.topic))
    monkeypatch.setattr(segment_change, "Writer", lambda properties: found)
    monkeypatch.setattr(segment_change, "streaming_bulk", found.bulk)
    return found


def test_only_those_that_are_elsewhere_are_moved(ends: Ends) -> None:
    ends.topic = Ends([place("same", 5), place("other", 5), place("rfm", 5, rfm="loyal")]).topic
    given = {
        one["visitor_id"]: one for one in (place("same", 9), place("other", 9, "casual"), place("rfm", 9))
    }
    assert moved({}, given) == {"other": given["other"], "rfm": given["rfm"]}
    assert moved({}, {"unheard of": place("unheard of", 1)}) == {"unheard of": place("unheard of", 1)}


@pytest.mark.parametrize(("before", "after", "version"), [(5, 4, 6), (5, 5, 6), (5, 6, 6), (5, 9, 9)])
def test_what_is_moved_is_newer_than_what_it_replaces(
    ends: Ends, before: int, after: int, version: int
) -> None:
    ends.topic = Ends([place("v", before)]).topic
    assert moved({}, {"v": place("v", after, "casual")}) == {"v": place("v", version, "casual")}


def test_the_newest_record_of_a_visitor_counts(ends: Ends) -> None:
    ends.topic = Ends([place("v", 5), place("v", 7, "casual")]).topic
    assert moved({}, {"v": place("v", 6, "casual")}) == {}
    ends.topic.append(Record(b"v", None))  # deleted: nothing is known of the visitor
    assert moved({}, {"v": place("v", 6, "casual")}) == {"v": place("v", 6, "casual")}


def test_topic_and_documents_are_brought_up_to_date(ends: Ends) -> None:
    before = {
        "visitor_id": "v",
        "version": 8,
        "segment": "new",
        "segment_since_ms": 1,
        "rfm": "loyal",
        "scores": [1],
    }
    ends.documents = {"v": before}
    places = {"w": place("w", 4), "v": place("v", 6, "casual", segment_since_ms=6)}
    publish(ends, {}, places)  # type: ignore[arg-type]
    assert ends.records == [(topics.SEGMENTS.name, key, one) for key, one in places.items()]
    assert ends.flushed and ends.closed and ends.refreshed == [VISITORS.alias]
    (action,) = ends.actions  # w has no document yet: the job will write it
    assert action["_source"] == {
        "visitor_id": "v", "version": 8, "segment": "casual", "segment_since_ms": 6, "scores": [1],
    }  # fmt: skip
    assert (action["_id"], action["version"], action["version_type"]) == ("v", 8, "external_gte")


def test_a_place_that_is_newer_than_the_document_gives_its_version(ends: Ends) -> None:
    ends.documents = {"v": {"visitor_id": "v", "version": 3}}
    publish(ends, {}, {"v": place("v", 6)})  # type: ignore[arg-type]
    assert (ends.written["v"]["version"], ends.written["v"]["_source"]["version"]) == (6, 6)


def test_documents_are_asked_for_in_parts(ends: Ends) -> None:
    publish(ends, {}, {f"{n}": place(f"{n}", 1) for n in range(1_001)})  # type: ignore[arg-type]
    assert (ends.asked, len(ends.records), ends.actions) == ([500, 500, 1], 1_001, [])


def test_a_newer_document_of_the_job_stays_and_other_refusals_are_errors(ends: Ends) -> None:
    ends.documents, ends.status = {"v": {"visitor_id": "v", "version": 3}}, 409
    publish(ends, {}, {"v": place("v", 6)})  # type: ignore[arg-type]
    ends.status = 400
    with pytest.raises(BadInput, match="refuses a visitor's document: of the test"):
        publish(ends, {}, {"v": place("v", 6)})  # type: ignore[arg-type]


@pytest.fixture
def applied(ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`scripts/segments apply` of a file over a history of three buyers; gives the command's result."""
    history, folder = tmp_path / "history.jsonl", tmp_path / "active"
    RulesFolder(folder, SEGMENTS)
    made = {"schema": "rfm_cutoffs/1", "date": "2023-11-14", "as_of_ms": T0, "buyers": 9, "source": "x"}
    cuts = dict.fromkeys(("recency_ms", "frequency", "monetary"), [1, 2, 3, 4])
    (folder / FILE).write_bytes(orjson.dumps(made | cuts))
    bought = [
        event(name, "purchase", 0, order={"order_id": name, "revenue": value})
        for name, value in (("a", 1.0), ("b", 9.0))
    ]
    history.write_bytes(b"\n".join(lines([*bought, event("c", "page_view", DAY)])))

    class Elastic:
        @contextmanager
        def client(self) -> Iterator[Ends]:
            yield ends

    told: dict[str, Any] = {}
    monkeypatch.setattr("cli.segments_apply.elasticsearch_ends", lambda *_: Elastic())
    monkeypatch.setattr(
        "cli.segments_apply.sweep", lambda client, ref, stale, seconds: told.update(sweep=ref)
    )
    monkeypatch.setattr(rule_change, "current", lambda client: "now")
    monkeypatch.setattr(rule_change, "signals_of", lambda client, index, name: {})

    def cut_over(client: Any, name: str, documents: Iterator[Document]) -> tuple[str, str]:
        told.update(name=name, documents=list(documents))
        return "now", "then"

    monkeypatch.setattr(rule_change, "cut_over", cut_over)

    def apply(file: Path, *options: str) -> tuple[Any, dict[str, Any]]:
        told.clear()
        given = ["apply", str(file), "--folder", str(folder), "--history", str(history), *options]
        return CliRunner().invoke(main, given), told

    return apply


def rfm(tmp_path: Path, version: int, *edit: str) -> Path:
    document = YAML(typ="safe").load(SHIPPED / "rfm.yaml") | {"version": version, "cutoffs_valid_for": "9 d"}
    file = tmp_path / "rfm.yaml"
    with file.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(document, out)
    if edit:
        file.write_text(file.read_text(encoding="utf-8").replace(*edit), encoding="utf-8")
    return file


def test_classes_of_buyers_are_applied_without_a_signal(applied: Any, ends: Ends, tmp_path: Path) -> None:
    found, told = applied(rfm(tmp_path, 2))
    assert found.exit_code == 0, found.output
    assert (told["name"], told["documents"], told["sweep"]) == ("rfm", [], {"name": "rfm", "version": 2})
    assert "rfm: version 1 -> version 2: 0 gained" in found.output
    assert {key: "rfm" in one for _, key, one in ends.records} == {"a": True, "b": True, "c": False}
    assert RulesFolder(tmp_path / "active", SEGMENTS).pack()["rfm"].rule.version == 2


def test_an_applied_class_is_published_for_those_that_are_in_another_one(
    applied: Any, ends: Ends, tmp_path: Path
) -> None:
    assert applied(rfm(tmp_path, 2))[0].exit_code == 0
    first = {key: one for _, key, one in ends.records}
    ends.topic = [Record(key.encode(), orjson.dumps(one)) for key, one in first.items()]
    ends.records.clear()
    name = first["b"]["rfm"]
    found, _ = applied(rfm(tmp_path, 3, f"name: {name}", "name: renamed"))
    assert found.exit_code == 0, found.output
    assert {key for _, key, _ in ends.records} == {
        key for key, one in first.items() if one.get("rfm") == name
    }
    assert all(
        one["rfm"] == "renamed" and one["version"] > first[key]["version"] for _, key, one in ends.records
    )


def test_an_applied_lifecycle_has_its_signals_cut_over(applied: Any, ends: Ends, tmp_path: Path) -> None:
    found, told = applied(scaled(tmp_path, 2, version=2))
    assert found.exit_code == 0, found.output
    assert {one["rule"]["name"] for one in told["documents"]} == {"lifecycle"}
    assert (
        {one["visitor_id"] for one in told["documents"]}
        == {"a", "b", "c"}
        == {key for _, key, _ in ends.records}
    )


def test_a_dry_run_changes_nothing(applied: Any, ends: Ends, tmp_path: Path) -> None:
    found, told = applied(rfm(tmp_path, 2), "--dry-run")
    assert (found.exit_code, told, ends.records) == (0, {}, [])
    assert RulesFolder(tmp_path / "active", SEGMENTS).pack()["rfm"].rule.version == 1
