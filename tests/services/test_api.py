"""The API: what is answered, who may ask, what happens when the ends are away."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import identity, schemas
from services.content.folder import ContentFolder
from services.decisions import again
from tests.services.conftest import KEY, NOW_MS, Running, running, wait_until
from tests.services.played import SERVER, Played, bearer, decoded, signal


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        yield one


def decide(
    served: Running, http: httpx.Client, headers: dict[str, str] | None = None, **asked: Any
) -> httpx.Response:
    body = {"slots": ["cart_banner"], **asked}
    return http.post(f"{served.url}/v1/decide", json=body, headers=bearer() if headers is None else headers)


def test_a_signal_calls_for_its_content_and_goes_with_a_purchase(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal())
    found = decoded(decide(served, http, language="de-DE"), schemas.DecideResponse)
    (slot,) = found["slots"]
    assert (slot["reason"], slot["content"], slot["fields"]["link"]) == (
        "signal",
        "finish_your_cart",
        "/cart",
    )
    assert (
        slot["fields"]["headline"] == "Dein Warenkorb wartet" and slot["because"]["signal_id"] == f"{1:032x}"
    )
    played.feed.send(signal(version=NOW_MS + 1, status="recovered"))
    (slot,) = decoded(decide(served, http, explain=True), schemas.DecideResponse)["slots"]
    assert (slot["reason"], slot["fields"]) == ("default", {})
    assert slot["passed_over"]["finish_your_cart"] == "not_called"


def test_scores_of_the_index_call_for_content(served: Running, played: Played, http: httpx.Client) -> None:
    played.index.visitors["v-1"] = {
        "scores": [
            {"model": "purchase_intent", "version": "1", "score": 0.1, "scored_at_ms": 1},
            {"model": "purchase_intent", "version": "2", "score": 0.7, "scored_at_ms": 2},
        ]
    }
    (slot,) = decoded(decide(served, http, slots=["home_hero"]), schemas.DecideResponse)["slots"]
    assert slot["reason"] == "score" and slot["because"] == {"model": "purchase_intent", "score": 0.7}


def test_unknown_slots_and_visitors_get_defaults_and_a_reason(served: Running, http: httpx.Client) -> None:
    found = decoded(decide(served, http, slots=["home_hero", "nowhere"]), schemas.DecideResponse)
    assert [one["reason"] for one in found["slots"]] == ["unknown_visitor", "unknown_slot"]
    assert found["slots"][0]["fields"]["link"] == "/new"


@pytest.mark.parametrize("fault", ["away", "slow_s"])
def test_an_index_that_is_away_or_slow_leaves_view_and_defaults(
    fault: str, served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal())
    setattr(played.index, fault, 5.0)
    found = decoded(decide(served, http, slots=["cart_banner", "home_hero"]), schemas.DecideResponse)
    assert [one["reason"] for one in found["slots"]] == ["signal", "default"] and found["degraded"] == [
        "index"
    ]
    visitor = (
        decoded(http.get(f"{served.url}/v1/visitors/v-1?explain=true", headers=SERVER), schemas.Visitor)
        if fault == "away"
        else None
    )
    assert visitor is None or (visitor["degraded"] == ["index"] and len(visitor["signals"]) == 1)


def test_where_signals_are_enough_the_index_is_not_asked(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal())
    decide(served, http)
    assert played.index.asked == 0


def test_a_cap_holds(tmp_path: Path, http: httpx.Client) -> None:
    shipped = (Path(__file__).resolve().parents[2] / "services/content/shop.yaml").read_text()
    (tmp_path / "shop.yaml").write_text(shipped.replace("times: 20", "times: 2"))
    played = Played(content_dir=tmp_path)
    with running(played.api.app()) as served:
        played.feed.send(signal())
        reasons = [decide(served, http).json()["slots"][0]["reason"] for _ in range(3)]
        played.now_s += 30
        played.feed.erase("v-1", 0)
        reasons.append(
            decide(served, http, headers=bearer(now_s=int(played.now_s))).json()["slots"][0]["reason"]
        )
    assert reasons == ["signal", "signal", "default", "signal"]  # an order to erase forgets what was shown


def test_events_come_along_and_are_acknowledged_or_not(
    served: Running, played: Played, http: httpx.Client
) -> None:
    event = {"event_id": "e-1", "event_type": "page_view", "event_time_ms": NOW_MS}
    asked = {"events": {"sent_at_ms": NOW_MS, "events": [event, {}]}}
    found = decoded(decide(served, http, **asked), schemas.DecideResponse)
    assert found["events"] == {"acknowledged": True, "events": 1, "refused": ["missing_field"]}
    raw = json.loads(played.broker.records[0].value)
    assert raw["anonymous_id"] == "v-1" and played.broker.records[0].topic == "footfall.events.raw"
    played.broker.away = True
    assert decide(served, http, **asked).json()["events"]["acknowledged"] is False
    played.broker.away = False
    played.broker.released.clear()
    slow = decide(served, http, **asked)
    played.broker.released.set()
    assert slow.status_code == 200 and slow.json()["events"]["acknowledged"] is False


def test_the_log_of_decisions_decides_the_same_again(
    served: Running, played: Played, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "footfall.decisions")
    played.feed.send(signal())
    answer = decide(served, http, slots=["cart_banner", "home_hero"]).json()
    (line,) = [one.getMessage() for one in caplog.records if one.name == "footfall.decisions"]
    answers = again(line.encode(), ContentFolder().content)
    assert [one.content for one in answers] == [one.get("content") for one in answer["slots"]]


def test_what_is_known_of_a_visitor(served: Running, played: Played, http: httpx.Client) -> None:
    whole = signal()
    played.feed.send(whole)
    played.index.documents[whole["signal_id"]] = whole
    played.index.visitors["v-1"] = {
        "segment": "new",
        "scores": [],
        "last_seen_ms": 7,
        "features": {"x": 1},
        "context": {},
    }
    short = decoded(http.get(f"{served.url}/v1/visitors/v-1", headers=bearer()), schemas.Visitor)
    assert (short["known"], short["segment"], short["last_seen_ms"]) == (True, "new", 7)
    assert "features" not in short and "document" not in short["signals"][0]
    explained = decoded(
        http.get(f"{served.url}/v1/visitors/v-1?explain=true", headers=bearer()), schemas.Visitor
    )
    assert explained["signals"][0]["document"]["evidence"] == {"cart_events": 2} and explained[
        "features"
    ] == {"x": 1}
    nobody = decoded(http.get(f"{served.url}/v1/visitors/a%2Fb%20c", headers=SERVER), schemas.Visitor)
    assert nobody["visitor_id"] == "a/b c" and not nobody["known"]


def test_where_ids_are_pseudonyms_they_are_looked_up_as_such(http: httpx.Client) -> None:
    played = Played(name_of=lambda visitor: f"hmac:{visitor}")
    with running(played.api.app(), played.api.end) as served:
        played.feed.send(signal(visitor="hmac:v-1"))
        found = decide(served, http).json()
        assert (found["visitor_id"], found["slots"][0]["reason"]) == ("v-1", "signal")
        assert len(http.get(f"{served.url}/v1/visitors/v-1", headers=bearer()).json()["signals"]) == 1
        with http.stream("GET", f"{served.url}/v1/stream", headers=bearer()) as stream:
            assert "cart_abandoned" in next(part for part in stream.iter_text() if "snapshot" in part)


def test_related_items_or_why_there_are_none(served: Running, played: Played, http: httpx.Client) -> None:
    url = f"{served.url}/v1/items/p%2F1/related"
    assert decoded(http.get(url, headers=bearer()), schemas.Related)["reason"] == "not_computed"
    related = [{"item_id": "p-2", "cosine": 0.5, "llr": 2.0}]
    played.index.items_["p/1"] = {"related": related, "computed_at_ms": 5}
    (found,) = decoded(http.get(url, headers=bearer()), schemas.Related)["related"]
    assert found["item_id"] == "p-2"
    played.index.away = True
    assert decoded(http.get(url, headers=bearer()), schemas.Related)["reason"] == "index_away"


_ROUTES = [
    ("POST", "/v1/decide", {"slots": ["cart_banner"], "visitor_id": "v-1"}),
    ("GET", "/v1/visitors/v-1", None),
    ("GET", "/v1/stream?visitor_id=v-1", None),
]
_BAD = {
    "none": ({}, 401),
    "another scheme": ({"authorization": "Basic dXNlcg=="}, 401),
    "no token": ({"authorization": "Bearer nonsense"}, 401),
    "signed by another": (bearer(key=b"x" * 32), 401),
    "over": (bearer(now_s=NOW_MS // 1000 - 600), 401),
    "of the future": (bearer(now_s=NOW_MS // 1000 + 300), 401),
    "for too long": (bearer(lifetime_s=86_400), 401),
    "another visitor": (bearer("v-2"), 403),
}


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
@pytest.mark.parametrize("name", _BAD)
def test_a_visitor_token_reads_no_other_visitor(
    method: str, path: str, body: Any, name: str, served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal())
    headers, status = _BAD[name]
    answer = http.request(method, f"{served.url}{path}", json=body, headers=headers)
    assert answer.status_code == status and "cart_abandoned" not in answer.text
    schemas.Refusal.model_validate(answer.json())


def test_a_token_without_a_signature_is_none(served: Running, http: httpx.Client) -> None:
    import jwt

    claims = {"sub": "v-1", "aud": "footfall", "iat": NOW_MS // 1000, "exp": NOW_MS // 1000 + 60}
    token = jwt.encode(claims, None, "none")
    assert (
        http.get(f"{served.url}/v1/visitors/v-1", headers={"authorization": f"Bearer {token}"}).status_code
        == 401
    )


def test_tokens_are_given_to_servers_for_anybody_and_to_browsers_for_their_device(
    served: Running, http: httpx.Client
) -> None:
    url = f"{served.url}/v1/tokens"
    given = decoded(http.post(url, json={"visitor_id": "u-7"}, headers=SERVER), schemas.Token)
    headers = {"authorization": f"Bearer {given['token']}"}
    assert http.get(f"{served.url}/v1/visitors/u-7", headers=headers).status_code == 200
    assert http.post(url, json={}).status_code == 401
    assert http.post(url, json={"visitor_id": "u-8"}, headers=headers).status_code == 403
    http.cookies.set("footfall_id", identity.signed("d-1", KEY))
    assert decoded(http.post(url, json={}), schemas.Token)["visitor_id"] == "d-1"
    assert http.post(url, json={"visitor_id": "u-7"}).status_code == 401


def test_an_address_is_limited_and_a_server_is_not(http: httpx.Client) -> None:
    played = Played(rate_per_s=0.001, rate_burst=1)
    with running(played.api.app()) as served:
        assert [decide(served, http).status_code for _ in range(2)] == [200, 429]
        assert http.post(f"{served.url}/v1/tokens", json={}).status_code == 429
        assert [decide(served, http, headers=SERVER, visitor_id="v").status_code for _ in range(2)] == [
            200,
            200,
        ]


def test_a_server_names_the_visitor(served: Running, http: httpx.Client) -> None:
    assert decide(served, http, headers=SERVER).status_code == 422


def test_it_is_ready_when_the_view_has_caught_up(served: Running, played: Played, http: httpx.Client) -> None:
    played.feed.caught_up = False
    assert (
        http.get(f"{served.url}/readyz").status_code == 503
        and http.get(f"{served.url}/healthz").status_code == 200
    )
    assert decide(served, http).json()["degraded"] == ["view"]
    assert http.get(f"{served.url}/v1/stream", headers=bearer()).status_code == 503
    played.feed.caught_up = True
    assert http.get(f"{served.url}/readyz").status_code == 200
    assert "api_view_signals 0.0" in http.get(f"{served.url}/metrics").text


def test_bodies_have_bounds(served: Running, http: httpx.Client) -> None:
    url, headers = f"{served.url}/v1/decide", bearer()
    assert http.post(url, content=b"x" * 1_000_001, headers=headers).status_code == 413
    assert http.post(url, content=iter([b"x" * 600_000] * 2), headers=headers).status_code == 413
    assert decide(served, http, events={"events": [{}] * 501}).status_code == 413
    assert decide(served, http, slots=["a"] * 21).status_code == 422


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_BODIES = st.binary(max_size=60) | st.fixed_dictionaries(
    {},
    optional={
        "slots": st.lists(
            st.sampled_from(["cart_banner", "home_hero", "x"]) | st.text(max_size=5), max_size=4
        )
        | _ANY,
        "visitor_id": st.just("v-1") | _ANY,
        "language": st.sampled_from(["de", "en-US", ""]) | _ANY,
        "unit": _ANY,
        "events": st.fixed_dictionaries({"events": st.lists(_ANY, max_size=2)}) | _ANY,
        "explain": st.booleans() | _ANY,
        "lifetime_s": st.integers() | _ANY,
        "other": _ANY,
    },
).map(lambda document: json.dumps(document).encode())
_QUIET = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_QUIET
@given(body=_BODIES, path=st.sampled_from(["decide", "tokens"]), server=st.booleans())
def test_no_body_is_an_error_of_ours(
    body: bytes, path: str, server: bool, served: Running, http: httpx.Client
) -> None:
    headers = {"content-type": "application/json", **(SERVER if server else bearer())}
    answer = http.post(f"{served.url}/v1/{path}", content=body, headers=headers)
    assert answer.status_code in (200, 400, 401, 403, 422)
    if answer.status_code == 200:
        (schemas.DecideResponse if path == "decide" else schemas.Token).model_validate(answer.json())


@_QUIET
@given(
    name=st.text(min_size=1, max_size=20),
    asked=st.text(max_size=8),
    kind=st.sampled_from(["visitors", "items"]),
)
def test_no_path_or_query_is_an_error_of_ours(
    name: str, asked: str, kind: str, served: Running, http: httpx.Client
) -> None:
    from urllib.parse import quote

    path = quote(name.encode("utf-8", "replace"), safe="") + ("/related" if kind == "items" else "")
    answer = http.get(f"{served.url}/v1/{kind}/{path}", params={"explain": asked}, headers=SERVER)
    assert answer.status_code in (200, 404, 422), answer.text


def test_the_end_does_not_wait_for_streams(played: Played) -> None:
    with (
        running(played.api.app(), played.api.end) as one,
        httpx.Client(timeout=10) as http,
        http.stream("GET", f"{one.url}/v1/stream", headers=bearer()) as stream,
    ):
        assert stream.status_code == 200
        wait_until(lambda: played.api.streams.open == 1, "the stream is open")
        one.end()
        assert b"snapshot" in b"".join(stream.iter_bytes())  # it ends
    assert played.api.streams.open == 0
