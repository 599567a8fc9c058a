"""Content: what is refused and how it is told; what is decided, and that it is decided the same again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.content.deciding import Snapshot, decide, withdrawn
from services.content.folder import ContentFolder
from services.content.loading import BadContent, Content, load
from services.decisions import Decision, again
from services.view import Fact

NOW_MS = 1_700_000_000_000
GOOD = """\
slots:
  banner:
    fields: {headline: text, link: link, count: number, sale: flag}
    default:
      en: {headline: Hello, link: /, count: 1, sale: false}
content:
  - name: first
    slot: banner
    priority: 1
    when: {signals: [cart_abandoned], scores: {intent: {at_least: 0.5, below: 0.9}}}
    unless: {segments: [lapsed]}
    cap: {times: 2, within_ms: 60000}
    begins: 2023-01-01T00:00:00Z
    ends: 2024-01-01T00:00:00Z
    texts:
      en: {headline: Cart, link: /cart, count: 2, sale: true}
      de: {headline: Korb, link: /cart, count: 2, sale: true}
  - name: second
    slot: banner
    priority: 2
    experiment: {experiment: colours, arm: red}
    texts:
      en: {headline: Red, link: /, count: 0, sale: false}
"""


def folder(tmp_path: Path, text: str = GOOD, name: str = "a.yaml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def fact(kind: str = "cart_abandoned", status: Any = "active", denied: bool = False) -> Fact:
    return Fact("0" * 32, kind, status, 1, NOW_MS - 1, NOW_MS + 1_000, None, denied)


def snapshot(**members: Any) -> Snapshot:
    return Snapshot("v", **{"signals": (fact(),), "scores": {"intent": 0.5}, **members})


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return load(folder(tmp_path))


def test_the_shipped_content_is_right() -> None:
    assert load().slots.keys() == {"cart_banner", "home_hero", "product_row"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("priority: 1", "priority: high", "a.yaml:9: content.0.priority: Input should be a valid integer"),
        ("priority: 1", "prio: 1", "a.yaml:9: content.0.prio: unknown key"),
        (
            "slot: banner\n    priority: 1",
            "slot: hero\n    priority: 1",
            "a.yaml:8: content.0.slot: one of banner",
        ),
        (
            "headline: Cart",
            "headline: <b>Cart</b>",
            "a.yaml:16: content.0.texts.en.headline: plain text is required",
        ),
        ("headline: Cart", "headline: '{{ name }}'", "plain text is required"),
        (
            "link: /cart",
            "link: 'javascript:alert(1)'",
            "content.0.texts.en.link: a path (/cart) or an address",
        ),
        ("link: /cart", "link: //elsewhere.example", "content.0.texts.en.link: a path"),
        (
            "count: 2, sale: true}\n      de",
            "sale: true}\n      de",
            "a.yaml:16: content.0.texts.en: field count is required",
        ),
        (
            "count: 2, sale: true}\n      de",
            "count: 2, sale: 1}\n      de",
            "texts.en.sale: true or false is required, 1 came",
        ),
        ("headline: Hello", "headline: 7", "a.yaml:5: slots.banner.default.en.headline: a text of 1 to 500"),
        ("name: second", "name: first", "a.yaml:18: content.1.name: first is in a.yaml already"),
        ("at_least: 0.5, below: 0.9", "", "content.0.when.scores.intent: at_least or below is required"),
        ("2024-01-01", "2022-01-01", "content.0: begins must be before ends"),
        ("times: 2", "times: 0", "a.yaml:12: content.0.cap.times"),
        ("- name: first", "- name first", "a.yaml:8: not YAML"),
        (GOOD, "7", "a mapping of slots and content is required"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(BadContent) as refused:
        load(folder(tmp_path, GOOD.replace(old, new)))
    assert problem in str(refused.value)


def test_names_are_unique_across_files_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadContent, match="no content"):
        load(tmp_path)
    folder(tmp_path), folder(tmp_path, GOOD, "b.yaml")
    with pytest.raises(BadContent, match=r"b.yaml:2: slots.banner: is in a.yaml already"):
        load(tmp_path)


def test_a_wrong_file_leaves_what_runs_and_a_right_one_takes_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    followed = ContentFolder(str(folder(tmp_path)))
    before = followed.content
    folder(tmp_path, GOOD.replace("headline: Cart", "headline: <i>"))
    followed.look()
    assert followed.content is before and followed.refused == 1 and "a.yaml:16" in caplog.text
    folder(tmp_path, GOOD.replace("headline: Cart", "headline: Basket"))
    os.utime(tmp_path / "a.yaml", ns=(1, 1))
    followed.look()
    assert followed.content.version != before.version and followed.refused == 1


@pytest.mark.parametrize(
    ("members", "arms", "now_ms", "expected"),
    [
        ({}, {}, NOW_MS, ("signal", "first", {})),
        ({"signals": (fact("other"), fact())}, {}, NOW_MS, ("signal", "first", {})),
        ({"signals": ()}, {}, NOW_MS, ("default", None, {"first": "not_called", "second": "other_arm"})),
        (
            {"signals": (fact(status="retracted"),)},
            {"colours": "red"},
            NOW_MS,
            ("always", "second", {"first": "not_called"}),
        ),
        (
            {"signals": (fact(denied=True),)},
            {},
            NOW_MS,
            ("default", None, {"first": "not_called", "second": "other_arm"}),
        ),
        (
            {"scores": {"intent": 0.9}},
            {"colours": "red"},
            NOW_MS,
            ("always", "second", {"first": "not_called"}),
        ),
        (
            {"scores": {}},
            {"colours": "blue"},
            NOW_MS,
            ("default", None, {"first": "not_called", "second": "other_arm"}),
        ),
        ({"segment": "lapsed"}, {"colours": "red"}, NOW_MS, ("always", "second", {"first": "forbidden"})),
        (
            {"shown": {"first": [NOW_MS - 59_999] * 2}},
            {"colours": "red"},
            NOW_MS,
            ("always", "second", {"first": "capped"}),
        ),
        ({"shown": {"first": [NOW_MS - 60_000] * 2}}, {}, NOW_MS, ("signal", "first", {})),
        ({}, {"colours": "red"}, 1_672_531_199_999, ("always", "second", {"first": "not_yet"})),
        ({}, {"colours": "red"}, 1_704_067_200_000, ("always", "second", {"first": "over"})),
        (
            {"known": False, "signals": ()},
            {},
            NOW_MS,
            ("unknown_visitor", None, {"first": "not_called", "second": "other_arm"}),
        ),
    ],
)
def test_what_is_decided_and_why(
    content: Content, members: dict[str, Any], arms: dict[str, str], now_ms: int, expected: tuple[Any, ...]
) -> None:
    (answer,) = decide(snapshot(**members), content, arms, now_ms, ["banner"], "en")
    assert (answer.reason, answer.content, answer.passed_over) == expected


def test_an_unknown_slot_gets_nothing_and_a_reason(content: Content) -> None:
    answers = decide(snapshot(), content, {}, NOW_MS, ["nowhere", "banner"], "de-AT")
    assert [(one.reason, one.fields.get("headline")) for one in answers] == [
        ("unknown_slot", None),
        ("signal", "Korb"),
    ]
    assert answers[1].because is not None and answers[1].because.signal_id == "0" * 32


def test_a_visitor_of_the_hold_out_is_exposed_too(content: Content) -> None:
    for arm in ("red", "blue"):
        (answer,) = decide(snapshot(signals=()), content, {"colours": arm}, NOW_MS, ["banner"], "en")
        assert answer.exposed == {"colours": arm}
    (answer,) = decide(snapshot(), content, {"colours": "blue"}, NOW_MS, ["banner"], "en")
    assert answer.exposed == {}  # the answer did not hang on it


_FACTS = st.builds(
    fact,
    st.sampled_from(["cart_abandoned", "other"]),
    st.sampled_from(["active", "recovered"]),
    st.booleans(),
)
_SNAPSHOTS = st.builds(
    Snapshot,
    st.just("v"),
    st.lists(_FACTS, max_size=3).map(tuple),
    st.sampled_from([None, "lapsed", "new"]),
    st.dictionaries(st.just("intent"), st.floats(0, 1)),
    st.dictionaries(st.just("first"), st.lists(st.integers(NOW_MS - 120_000, NOW_MS), max_size=3)),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    found=_SNAPSHOTS,
    arms=st.sampled_from([{}, {"colours": "red"}, {"colours": "blue"}]),
    now_ms=st.integers(0, 2**42),
)
def test_a_line_of_the_log_decides_the_same_again(found: Snapshot, arms: dict[str, str], now_ms: int) -> None:
    content = load()
    answers = decide(found, content, arms, now_ms, ["cart_banner", "home_hero", "nowhere"], "de")
    line = msgspec.json.encode(Decision(now_ms, content.version, "de", found, arms, answers))
    assert again(line, content) == answers
    lost = Decision(
        now_ms, content.version, "de", found, arms, withdrawn(answers, content, "de"), ["exposures"]
    )
    assert again(msgspec.json.encode(lost), content) == lost.answers
    assert all(
        (one.content is None) == (one.reason in ("default", "unknown_visitor", "unknown_slot"))
        for one in answers
    )


def test_a_line_of_other_content_is_not_decided_again(content: Content) -> None:
    line = msgspec.json.encode(Decision(NOW_MS, "other", "en", snapshot(), {}, []))
    with pytest.raises(ValueError, match="content other is required"):
        again(line, content)


def test_the_global_holdout_sees_defaults_and_both_are_exposed_at_the_same_moment(content: Content) -> None:
    for arm, reason, passed in (("open", "signal", {}), ("held_out", "default", "held_out")):
        (answer,) = decide(snapshot(), content, {"holdout": arm}, NOW_MS, ["banner"], "en")
        assert (answer.reason, answer.exposed["holdout"]) == (reason, arm)
        assert answer.passed_over.get("first", {}) == passed
    (answer,) = decide(
        snapshot(signals=(), segment="lapsed"), load(), {"holdout": "open"}, NOW_MS, ["cart_banner"], "en"
    )
    assert answer.exposed == {}  # nothing is called for


def test_an_exposure_that_is_lost_withdraws_only_what_hung_on_it(content: Content) -> None:
    answers = decide(snapshot(signals=()), content, {"colours": "red"}, NOW_MS, ["banner"], "en")
    answers += decide(snapshot(), content, {"colours": "red"}, NOW_MS, ["banner"], "en")
    first, second = withdrawn(answers, content, "en")
    assert (first.reason, first.content, first.fields["headline"]) == ("not_exposed", None, "Hello")
    assert second == answers[1]
