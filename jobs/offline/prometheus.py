"""Numbers for Prometheus as a text file, which its node exporter collects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Samples = Iterable[tuple[Mapping[str, str], float]]  # labels, value


def gauge(name: str, says: str, samples: Samples) -> Metric:
    """A number that goes up and down."""
    return _with(GaugeMetricFamily(name, says), samples)


def counter(name: str, says: str, samples: Samples) -> Metric:
    """A number that only grows; Prometheus calls it `<name>_total`."""
    return _with(CounterMetricFamily(name, says), samples)


def text(families: Iterable[Metric]) -> str:
    """The families in Prometheus's text format.

    >>> print(text([gauge("x", "Says.", [({"model": "m"}, 0.5)])]), end="")
    # HELP x Says.
    # TYPE x gauge
    x{model="m"} 0.5
    """
    return generate_latest(_registry(families)).decode()


def write(path: Path, families: Iterable[Metric]) -> None:
    """Writes the file in one step: a collector sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), _registry(families))


def _with(family: Metric, samples: Samples) -> Metric:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    for labels, value in samples:
        family.add_sample(name, dict(labels), value)
    return family


def _registry(families: Iterable[Metric]) -> CollectorRegistry:
    found, registry = list(families), CollectorRegistry()

    class Found(Collector):
        def collect(self) -> list[Metric]:
            return found

    registry.register(Found())
    return registry
