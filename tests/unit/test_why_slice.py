"""`scripts/why --slice`: a failing job's event is found by its position or id, and taken by an engine here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson
import pytest
from click.testing import CliRunner

from cli import why
from connectors.contracts import topics
from connectors.errors import BadInput
from jobs.offline.why import reading as why_reading
from jobs.offline.why import slice as why_slice
from jobs.settings import Settings
from state.rules.pack import Pack
from tests.words import Document, event, t

RAW = topics.EVENTS_RAW.name
SETTINGS = Settings(scoring=False)
LOGIN = event("phone", "identify", t(5), user_id="anna")
TABLET = event("tablet", "custom:login", t(7), user_id="anna")
STORY = [
    event("phone", "add_to_cart", t(0)),
    LOGIN,
    event("berta", "page_view", t(6)),
    TABLET,
    event("tablet", "page_view", t(8)),
    event("phone", "purchase", t(9), user_id="anna"),
]


class Message(NamedTuple):
    """One message of the raw topic."""

    number: int
    result: Document

    @property
    def value(self) -> bytes:
        return orjson.dumps(self.result)

    @property
    def partition(self) -> int:
        return self.number % 2

    @property
    def offset(self) -> int:
        return self.number // 2

    @property
    def timestamp(self) -> int:
        return t(20) + self.number


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(properties: Mapping[str, str], topic: str, **bounds: Any) -> Iterator[Message]:
        return iter([Message(*one) for one in enumerate(STORY)] if topic == RAW else [])

    monkeypatch.setattr(why_reading, "read_topic", read)
    monkeypatch.setattr(why_slice, "read_topic", read)


@pytest.mark.parametrize("name", [f"{RAW}:1:0", LOGIN["event_id"], f"{RAW}:0:2", STORY[5]["event_id"]])
def test_all_that_hangs_together_with_an_event_is_read_in_order_of_arrival(name: str) -> None:
    found = why_slice.messages_around(name, {})
    ids = [orjson.loads(one.value)["event_id"] for one in found]
    assert ids == [one["event_id"] for one in STORY if one["visitor_id"] != "berta"], "both devices, no other"
    assert [one.position.timestamp_ms - t(20) for one in found if one.position] == [0, 1, 3, 4, 5]


def test_messages_missing_from_the_topics_are_named() -> None:
    with pytest.raises(BadInput, match="hold no event at or called raw:7:9"):
        why_slice.messages_around("raw:7:9", {})


def asked(*arguments: str) -> Any:
    return CliRunner().invoke(why.main, [*arguments, "--set", "scoring=false"])


@pytest.fixture
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "running", lambda url: (None, {}))


def test_the_command_says_that_all_is_taken(no_job: None) -> None:
    result = asked("--slice", f"{RAW}:1:1")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("taken: 5 events in ") and "takes it all" in result.output


def test_the_command_says_where_the_engine_fails(no_job: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Pack, visitor: Any, session: Any, found: Any, *more: Any) -> None:
        if found.event_type == "purchase":
            raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Pack, "on_event", fail)
    result = asked("--slice", STORY[5]["event_id"])
    assert result.exit_code == 3, result.output
    assert (
        f"fails here, too: a defect: VisitorsLogic.take failed with ZeroDivisionError at purchase {STORY[5]['event_id']}"
        in result.output
    )
    assert f"({RAW}:1:2)" in result.output, "the position, though it was asked for by its id"
    assert "in fail" in result.output and "ZeroDivisionError: a defect" in result.output


def test_a_message_that_cannot_even_be_read_is_a_defect_too(
    no_job: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(value: bytes, at: int | None = None) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("jobs.offline.backfill.read_event", fail)
    monkeypatch.setattr(why_slice, "read_event", fail)
    result = asked("--slice", f"{RAW}:1:2")
    assert result.exit_code == 3 and "a message cannot be read: RecursionError" in result.output, (
        result.output
    )


def test_a_visitor_or_a_slice_and_not_both(no_job: None) -> None:
    assert asked().exit_code == asked("anna", "--slice", f"{RAW}:1:1").exit_code == 2


def test_unusable_models_score_no_visitor(tmp_path: Any) -> None:
    engine = why_slice.engine_of(Settings(model_dir=str(tmp_path)))
    assert not engine.visitors_logic.options.scoring
    assert why_slice.engine_of(Settings()).visitors_logic.options.scoring
