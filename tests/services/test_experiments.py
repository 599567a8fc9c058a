"""Experiments in the API: arms decide, exposures are acknowledged or the default is shown, a frozen plan stays."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.contracts.experiments import assign
from connectors.contracts.exposures import Exposure
from connectors.contracts.pseudonyms import pseudonym
from connectors.contracts.topics import EXPOSURES
from services import schemas
from services.experiments import ExperimentsFolder
from tests.services.conftest import Running, running, wait_until
from tests.services.played import SERVER, Document, Played, bearer, decoded, signal

PLAN = """\
holdout: {version: 1, share: 0.2}
experiments:
  - {name: headline, version: 3, arms: {control: 1, question: 1}}
"""


@pytest.fixture
def played(tmp_path: Path) -> Played:
    shipped = (Path(__file__).resolve().parents[2] / "services/content/shop.yaml").read_text()
    arm = "\\1    experiment: {experiment: headline, arm: question}\n"
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "shop.yaml").write_text(re.sub("(  - name: finish_your_cart\n)", arm, shipped))
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "a.yaml").write_text(PLAN)
    folders: Any = {"content_dir": tmp_path / "content", "experiments_dir": str(tmp_path / "experiments")}
    return Played(**folders)


@pytest.fixture
def served(played: Played) -> Iterator[Running]:
    with running(played.api.app(), played.api.end) as one:
        played.feed.send(signal())
        yield one


def unit(played: Played, **arms: str) -> str:
    """A device whose arms are these."""
    found = played.api.experiments.current
    return next(
        name for name in map("d-{}".format, range(999)) if arms.items() <= assign(found, name).items()
    )


def slot(served: Running, http: httpx.Client, device: str, **asked: Any) -> tuple[Document, list[str]]:
    body = {"slots": ["cart_banner"], "unit": device, **asked}
    found = decoded(http.post(f"{served.url}/v1/decide", json=body, headers=bearer()), schemas.DecideResponse)
    (one,) = found["slots"]
    return one, found["degraded"]


def written(played: Played) -> list[Exposure]:
    assert {one.topic for one in played.broker.records} <= {EXPOSURES.name}
    return [Exposure.model_validate(json.loads(one.value)) for one in played.broker.records]


def test_each_arm_is_exposed_where_the_decision_hung_on_it(
    served: Running, played: Played, http: httpx.Client
) -> None:
    shown, _ = slot(served, http, unit(played, headline="question"))
    hidden, _ = slot(served, http, unit(played, headline="control"))
    held_out, _ = slot(served, http, unit(played, holdout="held_out"), explain=True)
    assert [one.get("content") for one in (shown, hidden, held_out)] == ["finish_your_cart", None, None]
    assert held_out["passed_over"]["finish_your_cart"] == "held_out"
    told = [(one.experiment, one.version, one.arm) for one in written(played)]
    assert told == [
        ("holdout", 1, "open"),
        ("headline", 3, "question"),
        ("holdout", 1, "open"),
        ("headline", 3, "control"),
        ("holdout", 1, "held_out"),
    ]
    assert {one.visitor_id for one in written(played)} == {"v-1"} and played.broker.records[0].key == b"v-1"


def test_where_nothing_hangs_on_an_arm_nothing_is_written(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(version=signal()["version"] + 1, status="recovered"))
    slot(served, http, unit(played, headline="question"))
    assert written(played) == []


def test_an_exposure_is_written_once(served: Running, played: Played, http: httpx.Client) -> None:
    device = unit(played, headline="question")
    assert [slot(served, http, device)[0]["reason"] for _ in range(3)] == ["signal"] * 3
    assert len(written(played)) == 2  # of the holdout and the experiment


def test_what_is_not_acknowledged_by_the_deadline_is_a_default_that_says_so(
    served: Running, played: Played, http: httpx.Client
) -> None:
    device = unit(played, headline="question")
    played.broker.away = True
    one, degraded = slot(served, http, device)
    assert (one["reason"], one["fields"], degraded) == ("not_exposed", {}, ["exposures"])
    played.broker.away = False
    played.broker.released.clear()
    one, degraded = slot(served, http, device)
    assert (one["reason"], degraded) == ("not_exposed", ["exposures"])
    played.broker.released.set()
    wait_until(lambda: len(played.broker.records) == 2, "what came too late is written")
    assert slot(served, http, device)[0]["reason"] == "signal"


def test_a_device_keeps_its_arm_when_its_visitor_signs_in(
    served: Running, played: Played, http: httpx.Client
) -> None:
    played.feed.send(signal(2, visitor="user-7"))
    for arm in ("control", "question"):
        device = unit(played, headline=arm)
        for visitor in ("v-1", "user-7"):
            body = {"slots": ["cart_banner"], "unit": device, "visitor_id": visitor}
            answer = http.post(f"{served.url}/v1/decide", json=body, headers=SERVER).json()
            assert answer["slots"][0].get("content") == (None if arm == "control" else "finish_your_cart")


def test_where_ids_are_pseudonyms_exposures_have_them_alone(played: Played, http: httpx.Client) -> None:
    played.api.name_of = lambda name: pseudonym(name, bytes(32))
    with running(played.api.app(), played.api.end) as served:
        played.feed.send(signal(visitor=pseudonym("v-1", bytes(32))))
        slot(served, http, "d-1")
    assert {(one.unit[:5], one.visitor_id[:5]) for one in written(played)} == {("hmac:", "hmac:")}


def test_a_plan_that_changes_within_a_version_is_refused_and_a_ramp_is_not(
    played: Played, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "experiments" / "a.yaml"
    folder = ExperimentsFolder(str(path.parent))
    for number, (text, refused, ramp) in enumerate(
        [
            (PLAN.replace("question: 1", "question: 2"), 1, 1.0),
            (PLAN.replace("version: 3", "version: 3, ramp: 0.5"), 1, 0.5),
            (PLAN.replace("version: 3", "version: 4").replace("question: 1", "question: 2"), 1, 1.0),
        ]
    ):
        path.write_text(text)
        os.utime(path, ns=(number, number))
        folder.look()
        assert (folder.refused, folder.current.experiments[0].ramp) == (refused, ramp)
    assert "needs version 4" in caplog.text
