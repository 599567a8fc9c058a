"""A post of the standing watch: its offsets in the topics, its findings, and the folder that keeps both."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from connectors.contracts import topics
from connectors.contracts.model_inputs import INTENT
from connectors.contracts.model_manifest import Manifest
from connectors.errors import BadInput, ModelRefused
from connectors.kafka.topic_reader import read_topic
from connectors.models.registry import Registry
from jobs.offline import prometheus
from jobs.offline.training import watch_report
from jobs.offline.training.monitor import HOUR_MS
from jobs.offline.training.watch import Finding, Manifests, Spans, Watch
from jobs.settings import Settings

STATE, LINES, PAGE, LOCK = "state.json", "windows.jsonl", "index.html", ".lock"
_SCHEMA = "watch/2"
_BATCH = 5_000
_SHOWN = 400  # findings on the page
Messages = Callable[[str, dict[int, int]], Iterator[bytes]]


@dataclass
class Post:
    """What a watch keeps: its models, its offsets in the topics, and the folder that keeps it all.

    The state holds the length that the file of findings had with it: what a dying process appended beyond is
    cut off, and comes again.

    Attributes:
        folder: for state, findings and page.
        watches: by model.
        offsets: next one by partition, by topic.
        findings: the newest ones.
    """

    folder: Path
    watches: dict[str, Watch]
    offsets: dict[str, dict[int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def open(self) -> None:
        """Takes up what the folder keeps.

        Raises:
            BadInput: it is of other models, other windows or another version.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE
        empty = {"schema": _SCHEMA, "bytes": 0, "offsets": {}, "watches": {}}
        kept: dict[str, Any] = orjson.loads(path.read_bytes()) if path.exists() else empty
        if kept["schema"] != _SCHEMA:
            raise BadInput(f"{path} is {kept['schema']}, {_SCHEMA} is required", "give another --folder")
        self._restore(kept["watches"], path)
        self.offsets = {
            topic: {int(number): offset for number, offset in found.items()}
            for topic, found in kept["offsets"].items()
        }
        self._cut(kept["bytes"])

    def _restore(self, kept: dict[str, Any], path: Path) -> None:
        known = {name: one["spans"] for name, one in kept.items()}
        wanted = {name: asdict(one.spans) for name, one in self.watches.items()}
        if known and known != wanted:
            raise BadInput(f"{path} is of {known}, {wanted} came", "give the same, or another --folder")
        for name, one in kept.items():
            self.watches[name].restore(one)

    def _cut(self, length: int) -> None:
        with (self.folder / LINES).open("ab") as file:
            file.truncate(length)
        lines = (self.folder / LINES).read_bytes().splitlines()
        self.findings = [watch_report.read_line(one) for one in lines[-_SHOWN:]]

    def look(self, messages: Messages) -> list[Finding]:
        """Reads both topics to their ends, judges the windows that are over, and keeps where it is."""
        for topic, add in ((topics.SCORES, Watch.add_scores), (topics.FEATURES, Watch.add_features)):
            offsets = self.offsets.setdefault(topic.name, {})
            unread = map(orjson.loads, messages(topic.name, offsets))
            while documents := list(islice(unread, _BATCH)):
                for one in self.watches.values():
                    add(one, documents)
        found = [finding for one in self.watches.values() for finding in one.close()]
        self._keep(found)
        return found

    def _keep(self, found: list[Finding]) -> None:
        with (self.folder / LINES).open("ab") as file:
            file.write(b"".join(map(watch_report.line, found)))
            length = file.tell()
        state = {
            "schema": _SCHEMA,
            "bytes": length,
            "offsets": {
                topic: {str(number): offset for number, offset in held.items()}
                for topic, held in self.offsets.items()
            },
            "watches": {name: one.to_json() for name, one in self.watches.items()},
        }
        _replace(self.folder / STATE, orjson.dumps(state))
        self.findings = [*self.findings, *found][-_SHOWN:]

    def show(self, metrics_file: Path | None, limits: dict[str, float]) -> None:
        """Writes page and metrics."""
        _replace(self.folder / PAGE, watch_report.page(self.findings, limits).encode())
        if metrics_file:
            prometheus.write(metrics_file, watch_report.metrics(self.watches.values(), self.findings))


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """Keeps other watches out of the folder.

    Raises:
        BadInput: another one is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"another watch is at {folder}", "stop it, or give another --folder") from None
        yield


def _replace(path: Path, content: bytes) -> None:
    """In one step: a reader sees the old or the new one, a crash leaves one of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def manifests_of(registry: Registry, name: str) -> Manifests:
    """Manifests by version, each read once; None for one that is not there (yet) or does not fit."""
    known: dict[str, Manifest] = {}

    def found(version: str) -> Manifest | None:
        if version not in known:
            try:
                known[version] = registry.manifest(name, version)
            except ModelRefused:
                return None
        return known[version]

    return found


def watches_of(
    registry: Registry, names: Iterable[str], settings: Settings, hours: tuple[float, float, float]
) -> dict[str, Watch]:
    """The models to watch.

    Args:
        registry: where their manifests are.
        names: of the models.
        settings: of the running jobs.
        hours: of a window of drift, of a window of quality, of churn's horizon.
    """
    drift_ms, quality_ms, horizon_ms = (int(each * HOUR_MS) for each in hours)
    longest = {INTENT: settings.session_max_ms + settings.session_gap_ms}
    return {
        name: Watch(
            name,
            Spans(drift_ms, quality_ms, longest.get(name, horizon_ms)),
            manifests_of(registry, name),
        )
        for name in names
    }


def from_kafka(properties: dict[str, str], topic: str, offsets: dict[int, int]) -> Iterator[bytes]:
    """The values of a topic's new messages."""
    for message in read_topic(properties, topic, offsets=offsets):
        if message.value is not None:
            yield message.value


def trained_auc(post: Post, registry: Registry) -> dict[str, float]:
    """The AUC that each live version had on its test part."""
    pointers = {name: registry.pointer(name) for name in post.watches}
    return {
        name: registry.manifest(name, pointer.version).metrics.get("auc", 0.0)
        for name, pointer in pointers.items()
        if pointer
    }
