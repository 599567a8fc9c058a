"""Foreign messages of all kinds in one file, through adapters, broker, suite and index: nothing is unaccounted for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import orjson
import polars as pl
import pytest

from cli.replay_rejected import run as send_again
from connectors.contracts import topics
from connectors.contracts.rejected import Rejected
from connectors.kafka.topic_reader import read_topic
from jobs.offline.fixing import Fix
from jobs.offline.letters import Choice
from stack.runs.deploy import Deployment
from stack.runs.gate import Gate
from stack.runs.replay import adapt_file, dump, run_to_the_end
from tests import datasets, oracle
from tests.cases.case import folder, lines, story_of
from tests.cluster.conftest import CONSOLE, Deployer, Document, read_lines
from tests.unit.adapter_samples import CANONICAL, GA360, OTTO, SAMPLES, SEGMENT_BATCH

VISITS = "ga360_store/raw_ga_sessions_20160801.jsonl.gz"
GOOD = [payload for _, payload in SAMPLES]
BAD = [
    orjson.dumps({**OTTO, "events": [*OTTO["events"], 7, {"aid": 3, "ts": "soon", "type": "carts"}]}),
    orjson.dumps({**SEGMENT_BATCH, "batch": [None, *SEGMENT_BATCH["batch"]]}),
    orjson.dumps({**GA360, "hits": []}),
    b'{"a": 1}',
    orjson.dumps(
        {name: value for name, value in CANONICAL.items() if name != "schema"} | {"event_id": "c-2"}
    ),
    b"\xff\xfe",
    b"[1]",
    b'{"x":' * 2_000 + b"1" + b"}" * 2_000,
    b'{"batch":[{"type":"track","event":"' + b"x" * 1_200_000 + b'","userId":"u"}]}',
]
MIXED = [*GOOD, *BAD, GOOD[0]]  # the first one comes again
# Canonical events have a folder of their own (36 also needs a long file); their kinds are in the engine's tests.
_NAMESAKES = {"d-1"}  # of a case and of a sample
_OTHER_CASES = ("36", "38", "43", "44")


class Foreign:
    """The file, and what the stack made of it.

    Attributes:
        mixed: the lines of the file with samples and garbage, counted from 1.
        reports: of sending letters again, one a time.
    """

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment, self._folder = deployment, folder
        visits = gzip.decompress((datasets.require() / VISITS).read_bytes()).splitlines()
        cases = [line for name in case_names() for line in lines(name)]
        self.lines = [*visits, *cases, *MIXED]
        self.mixed = range(len(visits) + len(cases) + 1, len(self.lines) + 1)
        file = folder / "foreign.jsonl"
        file.write_bytes(b"\n".join(self.lines) + b"\n")
        gate = Gate(deployment.kafka_properties, topics.EVENTS_RAW)
        self._jobs_before = set(deployment.stack.flink.jobs())
        feeder = adapt_file(deployment, file, "auto", CONSOLE)
        self.sent_again = _send_again_and_again(deployment.kafka_properties)
        times = run_to_the_end(deployment, gate, CONSOLE, feeder.written)
        self.balanced = dump(deployment, feeder, folder, times, CONSOLE, "auto")
        self.ledger = json.loads((folder / "ledger.json").read_text())

    def rows(self, name: str) -> list[Document]:
        """Rows of a file of the dump."""
        return read_lines(self._folder / f"{name}.jsonl")

    def restarts(self) -> list[int]:
        """Of each of its jobs."""
        flink = self.deployment.stack.flink
        return [flink.restarts(job) for job in flink.jobs() if job not in self._jobs_before]

    def letters(self) -> list[Rejected]:
        """Dead letters of the mixed lines."""
        letters = [Rejected.model_validate(row) for row in self.rows("rejected")]
        return [letter for letter in letters if letter.line in self.mixed]


def case_names() -> list[str]:
    """Folders of cases whose messages are a tracker's."""
    root = folder("01-ga4-not-set").parent
    return sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[:2] not in _OTHER_CASES)


def _send_again_and_again(properties: dict[str, str]) -> list[str]:
    """Ids of what the raw topic's sister has, after letters that a fix can mend were sent three times."""
    choice, fix = Choice(fields=frozenset({"schema"})), Fix(default={"schema": "event/1"})
    dry = send_again(properties, choice, fix, send=False, out_of_orderness_ms=2_000)
    assert (dry.accepted["missing_field"], dry.events, dry.late, dry.already_replayed) == (1, 1, 1, 0)
    assert not _reentered(properties)
    for already in (0, 1, 1):
        report = send_again(properties, choice, fix, send=True, out_of_orderness_ms=2_000)
        assert (report.events, report.already_replayed) == (1 - already, already)
    return _reentered(properties)


def _reentered(properties: dict[str, str]) -> list[str]:
    """Ids of what was sent again; heartbeats come to this topic too."""
    events = [orjson.loads(one.value or b"") for one in read_topic(properties, topics.EVENTS_REENTRY.name)]
    return [event["event_id"] for event in events if event["event_type"] != "heartbeat"]


@pytest.fixture(scope="module")
def foreign(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    return Foreign(deploy_once(bounded=True), tmp_path_factory.mktemp("foreign"))


def test_everything_is_accounted_for(foreign: Foreign) -> None:
    """All formats recognised; bad events among good ones; garbage; a message twice; a letter mended and sent again."""
    ledger = foreign.ledger
    assert foreign.balanced and ledger["foreign"]["unaccounted"] == 0
    assert ledger["foreign"]["messages"] == len(foreign.lines)
    assert ledger["duplicate"] >= 3  # the first message again; equal ids in the samples
    in_the_job = ledger["rejected_total"] - sum(ledger["foreign"]["rejected"].values())
    taken = ledger["valid"] + ledger["duplicate"] + ledger["late"] + in_the_job
    assert taken == ledger["foreign"]["events"] + 1 and foreign.sent_again == ["c-2"]
    assert foreign.restarts() == [0, 0]


def test_what_is_no_event_is_kept_with_its_bytes(foreign: Foreign) -> None:
    letters = foreign.letters()
    rejected = Counter(
        missing_field=3, not_an_object=1, not_json=1, not_utf8=1, unknown_schema=1, wrong_type=3
    )
    assert Counter(letter.reason for letter in letters) == rejected
    assert {letter.line for letter in letters} == set(foreign.mixed[len(GOOD) : len(GOOD) + len(BAD)])
    whole = [letter for letter in letters if letter.index is None]
    assert [one for one in whole if one.payload() != foreign.lines[(one.line or 0) - 1]] == []


def test_visits_give_the_same_events_as_their_hits(foreign: Foreign) -> None:
    hits = _hits()
    visitors = {hit["visitor_id"] for hit in hits}
    sessions = {
        (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
        for row in foreign.rows("sessions")
        if row["visitor_id"] in visitors
    }
    assert len(hits) == 13_006 and sessions == {one.key for one in oracle.sessions(hits)}


def _hits() -> list[Document]:
    """The hits of the first local day: the export's table of that day."""
    rows = pl.read_csv(
        datasets.require() / "ga360_store/events_20160801_20160814.csv.gz",
        columns=["event_id", "property_date"],
        infer_schema=False,
    )
    ids = set(rows.filter(pl.col("property_date") == "20160801")["event_id"])
    return [one for one in datasets.canonical_events("ga360_20160801_20160814") if one["event_id"] in ids]


def test_stack_and_engine_agree_on_every_case(foreign: Foreign) -> None:
    stories = [story_of(name).found() for name in case_names()]
    wanted_signals = [row for story in stories for row in story.signals]
    wanted_sessions = [row for story in stories for row in story.sessions]
    visitors = {row["visitor_id"] for row in wanted_sessions} - _NAMESAKES
    found = {name: _of(visitors, foreign.rows(name)) for name in ("signals", "sessions")}
    assert _signals(found["signals"]) == _signals(_of(visitors, wanted_signals))
    assert _sessions(found["sessions"]) == _sessions(_of(visitors, wanted_sessions))


def _of(visitors: set[str], rows: list[Document]) -> list[Document]:
    """Of these visitors, what rules find: a trial of rules has no segments."""
    found = (row for row in rows if row["visitor_id"] in visitors)
    return [row for row in found if not row.get("kind", "").startswith("segment_")]


def _signals(found: list[Document]) -> dict[str, tuple[str, str, str, int]]:
    return {
        one["signal_id"]: (one["visitor_id"], one["kind"], one["status"], one["version"]) for one in found
    }


def _sessions(found: list[Document]) -> dict[str, tuple[str, int]]:
    return {one["session_id"]: (one["visitor_id"], one["events"]) for one in found}
