"""The collector: what it takes, what it answers, what it never loses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.adapters import Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts.rejected import Rejected
from connectors.errors import SettingError
from services import batches, identity
from services.collector import Collector
from services.records import Record
from services.settings import CollectorSettings
from tests.services.conftest import KEY, NOW_MS, PlayedBroker, Running, running, wait_until

RAW, LETTERS = "footfall.events.raw", "footfall.events.rejected"
PLENTY: dict[str, Any] = {"rate_per_s": 1e6, "rate_burst": 10**6, "cookie_secure": False}


def event(number: int = 1, **members: Any) -> dict[str, Any]:
    return {"event_id": f"e-{number}", "event_type": "page_view", "event_time_ms": NOW_MS, **members}


def batch(*events: Any, **members: Any) -> bytes:
    return json.dumps({"sent_at_ms": NOW_MS, **members, "events": list(events)}).encode()


def collector(broker: PlayedBroker, **changed: Any) -> Collector:
    return Collector(CollectorSettings(**{**PLENTY, **changed}), broker, KEY, now=lambda: NOW_MS / 1000)


@pytest.fixture
def served(broker: PlayedBroker) -> Iterator[Running]:
    app = collector(broker, allowed_origins="https://shop.example")
    with running(app.app(), app.end) as one:
        yield one


def of(broker: PlayedBroker, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in broker.records if record.topic == topic]


def test_a_batch_is_events_with_time_of_receipt_and_key(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    answer = http.post(
        f"{served.url}/c", content=batch(event(1), event(2), anonymous_id="a-1", sent_at_ms=NOW_MS - 5_000)
    )
    assert (answer.status_code, answer.content, "set-cookie" in answer.headers) == (204, b"", False)
    found = of(broker, RAW)
    assert [one["event_id"] for one in found] == ["e-1", "e-2"]
    assert {one["received_at_ms"] for one in found} == {NOW_MS}
    assert {one["event_time_ms"] for one in found} == {
        NOW_MS
    }  # corrected: it claims to be of after it was sent
    assert {record.key for record in broker.records} == {b"a-1"}


def test_a_browser_gets_an_id_once_and_keeps_it(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    first = http.post(f"{served.url}/c", content=batch(event(1), anonymous_id=None))
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=31536000" in cookie
    second = http.post(f"{served.url}/c", content=batch(event(2)))
    assert "set-cookie" not in second.headers
    ids = {one["anonymous_id"] for one in of(broker, RAW)}
    assert ids == {identity.device_of(http.cookies["footfall_id"], KEY)}


@pytest.mark.parametrize(
    "cookie", ["d-1.0123", "d-1", ".", "d-1." + "0" * 32, "u-7." + identity.signed("u-7", KEY)[4:]]
)
def test_an_unsigned_cookie_is_ignored(
    cookie: str, served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    answer = http.post(f"{served.url}/c", content=batch(event()), headers={"cookie": f"footfall_id={cookie}"})
    (found,) = of(broker, RAW)
    assert "set-cookie" in answer.headers and found["anonymous_id"] not in ("d-1", "u-7")


def test_a_seed_makes_the_same_id_also_when_the_answer_was_lost(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    for _ in range(2):
        http.cookies.clear()
        answer = http.post(
            f"{served.url}/c", content=batch(event(1), device_seed="s" * 32, context={"consent": "denied"})
        )
        assert "set-cookie" in answer.headers  # with the seed the tracker says that it may be stored
    first, second = of(broker, RAW)
    assert first["anonymous_id"] == second["anonymous_id"] and "s" * 32 not in first["anonymous_id"]
    assert "device_seed" not in json.dumps(first)


def test_a_withdrawal_is_answered_and_deletes_the_cookie(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    http.post(f"{served.url}/c", content=batch(event(1)))
    word = {"event_id": "e-2", "name": "consent", "event_time_ms": NOW_MS, "properties": {"status": "denied"}}
    broker.away = True
    assert (
        http.post(f"{served.url}/c", content=batch(word)).status_code == 503 and "footfall_id" in http.cookies
    )
    broker.away = False
    assert (
        http.post(f"{served.url}/c", content=batch(word)).status_code == 204
        and "footfall_id" not in http.cookies
    )
    first, last = of(broker, RAW)
    assert last["anonymous_id"] == first["anonymous_id"] and last["event_type"] == "consent"
    again = http.post(f"{served.url}/c", content=batch(word, device_seed="s"))
    assert "footfall_id" not in http.cookies and again.status_code == 204


def test_a_denial_sets_no_cookie_and_writes_nothing(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    answer = http.post(f"{served.url}/c", content=batch(event(), context={"consent": "denied"}))
    assert answer.status_code == 204 and "set-cookie" not in answer.headers
    (letter,) = of(broker, LETTERS)
    assert (letter["reason"], letter["payload_base64"]) == ("no_consent", None) and not of(broker, RAW)


def test_a_bad_event_is_a_letter_with_its_bytes_and_the_rest_is_taken(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    bad = event(2, event_type="nonsense", odd=[1, {"é": None}])
    body = batch(event(1), bad, event(3), anonymous_id="a-1")
    assert http.post(f"{served.url}/c", content=body).status_code == 204
    assert [one["event_id"] for one in of(broker, RAW)] == ["e-1", "e-3"]
    (letter,) = map(Rejected.model_validate, of(broker, LETTERS))
    assert (letter.reason, letter.field, letter.index, letter.topic) == (
        "out_of_range",
        "event_type",
        1,
        "collector",
    )
    assert json.loads(letter.payload() or b"") == {**json.loads(body), "events": [bad]}


def test_a_letter_of_a_browser_can_be_sent_again_as_its_own(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    http.post(f"{served.url}/c", content=batch(event(1, event_type="buy")))
    (letter,) = map(Rejected.model_validate, of(broker, LETTERS))
    mended = (letter.payload() or b"").replace(b'"buy"', b'"search"')
    (made,) = adapt(
        mended, letter.adapter, RecordMetadata(letter.topic, 0, 0, NOW_MS, NOW_MS), letter.index or 0
    )
    assert isinstance(made, Adapted)
    assert made.visitor_id == identity.device_of(http.cookies["footfall_id"], KEY)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"events":[]}', b'{"events":7}', b"{}"]
)
def test_what_is_no_batch_is_a_letter_and_not_sent_again(
    body: bytes, served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    answers = [http.post(f"{served.url}/c", content=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    letters = [record for record in broker.records if record.topic == LETTERS]
    assert len(letters) == 2 and not of(broker, RAW)
    assert base64.b64decode(json.loads(letters[0].value)["payload_base64"]).startswith(body.rstrip(b"}"))


def test_a_batch_that_comes_twice_makes_the_same_letter() -> None:
    body = batch(event(), {}, anonymous_id="a-1")
    first, second = (batches.read(body, at_ms).records[1] for at_ms in (NOW_MS, NOW_MS + 9_000))
    assert isinstance(first, Record) and first.key == second.key


def test_a_text_cut_within_a_pair_of_surrogates_is_taken(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    body = batch(event(properties={"query": "X"})).replace(b'"X"', b'"shoes \\ud83d"')
    assert http.post(f"{served.url}/c", content=body).status_code == 204
    (found,) = of(broker, RAW)
    assert found["properties"]["query"] == "shoes ?"


def test_a_broker_that_is_away_is_503_and_comes_back(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    broker.away = True
    answer = http.post(f"{served.url}/c", content=batch(event()))
    assert answer.status_code == 503 and 1 <= int(answer.headers["retry-after"]) <= 5
    assert "set-cookie" in answer.headers  # so that the batch that is sent again has the same id
    assert (
        http.get(f"{served.url}/readyz").status_code == 503
        and http.get(f"{served.url}/healthz").status_code == 200
    )
    broker.away = False
    assert http.post(f"{served.url}/c", content=batch(event())).status_code == 204
    assert http.get(f"{served.url}/readyz").status_code == 200 and len(of(broker, RAW)) == 1


def test_a_body_over_the_limit_is_413_however_it_is_sent(
    served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    large = b"x" * 1_000_001
    assert http.post(f"{served.url}/c", content=large).status_code == 413
    assert http.post(f"{served.url}/c", content=iter([large[:600_000], large[:600_000]])).status_code == 413
    assert http.post(f"{served.url}/c", content=batch(*[{}] * 501)).status_code == 413
    assert broker.records == []


def test_an_address_that_asks_too_often_is_429(broker: PlayedBroker, http: httpx.Client) -> None:
    app = collector(broker, rate_per_s=0.001, rate_burst=2)
    with running(app.app()) as one:
        answers = [http.post(f"{one.url}/c", content=batch(event(), anonymous_id="a")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429] and "retry-after" in answers[
        2
    ].headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example", 204), ("https://other.example", 403), ("null", 403), (None, 204)],
)
def test_only_pages_of_ours_may_call(
    origin: str | None, status: int, served: Running, http: httpx.Client
) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = http.post(f"{served.url}/c", content=batch(event()), headers=headers)
    assert answer.status_code == status
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (origin if status == 204 else None)


def test_a_page_of_the_same_host_may_call(served: Running, http: httpx.Client) -> None:
    assert (
        http.post(f"{served.url}/c", content=batch(event()), headers={"origin": served.url}).status_code
        == 204
    )


def test_at_the_end_open_requests_are_answered_first(broker: PlayedBroker) -> None:
    app = collector(broker)
    broker.released.clear()
    statuses: list[int] = []
    with running(app.app(), app.end) as one, httpx.Client(timeout=10) as http:
        import threading

        sender = threading.Thread(
            target=lambda: statuses.append(http.post(f"{one.url}/c", content=batch(event())).status_code)
        )
        sender.start()
        wait_until(broker.asked.is_set, "the batch waits for the broker")
        one.end()
        broker.released.set()
        sender.join(10)
    assert statuses == [204] and len(broker.records) == 1


def test_metrics_count_accepted_and_refused_events(served: Running, http: httpx.Client) -> None:
    http.post(f"{served.url}/c", content=batch(event(1), {}, anonymous_id="a-1"))
    found = http.get(f"{served.url}/metrics").text
    assert 'collector_batches_total{status="204"} 1.0' in found and "collector_events_total 1.0" in found
    assert 'collector_refused_total{reason="missing_field"} 1.0' in found


def test_the_scripts_are_served_to_be_cached(served: Running, http: httpx.Client) -> None:
    shipped = Path(__file__).resolve().parents[2] / "web" / "dist" / "t.js"
    first = http.get(f"{served.url}/t.js")
    assert first.content == shipped.read_bytes() and first.headers["content-encoding"] == "gzip"
    assert "max-age=3600" in first.headers["cache-control"] and "accept-encoding" in first.headers["vary"]
    assert "javascript" in first.headers["content-type"]
    again = http.get(f"{served.url}/t.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    plain = http.get(f"{served.url}/t.js", headers={"accept-encoding": "identity"})
    assert plain.content == first.content and "content-encoding" not in plain.headers
    assert http.head(f"{served.url}/slots.js").status_code == 200
    assert http.get(f"{served.url}/nothing.js").status_code == 404


def test_a_folder_without_scripts_is_refused(broker: PlayedBroker, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="scripts_dir .*: no \\*.js"):
        collector(broker, scripts_dir=str(tmp_path))


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_EVENTS = st.lists(
    _ANY
    | st.fixed_dictionaries(
        {}, optional={name: _ANY for name in (*event(), "anonymous_id", "context", "product")}
    ),
    max_size=4,
)
_BODIES = st.binary(max_size=200) | st.fixed_dictionaries(
    {"events": _EVENTS},
    optional={name: _ANY for name in ("sent_at_ms", "anonymous_id", "visitor_id", "user_id", "context")},
).map(lambda document: json.dumps(document).encode())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_BODIES)
def test_whatever_comes_is_events_or_letters(
    body: bytes, served: Running, broker: PlayedBroker, http: httpx.Client
) -> None:
    broker.records.clear()
    http.cookies.clear()
    assert http.post(f"{served.url}/c", content=body).status_code == 204
    parsed = batches.parsed(body)
    events = parsed.get("events") if isinstance(parsed, dict) else None
    assert len(broker.records) == (len(events) if isinstance(events, list) and events else 1)
    for letter in of(broker, LETTERS):
        Rejected.model_validate(letter)
