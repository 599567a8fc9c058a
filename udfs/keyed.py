"""The host: a keyed operator for any `Logic`. It knows buckets, slices and due times; it decides nothing.

A row is what was gathered of one bucket: a slice, complete, or values that came behind the watermark. The
entities that changed are put into one MapState at the end of each row. PyFlink keeps such writes until its
bundle ends, and a bundle ends before each checkpoint barrier, so state and outputs belong together without
any hook.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction
from pyflink.datastream.state import MapStateDescriptor

from state.bucket import Bucket, Counts, Live
from state.logic import NEVER, Logic, Out, SourcePosition
from state.pieces import taken_in_pieces

END_OF_TIME = (1 << 63) - 1  # the watermark behind the last element of a bounded read
DOCUMENT = Types.ROW_NAMED(
    ["kind", "key", "id", "version", "body"],
    [Types.STRING(), Types.STRING(), Types.STRING(), Types.LONG(), Types.PRIMITIVE_ARRAY(Types.BYTE())],
)
COUNT = Types.ROW_NAMED(
    ["verdict", "partition", "arrived_in_ms", "window_start_ms", "events", "checksum"],
    [Types.STRING(), Types.INT(), Types.LONG(), Types.LONG(), Types.LONG(), Types.LONG()],
)
OUTPUT = Types.ROW_NAMED(["documents", "counts"], [Types.OBJECT_ARRAY(DOCUMENT), Types.OBJECT_ARRAY(COUNT)])


_POLL_S = 2.0  # how often a logic looks whether its rules or models have changed


class Hosted(NamedTuple):
    """A logic, and what is called now and then at a slice's edge: it may give the logic newer rules."""

    logic: Logic[Any, Any]
    renew: Callable[[], None] | None = None


class Keyed(KeyedProcessFunction):  # type: ignore[misc]
    """Hosts the logic that `make` makes on the worker."""

    def __init__(self, name: str, make: Callable[[Any], Hosted], slice_ms: int, most_live: int) -> None:
        """Says what is hosted.

        Args:
            name: of the stage: its metric group and its state.
            make: makes the logic on the worker; is given the operator's runtime context.
            slice_ms: length of a slice of event time; due times are rounded up to the end of theirs.
            most_live: entities kept as objects in a worker; the others are read back when they come again.
        """
        self._name, self._make, self._slice_ms, self._most_live = name, make, slice_ms, most_live

    def open(self, runtime_context: Any) -> None:
        """Makes the logic, opens state and metrics."""
        self._logic, self._renew = self._make(runtime_context)
        self._renewed_at = time.monotonic()
        kind = Types.PRIMITIVE_ARRAY(Types.BYTE())
        # A MapState has the verbs of state.bucket.Store, for the bucket that is the current key.
        self._store = runtime_context.get_map_state(MapStateDescriptor(self._name, Types.STRING(), kind))
        self._live, self._counts = Live(self._most_live), Counts()
        self._buckets: dict[int, Bucket[Any, Any]] = {}
        self._timers: dict[int, int] = {}
        self._open_metrics(runtime_context.get_metrics_group().add_group(self._name))

    def process_element(self, value: Any, ctx: Any) -> Iterator[Any]:
        """Takes a slice, or what came late."""
        started = time.perf_counter_ns()
        self._poll()
        number, (ends_at, late, values, *positions) = ctx.get_current_key(), value
        self._slices.inc()
        self._rows.inc(len(values))
        for out in taken_in_pieces(self._bucket(number), values, _positions(positions), ends_at, late):
            yield from self._leave(number, out, ctx, started)

    def on_timer(self, timestamp: int, ctx: Any) -> Iterator[Any]:
        """Settles what is due, up to the end of the slice that the timer stands for."""
        started = time.perf_counter_ns()
        number = ctx.get_current_key()
        self._timers.pop(number, None)
        is_end = ctx.timer_service().current_watermark() == END_OF_TIME
        out = Out()
        self._bucket(number).settle(NEVER if is_end else timestamp + 1, out)
        yield from self._leave(number, out, ctx, started)

    def _poll(self) -> None:
        if self._renew is not None and time.monotonic() - self._renewed_at >= _POLL_S:
            self._renew()
            self._renewed_at = time.monotonic()

    def _bucket(self, number: int) -> Bucket[Any, Any]:
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = Bucket(number, self._logic, self._store, self._live.objects, self._counts)
            self._buckets[number] = bucket
        return bucket

    def _leave(self, number: int, out: Out, ctx: Any, started: int) -> Iterator[Any]:
        """Registers the next timer and hands over what came out."""
        self._set_timer(number, ctx)
        self._live.trim()
        self._take_us.inc((time.perf_counter_ns() - started) // 1000)
        if out.documents or out.counts:
            yield Row(
                [Row(*document) for document in out.documents],
                [Row(*key, *counted) for key, counted in out.counts.items()],
            )

    def _set_timer(self, number: int, ctx: Any) -> None:
        due = self._buckets[number].next_due()
        if due >= NEVER:
            return
        at = (due // self._slice_ms + 1) * self._slice_ms - 1
        if at < self._timers.get(number, NEVER):
            self._timers[number] = at
            ctx.timer_service().register_event_time_timer(at)

    def _open_metrics(self, group: Any) -> None:
        counts = self._counts
        for name in ("entities", "cold_reads", "forgotten", "bytes"):
            group.gauge(name, lambda name=name: getattr(counts, name))
        group.gauge("live", lambda: len(self._live.objects))
        # Sums and not distributions: Flink gives Prometheus 0 for a distribution of Python.
        self._slices, self._rows, self._take_us = map(group.counter, ("slices", "slice_rows", "take_us"))


def _positions(columns: Sequence[Sequence[Any]]) -> list[SourcePosition] | None:
    """The positions of a slice's values, from the columns they were gathered in."""
    return [SourcePosition(*position) for position in zip(*columns, strict=True)] if columns else None
