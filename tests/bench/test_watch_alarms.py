"""How often the standing watch alarms: over unchanged traffic of the generated shop, and over changed one.

The shipped model, windows of three or six hours after its training window. With CI=true fewer windows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from connectors.contracts import topics
from connectors.contracts.model_inputs import INTENT, OFFERED
from connectors.models.registry import Registry
from jobs.offline.training.events import Messages
from jobs.offline.training.post import Post, watches_of
from jobs.offline.training.watch import Finding
from jobs.settings import Settings
from stack.package import ROOT
from stack.shop.history import generated_events
from state.drift import MIN_ROWS
from tests import model_traffic
from tests.model_traffic import Document, changed, head, with_product
from udfs.model_runtime import Model, load_pointed

EVENTS = 250_000 if os.environ.get("CI", "").lower() == "true" else 700_000
CHANGED = 250_000  # enough for some fifteen windows
HOURS = (3.0, 24.0, 72.0)
CHANGED_HOURS = (6.0, 24.0, 72.0)  # one of the changes loses half of the events
REGISTRY = Registry(ROOT / "model_artifacts")
CONSOLE = Console(stderr=True)


@pytest.fixture(scope="module")
def model() -> Model:
    pointer = REGISTRY.pointer(INTENT)
    assert pointer
    return load_pointed(REGISTRY, INTENT, pointer, OFFERED)


@pytest.fixture(scope="module")
def events() -> Messages:
    return generated_events(EVENTS, seed=1)


def watched(
    model: Model, events: Messages, folder: Path, hours: tuple[float, float, float], *, has_labels: bool
) -> list[Finding]:
    """What the watch finds in windows that lie wholly after the training window and have rows enough."""
    written = {
        topics.SCORES.name: list(model_traffic.scores(model, events)),
        topics.FEATURES.name: list(model_traffic.features(events)) if has_labels else [],
    }

    def messages(topic: str, offsets: dict[int, int]) -> Iterator[bytes]:
        return iter(written[topic])

    post = Post(folder, watches_of(REGISTRY, [INTENT], Settings(), hours))
    post.open()
    begin_ms = model.manifest.training.to_ms
    return [one for one in post.look(messages) if one.from_ms > begin_ms and one.rows >= MIN_ROWS]


def test_unchanged_traffic(model: Model, events: Messages, tmp_path: Path) -> None:
    found = watched(model, events, tmp_path, HOURS, has_labels=True)
    for what in ("drift", "quality"):
        windows = [one for one in found if one.what == what]
        alarms = [one.alarms for one in windows if one.alarms]
        CONSOLE.print(f"unchanged traffic, {what}: {len(alarms)} of {len(windows)} windows alarm {alarms}")
        assert len(windows) >= {"drift": 30, "quality": 3}[what]
        assert len(alarms) <= len(windows) // 50, "one in fifty"


# What a shop or its tracker may do, and what must be named for it.
CHANGES: dict[str, tuple[Callable[[Document], Document | None], str]] = {
    "prices in cents": (lambda event: dearer(event, 100), "price_max"),
    "prices a half higher": (lambda event: dearer(event, 1.5), "price_max"),
    "everybody on tablets": (
        lambda event: {**event, "context": {**event.get("context", {}), "device": "tablet"}},
        "is_mobile",
    ),
    "product views no longer sent": (
        lambda event: None if event["event_type"] == "product_view" else event,
        "count_product_view",
    ),
    "each second event lost": (
        lambda event: event if sum(event["event_id"].encode()) % 2 else None,
        "seconds_between_mean",
    ),
}


def dearer(event: Document, factor: float) -> Document:
    return with_product(event, price=factor * event.get("product", {}).get("price", 1))


@pytest.mark.parametrize("change", CHANGES)
def test_changed_traffic(change: str, model: Model, events: Messages, tmp_path: Path) -> None:
    altered, name = CHANGES[change]
    rows = changed(head(events, CHANGED), altered)
    windows = watched(model, rows, tmp_path, CHANGED_HOURS, has_labels=False)
    assert len(windows) >= 10
    alarmed = [one for one in windows if one.alarms]
    named = [one for one in windows if name in one.alarms]
    CONSOLE.print(
        f"{change}: {len(alarmed)} of {len(windows)} windows alarm, {len(named)} for {name};"
        f" the first: {windows[0].alarms[:4]}"
    )
    assert len(alarmed) == len(windows)
