"""The cases after public reports, all in one file, through adapters, broker, engine and index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.deploy import Deployment
from cli.replay import replay
from tests.cases.case import folder, told
from tests.cluster.conftest import CONSOLE, Document, read_lines

# Canonical events have a folder of their own (36 also needs a long file); their kinds are in the engine's tests.
_CANONICAL = ("36", "38", "43", "44")


def test_every_case_tells_the_stack_what_it_tells_the_engine(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    names = _names()
    file = tmp_path / "cases.jsonl"
    file.write_bytes(b"".join(_lines(name) for name in names))
    assert replay(deploy(bounded=True), file, tmp_path / "dump", CONSOLE, "auto")
    stories = [told(name).found() for name in names]
    assert _signals(read_lines(tmp_path / "dump/signals.jsonl")) == _signals(
        [one for story in stories for one in story.signals]
    )
    assert _sessions(read_lines(tmp_path / "dump/sessions.jsonl")) == _sessions(
        [one for story in stories for one in story.sessions]
    )


def _names() -> list[str]:
    root = folder("01-ga4-not-set").parent
    return sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[:2] not in _CANONICAL)


def _lines(name: str) -> bytes:
    return (folder(name) / "input.jsonl").read_bytes().rstrip(b"\n") + b"\n"


def _signals(found: list[Document]) -> dict[str, tuple[str, str, str, int]]:
    return {
        one["signal_id"]: (one["visitor_id"], one["kind"], one["status"], one["version"]) for one in found
    }


def _sessions(found: list[Document]) -> dict[str, tuple[str, int]]:
    return {one["session_id"]: (one["visitor_id"], one["events"]) for one in found}
