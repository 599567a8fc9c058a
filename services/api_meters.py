"""What the API counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from services.api import Api

_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)


class ApiMeters:
    """Metrics of one replica."""

    def __init__(self, api: Api) -> None:
        """Registers them; gauges ask the parts when they are read."""
        self.registry = registry = CollectorRegistry()
        self.decisions = Counter("api_slots", "Slots decided, by reason", ["reason"], registry=registry)
        self.degraded = Counter("api_degraded", "Answers without a part", ["part"], registry=registry)
        self.decide_s = Histogram(
            "api_decide_seconds", "A whole decision", buckets=_SECONDS, registry=registry
        )
        gauges = {
            "api_view_signals": ("Signals in the view", lambda: api.view.signals),
            "api_view_visitors": ("Visitors in the view", lambda: len(api.view)),
            "api_view_given_up": ("Signals given up for the bound", lambda: api.view.given_up),
            "api_view_caught_up": ("Whether the view is ready", lambda: float(api.feed.caught_up)),
            "api_streams": ("Open streams", lambda: api.streams.open),
            "api_streams_cut": ("Streams ended because their reader was slow", lambda: api.streams.cut),
            "api_experiments_refused": (
                "Changes of the experiments that were refused",
                lambda: api.experiments.refused,
            ),
            "api_nightly_refused": (
                "Versions of the nightly table that were refused",
                lambda: api.nightly.refused,
            ),
            "api_content_refused": ("Changes of the content that were refused", lambda: api.content.refused),
        }
        for name, (help_, ask) in gauges.items():
            Gauge(name, help_, registry=registry).set_function(ask)
