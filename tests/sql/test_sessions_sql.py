"""Sessions: exact at the gap, the same in every order of arrival, in the contract's words."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from connectors.events import EVENT_TYPES
from connectors.sessions import CUSTOM_COUNT, GAP_MS, Session, session_id
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import ORDERS, Stories, cart, event, page, purchase, t

GAP_MIN = GAP_MS // 60_000
EVERY_TYPE = [*EVENT_TYPES, "custom:wishlist", "custom:favourite"]
STORIES = Stories()


class Answers:
    """The rows of one run."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.rows = rows

    def sessions(self, visitor: str) -> list[tuple[int, int, int]]:
        """(started_at_ms, ended_at_ms, events) in order of time."""
        mine = [row for row in self.rows["sessions"] if row["visitor_id"] == visitor]
        return sorted((row["started_at_ms"], row["ended_at_ms"], row["events"]) for row in mine)

    def documents(self) -> list[Session]:
        """Every session document, as the contract reads it."""
        return [Session.model_validate_json(row["document"]) for row in self.rows["session_documents"]]


@pytest.fixture(scope="module", params=ORDERS)
def answers(flink: Flink, request: pytest.FixtureRequest) -> Answers:
    arrange, settings = ORDERS[request.param]
    return Answers(flink.run(arrange(STORIES.events), ["sessions", "session_documents"], **settings))


@STORIES.tell(page("alone", t(0)))
def test_one_event_is_a_session(answers: Answers) -> None:
    assert answers.sessions("alone") == [(t(0), t(0), 1)]


@STORIES.tell(page("below", t(0)), page("below", t(GAP_MIN, ms=-1)))
def test_a_gap_of_a_millisecond_less_merges(answers: Answers) -> None:
    assert answers.sessions("below") == [(t(0), t(GAP_MIN, ms=-1), 2)]


@STORIES.tell(page("exact", t(0)), page("exact", t(GAP_MIN)))
def test_a_gap_of_exactly_the_session_gap_merges(answers: Answers) -> None:
    assert answers.sessions("exact") == [(t(0), t(GAP_MIN), 2)]


@STORIES.tell(page("above", t(0)), page("above", t(GAP_MIN, ms=1)))
def test_a_gap_of_a_millisecond_more_splits(answers: Answers) -> None:
    assert answers.sessions("above") == [(t(0), t(0), 1), (t(GAP_MIN, ms=1), t(GAP_MIN, ms=1), 1)]


@STORIES.tell(*(page("long", t(minute)) for minute in range(0, 1440, GAP_MIN)))
def test_a_session_goes_on_as_long_as_no_gap_is_longer(answers: Answers) -> None:
    assert answers.sessions("long") == [(t(0), t(1440 - GAP_MIN), 48)]


@STORIES.tell(*(page("ceaseless", t(minute)) for minute in range(0, 3000, GAP_MIN)))
def test_a_session_is_closed_after_a_day(answers: Answers) -> None:
    days = [(t(0), t(1410), 48), (t(1440), t(2850), 48), (t(2880), t(2970), 4)]
    assert answers.sessions("ceaseless") == days


# The bridge happened before the later event and comes in after it: two open sessions become one.
@STORIES.tell(
    page("bridged", t(0)), page("bridged", t(GAP_MIN, ms=1_000)), page("bridged", t(GAP_MIN), delay_ms=1_900)
)
def test_a_row_out_of_order_bridges_two_sessions(answers: Answers) -> None:
    assert answers.sessions("bridged") == [(t(0), t(GAP_MIN, ms=1_000), 3)]


@STORIES.tell(page("anna", t(0)), page("bert", t(20)), page("anna", t(GAP_MIN, ms=1)), page("bert", t(50)))
def test_two_visitors_do_not_mix(answers: Answers) -> None:
    assert answers.sessions("anna") == [(t(0), t(0), 1), (t(GAP_MIN, ms=1), t(GAP_MIN, ms=1), 1)]
    assert answers.sessions("bert") == [(t(20), t(50), 2)]


@STORIES.tell(page("tie", t(0)), page("tie", t(0), sequence=1), cart("tie", t(0), sequence=2))
def test_events_of_one_millisecond_all_count(answers: Answers) -> None:
    assert answers.sessions("tie") == [(t(0), t(0), 3)]


@STORIES.tell(
    *(event("types", kind, t(0), sequence=place) for place, kind in enumerate(EVERY_TYPE)),
    page("types", t(1)),
    purchase("types", t(2)),
    purchase("types", t(3)),
)
def test_every_type_is_counted_under_its_name_and_custom_ones_together(answers: Answers) -> None:
    (found,) = [session for session in answers.documents() if session.visitor_id == "types"]
    expected = Counter(EVENT_TYPES) + Counter({CUSTOM_COUNT: 2, "page_view": 1, "purchase": 2})
    assert found.counts == expected
    assert found.events == expected.total()


@STORIES.tell(page("id 'quoted' \"é\" 😀\t\\", t(7)))
def test_the_session_id_is_the_contracts_for_any_visitor_id(answers: Answers) -> None:
    for row, session in zip(answers.rows["session_documents"], answers.documents(), strict=True):
        assert (
            session.session_id == row["session_id"] == session_id(session.visitor_id, session.started_at_ms)
        )
        assert row["visitor_id"] == session.visitor_id


def test_every_document_is_what_the_contract_says(answers: Answers) -> None:
    documents = answers.documents()
    assert len(documents) == len(answers.rows["sessions"]) > 0
    for row, session in zip(answers.rows["session_documents"], documents, strict=True):
        whole_day = session.visitor_id in ("long", "ceaseless") and session.events == 48
        assert session.close_reason == ("max_duration" if whole_day else "gap")
        assert session.version == row["version"] == session.ended_at_ms
        assert session.to_document() == orjson.loads(row["document"])
