"""Sessions and abandoned carts as the tutorials write them: a Python function with state and timers.

Kinder than naive where it costs nothing: the JVM parses the JSON and makes the watermarks, only cart events
touch the cart's state, and the cache of state is on. Validation, duplicates, late events, recoveries, the
counts of a session, the documents and the ledger are not even tried.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment, TimerService
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.table import StreamTableEnvironment, TableDescriptor
from pyflink.table.expressions import col

from benchjobs.ends import BIGINT, NAIVE, SLICE, STRING, columns
from connectors.kafka import KafkaEnds
from jobs import ends
from jobs.command_line import settings_from

_GAP_MS = 1_800_000
_TIMEOUT_MS = 1_800_000
_READ = {"visitor_id": STRING, "event_type": STRING, "event_time_ms": BIGINT}
_RESULT = Types.ROW_NAMED(["record_key", "record_value"], [Types.STRING(), Types.STRING()])
_SESSION = Types.TUPLE([Types.LONG(), Types.LONG(), Types.LONG()])  # started at, ended at, events


class VisitorTimers(KeyedProcessFunction):
    """Two ValueStates, each with a timer: the visitor's open session, and when the cart counts as abandoned."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Finds the states."""
        self._session = runtime_context.get_state(ValueStateDescriptor("session", _SESSION))
        self._due = runtime_context.get_state(ValueStateDescriptor("due", Types.LONG()))

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Moves the timers; a bounded read runs ahead of the watermark, so an event too tells what is over."""
        visitor_id, event_type, at = value
        timers = ctx.timer_service()
        yield from self._add_to_session(visitor_id, at, timers)
        if event_type in ("add_to_cart", "purchase"):
            yield from self._change_cart(visitor_id, event_type, at, timers)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """The session is over, or the cart, always earlier, abandoned."""
        visitor_id, session = ctx.get_current_key(), self._session.value()
        if session is not None and timestamp == _closes(session):
            self._session.clear()
            yield _closed(visitor_id, session)
        else:
            self._due.clear()
            yield Row(visitor_id, f"cart {timestamp}")

    def _add_to_session(self, visitor_id: str, at: int, timers: TimerService) -> Iterator[Row]:
        session = self._session.value()
        if session is not None:
            timers.delete_event_time_timer(_closes(session))
            if at >= _closes(session):
                yield _closed(visitor_id, session)
                session = None
        session = (at, at, 1) if session is None else (session[0], at, session[2] + 1)
        self._session.update(session)
        timers.register_event_time_timer(_closes(session))

    def _change_cart(self, visitor_id: str, event_type: str, at: int, timers: TimerService) -> Iterator[Row]:
        due = self._due.value()
        if due is not None:
            timers.delete_event_time_timer(due)
            if at > due:
                yield Row(visitor_id, f"cart {due}")
        if event_type == "add_to_cart":
            self._due.update(at + _TIMEOUT_MS)
            timers.register_event_time_timer(at + _TIMEOUT_MS)
        else:
            self._due.clear()


def _closes(session: tuple[int, int, int]) -> int:
    return session[1] + _GAP_MS + 1


def _closed(visitor_id: str, session: tuple[int, int, int]) -> Row:
    return Row(visitor_id, "session {} {} {}".format(*session))


def main(argv: list[str]) -> None:
    """Submits the function over the slice, with Flink's defaults for Python."""
    kafka = ends.kafka("bench-naive", settings_from(argv))
    env = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment())
    env.get_config().set("pipeline.name", "footfall-bench-naive")
    events = env.to_data_stream(env.from_descriptor(_source(kafka)).select(*map(col, _READ)))
    answers = events.key_by(lambda event: event[0], Types.STRING()).process(VisitorTimers(), _RESULT)
    env.from_data_stream(answers).execute_insert(kafka.text_sink(NAIVE))


def _source(kafka: KafkaEnds) -> TableDescriptor:
    schema = columns(_READ)
    schema = schema.column_by_expression("ts", "TO_TIMESTAMP_LTZ(event_time_ms, 3)")
    schema = schema.watermark("ts", "ts - INTERVAL '2' SECOND")
    return kafka.source(SLICE, schema.build(), {"value.format": "json"})


if __name__ == "__main__":
    main(sys.argv[1:])
