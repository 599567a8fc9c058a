"""A defect inside the engine is named by the position of its event and by what was being done, never by whose it is."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import EngineDefect, StateTooNew
from state.bucket import Bucket, Counts, DictStore, taken
from state.devices.logic import DevicesLogic
from state.engine import Engine
from state.events import read_event
from state.logic import NEVER, SourcePosition
from state.options import Options
from state.visitors.logic import VisitorsLogic
from tests.engine_runs import FOREVER, MINUTE, event, lines, shipped

WHO = "anna-of-the-shop"
VIEW, BUY = event(WHO, "page_view", 0), event(WHO, "purchase", 5, order={"revenue": 7})
VIEW["event_id"], BUY["event_id"] = "e-1", "e-2"
POSITIONS = [SourcePosition("footfall.events.raw", 3, offset, 1_700_000_000_000) for offset in (70, 71)]


def engine(**more: Any) -> Engine:
    return Engine(FOREVER, shipped(), **more)


def fail(*_: Any, **__: Any) -> None:
    raise KeyError(WHO)


def message_of(error: pytest.ExceptionInfo[EngineDefect]) -> str:
    assert isinstance(error.value.__cause__, KeyError)
    assert WHO not in str(error.value), "whose an event is, is personal"
    return str(error.value)


def test_a_defect_names_the_event_position_and_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped(), "on_event", lambda visitor, session, found, *_: found.kind == 0 or fail())
    with pytest.raises(EngineDefect) as error:
        engine().take(lines([VIEW, BUY]), POSITIONS, BUY["event_time_ms"] + 1)
    message = message_of(error)
    assert message.startswith(
        "a defect: VisitorsLogic.take failed with KeyError at purchase e-2 of 2023-11-14 00:00:00 UTC"
    )
    assert (
        "(footfall.events.raw:3:71)" in message and "scripts/why --slice footfall.events.raw:3:71`" in message
    )


def test_a_defect_when_something_is_due_names_the_visitors_last_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipped(), "on_session_end", fail)
    with pytest.raises(EngineDefect) as error:
        engine().run(lines([VIEW]), MINUTE)
    assert "VisitorsLogic.settle" in message_of(error) and "scripts/why --slice e-1`" in message_of(error)


def test_a_defect_before_an_event_is_one_of_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped(), "on_session_end", fail)
    later = {**BUY, "event_time_ms": BUY["event_time_ms"] + 90 * MINUTE}
    with pytest.raises(EngineDefect) as error:
        engine().take(lines([VIEW, later]), POSITIONS, later["event_time_ms"] + 1)
    assert "VisitorsLogic.settle" in message_of(error) and "footfall.events.raw:3:71" in message_of(error)


def test_a_defect_at_a_late_event_and_of_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DevicesLogic, "take_late", lambda self, *_: fail())
    found = engine()
    with pytest.raises(EngineDefect) as error:
        found.take_late(lines([BUY]), POSITIONS[1:])
    assert "footfall.events.raw:3:71" in message_of(error)


def test_a_value_that_cannot_be_read_is_found_among_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "state.devices.logic.read_event",
        lambda value, at: fail() if b"e-2" in value else read_event(value, at),
    )
    bucket = Bucket(0, DevicesLogic(FOREVER, 1), DictStore(), {}, Counts())
    with pytest.raises(EngineDefect, match=r"DevicesLogic.items .* \(footfall.events.raw:3:71\)") as error:
        taken(bucket, lines([VIEW, BUY]), POSITIONS, NEVER, late=False)
    assert message_of(error)


def test_what_is_foreseen_and_what_is_not_the_logics_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found = event("v", "page_view", 0)

    def refuse(*_: Any) -> None:
        raise StateTooNew("run the newer release")

    for error, verb in ((StateTooNew, "take"), (KeyError, "entity")):
        logic = VisitorsLogic(Options(), shipped(), None, lambda: 0)
        bucket = Bucket(0, logic, DictStore(), {}, Counts())
        with monkeypatch.context() as patch:
            if verb == "take":
                patch.setattr(VisitorsLogic, verb, refuse)
            else:
                patch.setattr(bucket, verb, fail)
            with pytest.raises(error):
                taken(bucket, lines([found]), None, NEVER, late=False)
