"""Which letters are sent again, what a fix does, and that a second run finds nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.contracts.rejected import Reject, Rejected
from connectors.errors import BadInput
from jobs.offline.fixing import Fix, load_fix
from jobs.offline.letters import Choice, Mended, Report, mend
from tests.unit.adapter_samples import CANONICAL, OTTO, T0

RAW = "footfall.events.raw"
SECONDS = orjson.dumps({**CANONICAL, "event_time_ms": "soon"})
GOOD = orjson.dumps(CANONICAL)


def letter(
    payload: bytes | None, reason: str = "wrong_type", offset: int = 7, **changes: Any
) -> tuple[str, Rejected]:
    source = {
        "topic": RAW,
        "partition": 0,
        "offset": offset,
        "timestamp_ms": T0,
        "adapter": "canonical",
    } | changes
    rejected = Rejected.of(Reject(reason, None, ""), payload, job_version="0", **source)  # type: ignore[arg-type]
    index = "" if rejected.index is None else f":{rejected.index}"
    return f"{rejected.topic}:0:{offset}{index}", rejected


def run(
    *found: tuple[str, Rejected], done: set[str] | None = None, fix: Fix | None = None, **choice: Any
) -> tuple[list[Mended], Report]:
    report = Report()
    return list(mend(found, done or set(), Choice(**choice), fix or Fix(), report, T0 + 1)), report


def test_what_the_contract_takes_now_is_sent() -> None:
    sent, report = run(letter(GOOD), letter(SECONDS, offset=8), letter(None, offset=9))
    assert [one.letter_id for one in sent] == [f"{RAW}:0:7"]
    assert (report.letters, report.events, report.late) == (3, 1, 1)
    assert report.still_refused == {"wrong_type event_time_ms": 1, "not_json": 1}


def test_a_letter_is_sent_once() -> None:
    sent, report = run(letter(GOOD), done={f"{RAW}:0:7"})
    assert sent == [] and report.already_replayed == 1


def test_a_letter_from_re_entry_does_not_go_round() -> None:
    sent, report = run(letter(GOOD, topic="footfall.events.reentry"))
    assert sent == [] and report.from_reentry == 1


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        ({"reasons": frozenset({"wrong_type"})}, 1),
        ({"reasons": frozenset({"not_json"})}, 0),
        ({"adapters": frozenset({"segment"})}, 0),
        ({"fields": frozenset({"event_id"})}, 0),
        ({"since_ms": T0}, 1),
        ({"since_ms": T0 + 1}, 0),
        ({"until_ms": T0}, 0),
        ({"until_ms": T0 + 1}, 1),
    ],
)
def test_the_choice(choice: dict[str, Any], taken: int) -> None:
    sent, report = run(letter(GOOD), **choice)
    assert len(sent) == taken and report.not_chosen == 1 - taken


def test_an_event_of_a_batch_keeps_its_id() -> None:
    cut = orjson.dumps({**OTTO, "events": [OTTO["events"][1]]})
    (sent,), _ = run(letter(cut, adapter="otto", index=1))
    assert orjson.loads(sent.events[0].document)["event_id"] == "otto-12-1"


def test_a_fix_reaches_into_a_batch() -> None:
    broken = orjson.dumps({**OTTO, "events": [{"aid": 1, "when": T0, "type": "carts"}]})
    (sent,), _ = run(letter(broken, adapter="otto", index=0), fix=Fix(rename={"when": "ts"}))
    assert sent.events[0].event_time_ms == T0


def test_a_fix_renames_casts_and_fills_in() -> None:
    came = orjson.dumps({"id": 5, "event_type": "search", "at": "2023-11-14T22:13:20Z", "who": {"id": "v"}})
    fix = Fix(
        rename={"at": "event_time_ms", "who.id": "visitor_id"},
        cast={"event_time_ms": "iso8601"},
        default={"schema": "event/1", "event_id": "{letter_id}"},
    )
    (sent,), _ = run(letter(came), fix=fix)
    document = orjson.loads(sent.events[0].document)
    assert (document["event_time_ms"], document["visitor_id"]) == (T0, "v")
    assert document["event_id"] == f"{RAW}:0:7"


def test_a_fix_knows_other_encodings_and_leaves_what_it_cannot_read() -> None:
    assert (
        Fix(encoding="latin-1").mended('{"a":"é"}'.encode("latin-1"), "canonical", "") == '{"a":"é"}'.encode()
    )
    assert Fix(cast={"a": "seconds"}).mended(b'{"a":"x"}', "canonical", "") == b'{"a":"x"}'
    assert Fix().mended(b"{", "canonical", "") == b"{"


@pytest.mark.parametrize(
    "text", ["[renam]\na='b'", "[cast]\na='eval'", "encoding='rot13'", "[default]\na=[1]", "not toml"]
)
def test_a_mapping_file_is_refused_with_the_field(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fix.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match="mapping file"):
        load_fix(path)
