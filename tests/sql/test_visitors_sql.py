"""Whose an event is, whether it may be used, and who is a bot: stories, random streams, an oracle."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connectors.signals import Signal, signal_id
from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import MINUTE, ORDERS, Document, Stories, cart, event, page, purchase, t
from tests.visitor_oracle import DAY_MS, Caps, judge

VIEWS = [
    "events_valid",
    "events_withheld",
    "throttles",
    "visitors_merged",
    "alias_documents",
    "signal_documents",
]
VIEWS += ["ledger", "waits_1800000", "sessions"]
CAPS = {"bot_events_per_minute": 5, "bot_events_per_day": 12, "bot_quarantine_ms": 10 * MINUTE}
BOUND_MS = 2_000
stories = Stories()


def consent(visitor: str, at_ms: int, status: str, **more: Any) -> Document:
    return event(visitor, "consent", at_ms, properties={"status": status}, **more)


def identify(visitor: str, at_ms: int, user: str, kind: str = "identify", **more: Any) -> Document:
    return event(visitor, kind, at_ms, user_id=user, **more)


@pytest.fixture(scope="module", params=ORDERS)
def rows(flink: Flink, request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    arrange, settings = ORDERS[request.param]
    return flink.run(arrange(stories.events), VIEWS, **CAPS, **settings)


@pytest.fixture(scope="module")
def valid(rows: dict[str, list[Row]]) -> dict[str, str]:
    """Canonical visitor by event id."""
    return {row["event_id"]: row["visitor_id"] for row in rows["events_valid"]}


def visitors(valid: dict[str, str], *events: Document) -> list[str | None]:
    """The canonical visitor of each event; None for one that was held back."""
    return [valid.get(event["event_id"]) for event in events]


ANNA = [page("anna", t(0)), page("anna", t(1)), identify("anna", t(1), "u-anna", sequence=1)]
ANNA += [
    page("anna", t(1), sequence=2),
    page("anna", t(1, ms=1)),
    cart("anna", t(2)),
    purchase("anna", t(3), user_id="u-anna"),
]


@stories.tell(*ANNA)
def test_a_visitor_is_the_user_from_the_identification_on(
    valid: dict[str, str], rows: dict[str, list[Row]]
) -> None:
    assert visitors(valid, *ANNA) == ["anna"] * 2 + ["u-anna"] * 5
    assert not [row for row in rows["waits_1800000"] if "anna" in row["visitor_id"]]


@pytest.mark.parametrize("kind", ["identify", "custom:login", "purchase"])
def test_what_identifies(valid: dict[str, str], kind: str) -> None:
    assert visitors(valid, *IDENTIFYING[kind]) == [f"u-{kind}"] * 2


def _identifying(kind: str) -> list[Document]:
    return [identify(f"by {kind}", t(5), f"u-{kind}", kind), page(f"by {kind}", t(6))]


IDENTIFYING = {kind: _identifying(kind) for kind in ("identify", "custom:login", "purchase")}
stories.tell(*(event for events in IDENTIFYING.values() for event in events))(lambda: None)
OTHER = [
    page("dumb", t(5), user_id="u-dumb"),
    page("dumb", t(6)),
    identify("dumb", t(7), ""),
    page("dumb", t(8)),
]


@stories.tell(*OTHER)
def test_other_events_say_whose_they_are_and_identify_nobody(valid: dict[str, str]) -> None:
    assert visitors(valid, *OTHER) == ["u-dumb", "dumb", "dumb", "dumb"]


RESOLVED = [
    page("u-carl", t(5), anonymous_id="carl", user_id="u-carl"),
    identify("u-carl", t(6), "u-carl", anonymous_id="carl"),
    page("u-carl", t(7), anonymous_id="carl"),
]


@stories.tell(*RESOLVED)
def test_what_the_tracker_has_resolved_stays_as_it_is(valid: dict[str, str]) -> None:
    assert visitors(valid, *RESOLVED) == ["u-carl"] * 3


SHARED = [
    page("kiosk", t(0)),
    identify("kiosk", t(1), "u-1"),
    page("kiosk", t(2)),
    identify("kiosk", t(3), "u-2"),
]
SHARED += [page("kiosk", t(4)), identify("kiosk", t(5), "u-1", sequence=1), page("kiosk", t(6))]


@stories.tell(*SHARED)
def test_on_a_shared_device_the_last_identification_wins(
    valid: dict[str, str], rows: dict[str, list[Row]]
) -> None:
    assert visitors(valid, *SHARED) == ["kiosk", "u-1", "u-1", "u-2", "u-2", "u-1", "u-1"]
    merged = [
        (row["user_id"], row["users_of_device"])
        for row in rows["visitors_merged"]
        if row["device_id"] == "kiosk"
    ]
    assert sorted(merged) == [("u-1", 1), ("u-2", 2)]


STORM = [identify(f"storm {number:03}", t(number / 10), "u-storm") for number in range(300)]


@stories.tell(*STORM)
def test_a_storm_of_merges_gives_one_signal_and_alias_for_each_device(rows: dict[str, list[Row]]) -> None:
    signals = [row for row in rows["signal_documents"] if row["visitor_id"] == "u-storm"]
    aliases = [row for row in rows["alias_documents"] if row["visitor_id"] == "u-storm"]
    assert len(signals) == len({row["signal_id"] for row in signals}) == len(STORM)
    assert len(aliases) == len({row["alias_id"] for row in aliases}) == len(STORM)


def test_a_merge_is_a_signal_of_the_user_about_the_device(rows: dict[str, list[Row]]) -> None:
    documents = [orjson.loads(row["document"]) for row in rows["signal_documents"]]
    (merged,) = [one for one in documents if (one["kind"], one["visitor_id"]) == ("visitor_merged", "u-anna")]
    signal = Signal.model_validate(merged)
    assert signal.signal_id == signal_id("visitor_merged", "visitor_merged", "u-anna", "anna")
    assert signal.occurred_at_ms == signal.version == t(1)
    assert signal.evidence == {
        "anonymous_id": "anna", "event_id": ANNA[2]["event_id"], "users_of_anonymous_id": 1,
    }  # fmt: skip


DENIED = [page("dora", t(0)), cart("dora", t(1)), consent("dora", t(1), "denied", sequence=1)]
DENIED += [page("dora", t(1), sequence=2)]
DENIED += [
    purchase("dora", t(2)),
    consent("dora", t(3), "granted"),
    page("dora", t(3), sequence=1),
    page("dora", t(4)),
]


@stories.tell(*DENIED)
def test_between_denial_and_grant_only_words_on_consent_pass(valid: dict[str, str]) -> None:
    assert visitors(valid, *DENIED) == ["dora"] * 3 + [None, None] + ["dora"] * 3


MUMBLED = [consent("emil", t(1), "denied", sequence=0), consent("emil", t(1), "granted", sequence=1)]
MUMBLED += [page("emil", t(1), sequence=2), consent("emil", t(2), "perhaps"), page("emil", t(2), sequence=1)]


@stories.tell(*MUMBLED)
def test_the_last_word_of_a_millisecond_counts_and_an_unknown_one_is_none(valid: dict[str, str]) -> None:
    assert visitors(valid, *MUMBLED) == ["emil"] * 5


EVERYWHERE = [identify("fred phone", t(0), "u-fred"), identify("fred laptop", t(1), "u-fred")]
EVERYWHERE += [
    consent("fred phone", t(2), "denied"),
    page("fred laptop", t(3)),
    page("u-fred", t(4), user_id="u-fred"),
]
EVERYWHERE += [
    consent("fred laptop", t(5), "granted"),
    page("fred laptop", t(6)),
    page("u-fred", t(7), user_id="u-fred"),
]
EVERYWHERE += [page("fred phone", t(8))]


@stories.tell(*EVERYWHERE)
def test_a_users_word_counts_on_all_devices_and_withdrawal_unlinks_the_device(valid: dict[str, str]) -> None:
    assert visitors(valid, *EVERYWHERE) == [
        "u-fred", "u-fred", "fred phone", "u-fred", "u-fred", "u-fred", "u-fred", "u-fred", None,
    ]  # fmt: skip


ERASED = [page("gina", t(0)), identify("gina", t(1), "u-gina"), page("gina", t(2))]
ORDER = [consent(visitor, t(3), "erased", user_id=visitor) for visitor in ("gina", "u-gina")]
AFTER = [page("gina", t(3), sequence=1), identify("gina new", t(4), "u-gina"), page("gina new", t(5))]
AFTER += [consent("gina new", t(6), "granted"), page("gina new", t(7)), page("gina", t(8))]


@stories.tell(*ERASED, *ORDER, *AFTER)
def test_who_was_erased_is_held_back_on_new_devices_too_until_consent_returns(
    valid: dict[str, str], rows: dict[str, list[Row]]
) -> None:
    assert visitors(valid, *ERASED) == ["gina", "u-gina", "u-gina"]
    assert visitors(valid, *ORDER) == [None, None]
    assert visitors(valid, *AFTER) == [None, None, None, "u-gina", "u-gina", None]
    assert not [row for row in rows["visitors_merged"] if row["device_id"] == "gina new"]


RATE = [page("bot", t(10) + number, sequence=number) for number in range(5)]
RATE += [page("bot", t(11, ms=-1)), page("bot", t(11)), page("bot", t(21, ms=-2)), page("bot", t(21, ms=-1))]
CALM = [page("calm", t(10) + number, sequence=number) for number in range(5)] + [page("calm", t(11))]


@stories.tell(*RATE, *CALM)
def test_what_is_more_than_the_cap_of_a_minute_is_held_back_and_what_follows_for_the_quarantine(
    valid: dict[str, str], rows: dict[str, list[Row]]
) -> None:
    assert visitors(valid, *RATE) == ["bot"] * 5 + [None, None, None] + ["bot"]
    assert visitors(valid, *CALM) == ["calm"] * 6
    assert [row["throttled_at_ms"] for row in rows["throttles"] if row["device_id"] == "bot"] == [
        t(11, ms=-1)
    ]


DAY = t(0) // DAY_MS * DAY_MS + DAY_MS
SLOW = [page("slow", DAY + 30 * number * MINUTE) for number in range(12)]
SLOW += [
    page("slow", DAY + at_ms)
    for at_ms in (361 * MINUTE, 371 * MINUTE - 1, 382 * MINUTE, DAY_MS - 11 * MINUTE, DAY_MS)
]


@stories.tell(*SLOW)
def test_more_than_the_cap_of_a_day_is_held_back_too(
    valid: dict[str, str], rows: dict[str, list[Row]]
) -> None:
    """Who is held back still counts: each event over the cap holds back anew, until the day is over."""
    assert visitors(valid, *SLOW) == ["slow"] * 12 + [None] * 4 + ["slow"]
    told = [orjson.loads(row["document"]) for row in rows["signal_documents"] if row["visitor_id"] == "slow"]
    signals = [signal for signal in told if signal["kind"] == "bot_suspected"]
    found = sorted(signal["occurred_at_ms"] for signal in signals)
    runs = [DAY + 361 * MINUTE, DAY + 382 * MINUTE, DAY + DAY_MS - 11 * MINUTE]
    assert found == runs
    assert min(signals, key=lambda signal: signal["occurred_at_ms"])["evidence"] == {
        "events_in_minute": 1, "events_in_day": 13, "held_back_from_ms": DAY + 361 * MINUTE,
    }  # fmt: skip


FLEET = [identify("fleet 1", t(0), "u-fleet"), identify("fleet 2", t(0), "u-fleet")]
FLEET += [page("fleet 1", t(1) + number, sequence=number) for number in range(6)]
FLEET += [page("fleet 2", t(2)), page("fleet 2", t(11) + 5)]


@stories.tell(*FLEET)
def test_a_users_bot_holds_the_user_back_on_every_device(valid: dict[str, str]) -> None:
    assert visitors(valid, *FLEET) == ["u-fleet"] * 7 + [None, None, "u-fleet"]


def test_everything_is_valid_or_held_back_for_a_reason(
    rows: dict[str, list[Row]], valid: dict[str, str]
) -> None:
    letters = [orjson.loads(row["letter"]) for row in rows["events_withheld"]]
    assert len(valid) + len(letters) == len({event["event_id"] for event in stories.events})
    assert {letter["reason"] for letter in letters} == {"no_consent", "bot_quarantined"}
    newest: dict[str, Row] = {row["entry_id"]: row for row in rows["ledger"]}
    assert sum(row["events"] for row in newest.values() if row["verdict"] == "valid") == len(valid)


def test_without_a_word_nobody_gets_through_where_consent_is_required(flink: Flink) -> None:
    events = [page("mute", t(0)), consent("said", t(0), "granted"), page("said", t(0)), page("said", t(1))]
    events += [consent("late", t(1), "granted"), page("late", t(1, ms=-1))]
    arrange, settings = ORDERS["backwards"]
    rows = flink.run(arrange(events), ["events_valid"], consent_required=True, **settings)["events_valid"]
    ids = [event["event_id"] for event in (*events[1:4], events[4])]
    assert sorted(row["event_id"] for row in rows) == sorted(ids)


TYPES = (*["page_view"] * 6, "add_to_cart", "identify", "custom:login", "purchase", "consent")
STEPS = (0, 0, 1, 1, 500, 5_000, 5_000, 20_000, MINUTE - 1, MINUTE, 9 * MINUTE, 10 * MINUTE, 700 * MINUTE)


def random_events(seed: int) -> Iterator[Document]:
    """A few devices and users that mix, in an order of arrival within the bound, some events twice."""
    chance, at_ms = random.Random(seed), t(0)
    for number in range(chance.randint(5, 60)):
        at_ms += chance.choice(STEPS)
        device, user = f"{seed}-{chance.choice('abc')}", f"{seed}-{chance.choice('UVW')}"
        kind, more = chance.choice(TYPES), {"sequence": chance.randint(0, 3)}
        if kind == "consent":
            more["properties"] = {"status": chance.choice(["granted", "granted", "denied", "erased", "?"])}
        if kind != "consent" and chance.random() < 0.4:
            more["user_id"] = user
        if chance.random() < 0.2:
            device, more["anonymous_id"] = user, device
        found = event(device, kind, at_ms, **more) | {"event_id": f"{seed}/{number}"}
        for _ in range(chance.choice((1, 1, 1, 2))):
            yield found | {"received_at_ms": at_ms + chance.choice((0, 1, BOUND_MS - 1, BOUND_MS))}


RANDOM_CAPS = {"bot_events_per_minute": 3, "bot_events_per_day": 10, "bot_quarantine_ms": 10 * MINUTE}


@pytest.mark.parametrize(("order", "required"), [("as it came", False), ("backwards", True)])
def test_random_streams_equal_the_oracle(flink: Flink, order: str, required: bool) -> None:
    events = [found for seed in range(100) for found in random_events(seed)]
    arrange, settings = ORDERS[order]
    rows = flink.run(arrange(events), VIEWS, consent_required=required, **RANDOM_CAPS, **settings)
    by_seed = defaultdict(list)
    for found in events:
        by_seed[found["event_id"].partition("/")[0]].append(found)
    for seed, own in by_seed.items():
        answers = judge(own, Caps(required, *RANDOM_CAPS.values()))
        expected = {key: name for key, name in answers.visitors.items() if not answers.withheld[key]}
        valid = {row["event_id"]: row["visitor_id"] for row in rows["events_valid"]}
        found = {key: name for key, name in valid.items() if key.startswith(f"{seed}/")}
        assert found == expected, f"seed {seed}"
        links = {(row["device_id"], row["user_id"]): row["event_time_ms"] for row in rows["visitors_merged"]}
        own_links = {pair: at_ms for pair, at_ms in links.items() if pair[0].startswith(f"{seed}-")}
        assert own_links == answers.links, f"seed {seed}"
    found_throttles = Counter((row["canonical_id"], row["throttled_at_ms"]) for row in rows["throttles"])
    answers = [judge(own, Caps(required, *RANDOM_CAPS.values())) for own in by_seed.values()]
    assert found_throttles == Counter(
        (visitor, over["event_time_ms"])
        for one in answers
        for visitor, held in one.throttles.items()
        for over in held
    )
    expected_reasons = Counter(reason for one in answers for reason in one.withheld.values() if reason)
    assert min(expected_reasons["bot_quarantined"], expected_reasons["no_consent"]) > 30
    letters = [orjson.loads(row["letter"]) for row in rows["events_withheld"]]
    assert Counter(letter["reason"] for letter in letters) == expected_reasons
