"""Foreign messages through the real broker, both jobs and the index: nothing is unaccounted for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson

from cli.deploy import Deployment
from cli.gate import Gate
from cli.letters import Choice
from cli.replay import adapt_file, replay, run_to_the_end
from cli.replay import dump as dump_run
from cli.replay_rejected import run as send_again
from cli.topic_reader import read_topic
from connectors import topics
from connectors.fixing import Fix
from connectors.rejected import Rejected
from tests import datasets, oracle
from tests.cluster.conftest import CONSOLE, Document, read_lines
from tests.unit.adapter_samples import CANONICAL, GA360, OTTO, SAMPLES, SEGMENT_BATCH

Deploy = Callable[..., Deployment]


def test_ga360_visits_tell_the_same_story_as_their_hits(deploy: Deploy, tmp_path: Path) -> None:
    file, dump = datasets.require() / "ga360_store/raw_ga_sessions_20160801.jsonl.gz", tmp_path / "dump"
    assert replay(deploy(bounded=True), file, dump, CONSOLE, "ga360")
    hits = _hits_of_20160801()
    sessions = {
        (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
        for row in read_lines(dump / "sessions.jsonl")
    }
    abandoned = {
        (row["visitor_id"], row["occurred_at_ms"])
        for row in read_lines(dump / "signals.jsonl")
        if row["kind"] == "cart_abandoned"
    }
    assert sessions == {one.key for one in oracle.sessions(hits)}
    assert abandoned == {(one.visitor_id, one.fires_at_ms) for one in oracle.abandonments(hits)}
    ledger = json.loads((dump / "ledger.json").read_text())
    assert (ledger["valid"], ledger["late"], ledger["rejected_total"]) == (13_006, 0, 0)
    assert (ledger["foreign"]["messages"], ledger["foreign"]["events"]) == (1_711, 13_006)


def _hits_of_20160801() -> list[Document]:
    """The hits of the first local day: the export's table of that day."""
    frame = datasets.pl.read_csv(
        datasets.require() / "ga360_store/events_20160801_20160814.csv.gz",
        columns=["event_id", "property_date"],
        infer_schema=False,
    )
    ids = set(frame.filter(datasets.pl.col("property_date") == "20160801")["event_id"])
    return [
        event for event in datasets.canonical_events("ga360_20160801_20160814") if event["event_id"] in ids
    ]


def test_a_file_of_everything_is_accounted_for(deploy: Deploy, tmp_path: Path) -> None:
    """All formats mixed and recognised; bad events among good ones; garbage; a message twice.

    Before the suite runs, the letters that a fix can mend are sent again, and once more.
    """
    good = [payload for _, payload in SAMPLES]
    bad = [
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
    file, dump = tmp_path / "mixed.jsonl", tmp_path / "dump"
    file.write_bytes(b"\n".join([*good, *bad, good[0]]) + b"\n")
    deployment = deploy(bounded=True)
    gate = Gate(deployment.kafka_properties, topics.EVENTS_RAW)
    feeder = adapt_file(deployment, file, "auto", CONSOLE)
    _send_again_and_again(deployment.kafka_properties)
    assert dump_run(deployment, feeder, dump, run_to_the_end(deployment, gate, CONSOLE), CONSOLE, "auto")
    ledger = json.loads((dump / "ledger.json").read_text())
    assert ledger["foreign"]["unaccounted"] == 0 and ledger["foreign"]["messages"] == len(good) + len(bad) + 1
    rejected = Counter(
        missing_field=1, not_an_object=1, not_json=1, not_utf8=1, unknown_schema=1, wrong_type=3
    )
    assert Counter(ledger["foreign"]["rejected"]) == rejected + Counter(missing_field=2)
    assert ledger["duplicate"] >= 3  # the first message again; equal ids in the samples
    lines = file.read_bytes().split(b"\n")
    letters = [Rejected.model_validate(row) for row in read_lines(dump / "rejected.jsonl")]
    assert [
        letter
        for letter in letters
        if letter.index is None and letter.payload() != lines[(letter.line or 0) - 1]
    ] == []
    assert {letter.line for letter in letters} == set(range(len(good) + 1, len(good) + len(bad) + 1))
    assert ledger["valid"] + ledger["duplicate"] + ledger["late"] == ledger["foreign"]["events"] + 1
    flink = deployment.stack.flink
    assert [flink.restarts(job) for job in flink.jobs()] == [0] * len(flink.jobs())


def _reentered(properties: dict[str, str]) -> list[Document]:
    """What was sent again; heartbeats come to this topic too."""
    events = [orjson.loads(one.value()) for one in read_topic(properties, topics.EVENTS_REENTRY.name)]
    return [event for event in events if event["event_type"] != "heartbeat"]


def _send_again_and_again(properties: dict[str, str]) -> None:
    choice, fix = Choice(fields=frozenset({"schema"})), Fix(default={"schema": "event/1"})
    dry = send_again(properties, choice, fix, send=False, out_of_orderness_ms=2_000)
    assert (dry.accepted, dry.events, dry.late, dry.already_replayed) == ({"missing_field": 1}, 1, 1, 0)
    assert not _reentered(properties)
    for already in (0, 1, 1):
        report = send_again(properties, choice, fix, send=True, out_of_orderness_ms=2_000)
        assert (report.events, report.already_replayed) == (1 - already, already)
    (event,) = _reentered(properties)
    assert event["event_id"] == "c-2"
