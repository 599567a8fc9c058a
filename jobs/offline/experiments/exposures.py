"""Who was exposed to which arm when: lines of `footfall.exposures` and of the topics of triggers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import polars as pl

from connectors.contracts import topics
from connectors.contracts.decoding import UNREADABLE, decoder
from connectors.contracts.experiments import Experiment, Experiments
from connectors.errors import BadInput
from connectors.kafka.topic_reader import read_topic
from connectors.wording import plainly

TOPICS = (topics.EXPOSURES, topics.TRIGGERS, topics.TRIGGERS_SUPPRESSED)
_SCHEMA = {
    "experiment": pl.String, "version": pl.Int64, "plan": pl.String, "arm": pl.String, "unit": pl.String,
    "visitor_id": pl.String, "at_ms": pl.Int64,
}  # fmt: skip
_Row = tuple[str, int, str, str, str, str, int]


class _Exposure(msgspec.Struct):
    experiment: str
    version: int
    plan: str
    arm: str
    unit: str
    visitor_id: str
    exposed_at_ms: int


class _Trigger(msgspec.Struct):
    trigger_id: str
    visitor_id: str
    status: str
    decided_at_ms: int
    variant: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    reason: str | None = None
    unit: str | None = None


_LINE = (decoder(_Exposure), decoder(_Trigger))


def lines(paths: Iterable[Path]) -> Iterator[bytes]:
    """Lines of the files, plain or .gz.

    Raises:
        BadInput: one cannot be read.
    """
    for path in paths:
        opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
        try:
            with opener(path, "rb") as file:
                yield from file
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(
                f"{path} cannot be read: {plainly(error)}", "give JSON lines, plain or .gz"
            ) from error


def messages(properties: Mapping[str, Any]) -> Iterator[bytes]:
    """Values of the topics.

    Raises:
        BrokerUnavailable: no broker answers.
    """
    for topic in TOPICS:
        yield from (message.value for message in read_topic(properties, topic.name) if message.value)


def exposures(values: Iterable[bytes]) -> pl.DataFrame:
    """A row each exposure, in the order in which they came; what is none is passed over.

    >>> trigger = b'{"trigger_id":"t","visitor_id":"v","status":"due","decided_at_ms":5,"variant":"a/1/b"}'
    >>> exposures([trigger, b"{}"]).rows()
    [('a', 1, '', 'b', 'v', 'v', 5)]
    """
    rows = [row for value in values for row in _rows(value)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _rows(value: bytes) -> Iterator[_Row]:
    for decode in _LINE:
        try:
            found = decode(value)
        except UNREADABLE:
            continue
        if isinstance(found, _Exposure):
            one = found
            yield one.experiment, one.version, one.plan, one.arm, one.unit, one.visitor_id, one.exposed_at_ms
        else:
            yield from _of_trigger(found)
        return


def _of_trigger(found: _Trigger) -> Iterator[_Row]:
    """Triggers that are due or held out; a cancellation repeats an arm."""
    if found.status == "cancelled" or (found.status == "suppressed" and found.reason != "holdout"):
        return
    for told in (found.variant or "").split(","):
        name, _, rest = told.partition("/")
        version, _, arm = rest.partition("/")
        if arm and version.isdigit():
            unit = found.unit or found.visitor_id
            yield name, int(version), "", arm, unit, found.visitor_id, found.decided_at_ms


def of_experiment(found: pl.DataFrame, running: Experiments, name: str) -> tuple[Experiment, pl.DataFrame]:
    """The experiment and the exposures of its version.

    Raises:
        BadInput: there is no such experiment, it has no exposure, or its plan changed within the version.
    """
    known = {one.name: one for one in [*running.experiments, *_holdout(running)]}
    if name not in known:
        raise BadInput(f"one of the experiments {', '.join(known) or 'none'} is required, {name!r} came")
    one = known[name]
    rows = found.filter(pl.col("experiment") == name, pl.col("version") == one.version)
    if rows.is_empty():
        raise BadInput(f"no exposure of {name} version {one.version} came", "give --exposures of its time")
    plans = {plan for plan in rows["plan"].unique() if plan} - ({one.plan} if name != "holdout" else set())
    strange = set(rows["arm"].unique()) - set(one.arms)
    if plans or strange:
        raise BadInput(
            f"{name} version {one.version} had other arms, weights or layer when units were exposed",
            "give the experiment as it ran; a change needs a new version",
        )
    return one, rows


def _holdout(running: Experiments) -> Iterator[Experiment]:
    """The global holdout as an experiment: what all that is done is worth, against nothing."""
    if running.holdout is not None:
        held = round(running.holdout.share * 10_000)
        weights = {"held_out": held, "open": 10_000 - held}
        yield Experiment.model_construct(  # unchecked: its name is kept from others
            name="holdout", version=running.holdout.version, arms=weights, control="held_out"
        )
