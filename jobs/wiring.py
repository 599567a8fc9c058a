"""What every job's wiring needs: the environment, views out of SQL files, keyed operators, inserts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyflink.common import Configuration, Types, typeinfo
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.data_stream import KeyedStream
from pyflink.java_gateway import get_gateway
from pyflink.table import (
    DataTypes,
    EnvironmentSettings,
    Schema,
    StatementSet,
    StreamTableEnvironment,
    TableDescriptor,
    TableEnvironment,
)

from jobs.settings import LEDGER_WINDOW_MS, Settings
from jobs.statements import Value, statement
from udfs.keyed import OUTPUT, Hosted, Keyed

VERSION = "0.2.0"
_JOB_PARAMETERS = "pipeline.global-job-parameters"
_UID_FORMAT = "table.exec.uid.format"


def environment(name: str, settings: Settings) -> StreamTableEnvironment:
    """A streaming environment with what the jobs rely on; the cluster's configuration gives the rest."""
    stream = StreamExecutionEnvironment.get_execution_environment(_configuration(name, settings))
    env = StreamTableEnvironment.create(stream)
    for key, value in _options(name, settings).items():
        env.get_config().set(key, value)
    return env


def batch_environment(name: str, settings: Settings) -> TableEnvironment:
    """The same for history that is read to its end."""
    made = EnvironmentSettings.new_instance().with_configuration(_configuration(name, settings))
    return TableEnvironment.create(made.in_batch_mode().build())


def _configuration(name: str, settings: Settings) -> Configuration:
    configuration = Configuration()
    for key, value in _options(name, settings).items():
        configuration.set_string(key, value)
    return configuration


def _options(name: str, settings: Settings) -> dict[str, str]:
    return {
        "pipeline.name": f"footfall-{name}",
        "parallelism.default": str(settings.parallelism),
        "pipeline.object-reuse": "true",
        # A Python operator answers at the end of a bundle: short ones for latency, long for a bounded read.
        # State is committed key by key at its end, so a long one is also cheaper.
        "python.fn-execution.bundle.time": str(1_000 if settings.bounded else settings.bundle_time_ms),
        "python.fn-execution.bundle.size": "5000",
        "python.fn-execution.arrow.batch.size": "5000",
        # Never written before the bundle ends: then state and outputs belong together.
        "python.map-state.write-cache-size": "10000000",
        # So long a watermark waits at each exchange.
        "execution.buffer-timeout.interval": f"{100 if settings.bounded else settings.buffer_timeout_ms} ms",
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": f"{0 if settings.bounded else settings.dedup_ttl_ms} ms",
        # A bounded read ends with the final watermark; a partition that waits its turn is not idle.
        "table.exec.source.idle-timeout": f"{0 if settings.bounded else settings.idle_timeout_ms} ms",
        "table.exec.sink.upsert-materialize": "NONE",
        # The lake has one committer at every parallelism. In a chain with others its state would be bound to
        # as many key groups as theirs, and a savepoint of one worker could not be restored on two.
        "pipeline.operator-chaining.chain-operators-with-different-max-parallelism": "false",
        # Names by which a savepoint finds state again, see `hosted`.
        "table.exec.uid.generation": "ALWAYS",
        # What the job works with, for commands that explain its answers: numbers and switches, no secrets.
        _JOB_PARAMETERS: _joined({"version": VERSION, **settings.numbers()}),
    }


def publish(env: TableEnvironment, **parameters: object) -> None:
    """Adds to the parameters that the running job shows over Flink's REST interface (`user-config`)."""
    before = env.get_config().get(_JOB_PARAMETERS, "")
    env.get_config().set(_JOB_PARAMETERS, ",".join([*filter(None, [before]), _joined(parameters)]))


def _joined(parameters: Mapping[str, object]) -> str:
    return ",".join(f"{name}:{value}" for name, value in parameters.items())


def values(settings: Settings) -> dict[str, Value]:
    """The settings as the SQL files name them; `_interval` is milliseconds too, written as an INTERVAL."""
    window_ms = max(LEDGER_WINDOW_MS, settings.slice_ms)
    return {
        "out_of_orderness_interval": settings.out_of_orderness_ms,
        "slice_interval": settings.slice_ms,
        "buckets": settings.buckets,
        "ledger_step_interval": window_ms if settings.bounded else settings.ledger_step_ms,
        "ledger_window_interval": window_ms,
    }


def add_views(env: TableEnvironment, names: Iterable[str], settings: Settings) -> None:
    """Registers `jobs/sql/<name>.sql` as a view called like its file, in the order given."""
    filled = values(settings)
    for name in names:
        add_view(env, name.rpartition("/")[2], statement(name, filled))


def add_view(env: TableEnvironment, view: str, query: str) -> None:
    """Registers one view."""
    env.create_temporary_view(view, env.sql_query(query))


BYTES, _TEXT, _LONG = Types.PRIMITIVE_ARRAY(Types.BYTE()), Types.STRING(), Types.LONG()
VALUES = [Types.OBJECT_ARRAY(BYTES)]
POSITIONS = [
    Types.OBJECT_ARRAY(_TEXT),
    Types.OBJECT_ARRAY(Types.INT()),
    Types.OBJECT_ARRAY(_LONG),
    Types.OBJECT_ARRAY(_LONG),
]


def _timed() -> Schema:
    """A stream's columns, and the time attribute ts that its rows carry."""
    time = Schema.new_builder().column_by_metadata("ts", DataTypes.TIMESTAMP_LTZ(3), "rowtime")
    return time.watermark("ts", "SOURCE_WATERMARK()").build()


def streamed(env: StreamTableEnvironment, stage: str, view: str, name: str, kind: Any) -> None:
    """Translates a view to operators here and now, and makes a view of the rows that they give.

    Args:
        env: where.
        stage: what the operators' names begin with.
        view: what is translated; its last column is the time attribute.
        name: the new view, with the time attribute ts.
        kind: names and types of the columns.
    """
    stream = _translated(env, stage, f"SELECT * FROM {view}", kind)  # noqa: S608 - the name of a view
    env.create_temporary_view(name, env.from_data_stream(stream, _timed()))


def _translated(env: StreamTableEnvironment, stage: str, query: str, kind: Any) -> Any:
    """The query's rows as a stream. Its operators are named after the stage, whatever stands behind them."""
    env.get_config().set(_UID_FORMAT, f"{stage}-<id>_<transformation>")
    stream = env.to_append_stream(env.sql_query(query), kind)
    env.get_config().set(_UID_FORMAT, "<id>_<transformation>")
    return stream


def hosted(
    env: StreamTableEnvironment,
    stage: str,
    inputs: str,
    columns: list[Any],
    make: Callable[[Any], Hosted],
    settings: Settings,
) -> None:
    """Puts a keyed operator behind the view `inputs`; makes the views `…_outputs`, `…_documents`, `…_counts`.

    What is translated to operators here gets names that begin with the stage: a savepoint finds the slices in
    flight and the entities again whatever stands behind them.

    Args:
        env: where.
        stage: the operator's name: of its uid, state and metrics; also of the views, `device` for `devices`.
        inputs: a view of bucket, slice (ends_at_ms, is_late, then `columns`) and the time attribute ts.
        columns: types of what a slice holds.
        make: makes the logic on a worker.
        settings: slices, and how many entities are kept as objects.
    """
    slice_ = Types.ROW([_LONG, Types.BOOLEAN(), *columns])
    kind = Types.ROW([Types.INT(), slice_, Types.INSTANT()])
    stream = _translated(env, stage, statement("slices/handed_over", {"inputs": inputs}), kind)
    function = Keyed(stage, make, settings.slice_ms, settings.visitors_in_memory)
    outputs = _keyed_by_bucket(stream).process(function, OUTPUT).uid(stage).name(stage)
    name = stage.removesuffix("s")
    env.create_temporary_view(f"{name}_outputs", env.from_data_stream(outputs, _timed()))
    add_view(env, f"{name}_documents", statement("documents/opened", {"outputs": f"{name}_outputs"}))
    add_view(env, f"{name}_counts", statement("ledger/counted", {"outputs": f"{name}_outputs"}))


def _keyed_by_bucket(stream: Any) -> KeyedStream:
    """The stream by its first column, without a hop through Python."""
    java = stream._j_data_stream
    kind = typeinfo._from_java_type(java.getTransformation().getOutputType())
    key = Types.ROW([Types.INT()]).get_java_type_info()
    return KeyedStream(java.keyBy(get_gateway().jvm.KeyByKeySelector(), key), kind, stream)


class Inserts:
    """Collects what a job writes, so that all of it becomes one Flink job."""

    def __init__(self, env: TableEnvironment) -> None:
        self._env = env
        self._set: StatementSet = env.create_statement_set()

    def into(self, sink: str, descriptor: TableDescriptor, query: str) -> None:
        """Creates the sink table and adds the insert; `query` selects the sink's columns in their order."""
        self._env.create_temporary_table(sink, descriptor)
        self._set.add_insert_sql(f"INSERT INTO {sink} {query}")

    def submit(self) -> None:
        """Submits the job. On a cluster this returns at once; in a local run it waits for the end."""
        self._set.execute()

    def explain(self) -> str:
        """The plan, for people and tests."""
        return str(self._set.explain())
