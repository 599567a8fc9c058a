"""When models are asked, what comes of their answers, and what is in a visitor's document."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import orjson
import pytest

from connectors.contracts.scores import score_id
from connectors.contracts.signals import Signal
from state.engine import Engine
from state.logic import Out
from state.options import KINDS, Options
from state.visitor import Moment, Score
from state.visitors.models import end_of_step
from state.visitors.scoring import BatchScorer, Request, matrix
from tests.engine_runs import (
    HOUR,
    MINUTE,
    T0,
    Document,
    answer,
    documents,
    event,
    lines,
    run,
    scorer,
    written,
)
from tests.segment_files import segments_of

STEP = Options().visitor_step_ms


def visit(*kinds: str, gap: int = 1_000) -> list[Document]:
    return [event("v", kind, index * gap) for index, kind in enumerate(kinds)]


def asked(events: list[Document], model: str = "purchase_intent", **options: Any) -> list[int]:
    """Numbers of the events at which a model was asked."""
    out = run(lines(events), options=Options(bounded=True, **options), scorer=scorer())
    return [one["event_no"] for one in documents(out, "score") if one["kind"] == model]


def test_intent_is_asked_at_the_moments_that_it_learnt_from() -> None:
    views = ["page_view"] * 12
    assert asked(visit(*views)) == [5, 10]
    assert asked(visit(*views), score_every_events=0) == []
    assert asked(visit(*views), score_max_events=9) == [5]
    assert asked(visit("add_to_cart", "add_to_cart", "checkout_start", "checkout_step")) == [1, 3]
    assert asked(visit("checkout_step", "purchase", *views)) == [1]


def test_churn_is_asked_when_a_session_has_ended() -> None:
    events = [*visit("page_view", "page_view"), event("v", "page_view", HOUR)]
    out = run(lines(events), scorer=scorer())
    found = [one for one in documents(out, "score") if one["kind"] == "churn_risk"]
    assert [one["scored_at_ms"] - T0 for one in found] == [30 * MINUTE + 1_000, 90 * MINUTE]
    assert [one["event_no"] for one in found] == [2, 1]
    assert all(one["session_ended"] for one in found)


def test_a_score_is_the_answer_and_the_features_that_it_was_made_of() -> None:
    out = run(lines(visit(*["page_view"] * 5)), scorer=scorer())
    found = next(one for one in documents(out, "score") if one["kind"] == "purchase_intent")
    features = next(
        one for one in documents(out, "features") if one["event_no"] == 5 and "session_ended" not in one
    )
    assert found["score_id"] == score_id("purchase_intent", "v", found["event_id"])
    assert {name: value for name, value in found.items() if name in features and name != "schema"} == {
        name: value for name, value in features.items() if name != "schema"
    }


def answers_in_turn(*bands: str) -> BatchScorer:
    """Purchase intent has these bands, one moment after the other; churn risk is never high."""
    left = list(bands)

    def score(names: list[str], moments: list[Moment]) -> list[Document]:
        found = []
        for name, moment in zip(names, moments, strict=True):
            band = left.pop(0) if name == "purchase_intent" else "medium"
            found.append(answer(name, moment) | {"evidence": {"band": band}})
        return found

    return BatchScorer(score)


def test_a_high_score_makes_a_signal_and_a_low_one_retracts_it() -> None:
    events = visit(*["page_view"] * 30)
    out = run(
        lines(events), pack=None, scorer=answers_in_turn("low", "medium", "high", "medium", "low", "high")
    )
    found = documents(out, "signal")
    assert [one["status"] for one in found] == ["active", "active", "retracted", "active"]
    assert len({one["signal_id"] for one in found}) == 1
    assert [one["version"] - T0 for one in found] == [14_000, 19_000, 24_000, 29_000]
    for one in found:
        Signal.model_validate(one)


def test_a_signal_of_another_session_is_another_one() -> None:
    events = visit(*["page_view"] * 5) + [event("v", "page_view", HOUR + at) for at in range(10)]
    out = run(lines(events), pack=None, scorer=answers_in_turn("high", "low", "low"))
    assert [one["status"] for one in documents(out, "signal")] == ["active"]


def test_waiting_questions_are_answered_in_one_call_when_the_slice_is_over() -> None:
    calls: list[int] = []

    def score(names: list[str], moments: list[Moment]) -> list[Document]:
        calls.append(len(names))
        return [answer(*each) for each in zip(names, moments, strict=True)]

    events = [event(f"v{number}", "add_to_cart", number) for number in range(200)]
    engine = Engine(Options(), None, BatchScorer(score))
    out = engine.take(lines(events), None, T0 + MINUTE)
    assert calls == [200]
    assert len(documents(out, "score")) == 200


def test_a_question_outlives_a_restart() -> None:
    engine = Engine(Options(), None, scorer(), buckets=1)
    bucket = engine.visitors[0]
    items = engine.visitors_logic.items(
        [row for row in _judged(engine, [event("v", "add_to_cart", 5)])], None, False, Out()
    )
    bucket.take(items, T0 + MINUTE, out := Out())
    assert documents(out, "score") == []
    bucket.live.clear()
    other = Engine(Options(), None, scorer(), buckets=1)
    other.visitors[0].store = bucket.store
    restored = type(bucket)(0, other.visitors_logic, bucket.store, {}, other.counts[1])
    assert restored.next_due() == T0 + MINUTE - 1
    restored.settle(T0 + MINUTE, out)
    (found,) = documents(out, "score")
    assert found["scored_at_ms"] == T0 + 5


def _judged(engine: Engine, events: list[Document]) -> list[bytes]:
    out = Out()
    engine.devices[0].take(engine.devices_logic.items(lines(events), None, False, out), T0 + MINUTE, out)
    return [document.body for document in out.documents if document.kind == "judged"]


def test_what_a_model_takes_is_what_it_was_trained_with() -> None:
    out = run(lines(visit("page_view")))
    found = documents(out, "features")[0]
    moment = Moment(
        found["event_time_ms"], found["session_id"], found["event_id"], 1, "search", 0, [0],
        b"\x00\x00\x80?" * 55, device="Mobile", channel="Organic Search",
    )  # fmt: skip
    (row,) = matrix([moment])
    assert row[:55].tolist() == [1.0] * 55
    assert row[55:].sum() == 3  # is_mobile, from_organic, last_search


# ------------------------------------------------------------------------------------------ clusters


def clustering() -> BatchScorer:
    """A model of clusters that says how many events the visitor's session had; the others as ever."""

    def answered(name: str, moment: Moment) -> Document:
        if name != "visitor_cluster":
            return answer(name, moment)
        said = {"band": "low", "cluster": f"of_{moment.event_no}"}
        return {"model": {"name": name, "version": "7", "sha256": "0" * 64}, "score": 0.25, "evidence": said}

    def score(names: list[str], moments: list[Moment]) -> list[Document]:
        return [answered(*each) for each in zip(names, moments, strict=True)]

    return BatchScorer(score, lambda model: model == "visitor_cluster")


@pytest.mark.parametrize("slice_ms", [50, MINUTE, HOUR])
def test_a_visitor_s_cluster_is_asked_for_when_a_session_has_ended(slice_ms: int) -> None:
    events = [*visit("page_view", "page_view"), event("v", "page_view", HOUR)]
    for values in (lines(events), lines(events)[::-1] * 2):
        out = run(values, slice_ms, scorer=clustering())
        found = [one for one in documents(out, "score") if one["kind"] == "visitor_cluster"]
        assert [one["evidence"]["cluster"] for one in found] == ["of_2", "of_1"]
        assert [one["scored_at_ms"] - T0 for one in found] == [30 * MINUTE + 1_000, 90 * MINUTE]
        assert not [one for one in documents(out, "signal") if one["kind"] == "visitor_cluster"]
        last = max(documents(out, "visitor"), key=lambda one: one["version"])
        assert last["scores"][-1] == {
            "model": "visitor_cluster", "version": "7", "score": 0.25, "scored_at_ms": T0 + 90 * MINUTE, "cluster": "of_1",
        }  # fmt: skip


def test_without_clusters_the_engine_asks_for_none() -> None:
    out = run(lines(visit("page_view")), scorer=scorer())
    assert {one["kind"] for one in documents(out, "score")} == {"churn_risk"}


def test_a_question_whose_model_is_gone_leads_to_nothing() -> None:
    gone = BatchScorer(
        lambda names, moments: [
            {} if name == "visitor_cluster" else answer(name, moment)
            for name, moment in zip(names, moments, strict=True)
        ],
        lambda model: True,
    )
    out = run(lines(visit("page_view", "page_view")), scorer=gone)
    assert [one["kind"] for one in documents(out, "score")] == ["churn_risk"]
    assert [one["model"] for one in documents(out, "visitor")[-1]["scores"]] == ["churn_risk"]


def test_scores_of_before_clusters_are_read_and_those_of_now_come_back() -> None:
    old = msgspec.msgpack.encode(["3", 0.5, 7])
    assert msgspec.msgpack.decode(old, type=Score) == Score("3", 0.5, 7)
    now = Score("3", 0.5, 7, "cluster_2")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(now), type=Score) == now


# -------------------------------------------------------------------------------- the visitor's document


def visitors(events: list[Document], **arguments: Any) -> list[Document]:
    return documents(run(lines(events), **arguments), "visitor")


def test_a_document_is_written_once_a_step_in_which_something_changed() -> None:
    last = end_of_step("v", T0, STEP) - T0
    events = [event("v", "page_view", at) for at in (0, last - 1, last, last + 1, last + 5 * STEP)]
    found = visitors(events)
    assert [one["version"] - T0 for one in found] == [last, last + 1, last + 5 * STEP]
    assert [one["features"]["event_no"] for one in found] == [3, 4, 5]
    assert all("scores" not in one for one in visitors(events, options=Options(scoring=False)))


def test_visitors_of_one_moment_are_not_all_written_at_another() -> None:
    ends = Counter(end_of_step(f"v-{number}", T0, STEP) for number in range(6_000))
    assert len(ends) == 60 and max(ends.values()) < 200
    assert all(T0 <= end < T0 + STEP for end in ends)


def test_a_session_s_end_is_a_change_where_a_model_is_asked() -> None:
    events = visit("page_view", "page_view")
    first, last = visitors(events, scorer=scorer())
    assert (first["scores"], first["version"] - T0) == ([], 1_000)
    assert [one["model"] for one in last["scores"]] == ["churn_risk"]
    assert last["version"] == last["features"]["closed_at_ms"] == T0 + 1_000 + 30 * MINUTE
    assert last["last_seen_ms"] == T0 + 1_000


def test_a_document_waits_for_the_answers_of_its_time() -> None:
    events = [event("v", "add_to_cart", 0), event("v", "page_view", STEP)]
    for slice_ms in (50, STEP, HOUR):
        found = visitors(events, slice_ms=slice_ms, scorer=scorer())
        assert [[one["model"] for one in row["scores"]] for row in found][:2] == [["purchase_intent"]] * 2


def test_a_document_never_rolls_a_visitor_back() -> None:
    options = Options(bounded=True, session_max_events=3)
    events = [event("v", "page_view", at * 40_000) for at in range(20)]
    found = visitors(events, options=options, scorer=scorer())
    versions = [one["version"] for one in found]
    assert versions == sorted(versions)
    assert found[-1]["last_seen_ms"] == T0 + 19 * 40_000


def test_a_visitor_s_document_has_the_members_of_the_index() -> None:
    found = visitors([event("v", "page_view", 0, context={"device": "tv", "os": "x", "country": "DE"})])[0]
    assert found["context"] == {"device": "tv", "country": "DE"}
    assert set(found) == {
        "visitor_id", "session_id", "first_seen_ms", "last_seen_ms", "context", "features", "scores", "version",
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS - {"late", "rejected", "alias"}))
def test_a_document_without_readers_is_not_made(kind: str) -> None:
    events = visit("add_to_cart", *["page_view"] * 20)
    made = {"scorer": scorer(), "segments": segments_of()}
    whole = written(run(lines(events), **made))
    out = written(run(lines(events), options=Options(bounded=True, emits=KINDS - {kind}), **made))
    assert out == {key: times for key, times in whole.items() if key[0] != kind}
    assert any(key[0] == kind for key in whole)


def test_the_key_of_a_question_is_what_its_score_is_found_under() -> None:
    moment = Moment(1, "s", "e", 1, "search", 0, [], b"")
    assert Request("m", "v", moment).key == ("m", "v", "e")
    assert orjson.loads(orjson.dumps(answer("m", moment)))["score"] == 0.1
