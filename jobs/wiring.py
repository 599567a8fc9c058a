"""What every job's wiring needs: the environment, views out of SQL files, inserts for one submission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pyflink.common import Configuration
from pyflink.table import (
    CompiledPlan,
    DataTypes,
    EnvironmentSettings,
    PlanReference,
    Schema,
    StatementSet,
    TableDescriptor,
    TableEnvironment,
)

from connectors.model_inputs import PLACES
from jobs.settings import Settings
from state.exchanges import drop_exchanges
from state.sql import Value, statement
from state.uids import name_operators

VERSION = "0.1.0"
_NO_CAP = 2**62
_TOLD = "pipeline.global-job-parameters"
MEMORIES = ("rule_memory_ms", "visitor_memory_ms")
ANSWER_MEMORY = "answer_memory_ms"  # no setting: it follows from the rules


def environment(name: str, settings: Settings) -> TableEnvironment:
    """A streaming environment with what the SQL relies on; the cluster's configuration gives the rest."""
    return TableEnvironment.create(_environment_settings(name, settings).in_streaming_mode().build())


def batch_environment(name: str, settings: Settings) -> TableEnvironment:
    """The same for history that is read to its end."""
    return TableEnvironment.create(_environment_settings(name, settings).in_batch_mode().build())


def _environment_settings(name: str, settings: Settings) -> EnvironmentSettings.Builder:
    configuration = Configuration()
    for key, value in _options(name, settings).items():
        configuration.set_string(key, value)
    return EnvironmentSettings.new_instance().with_configuration(configuration)


def _options(name: str, settings: Settings) -> dict[str, str]:
    return {
        "pipeline.name": f"footfall-{name}",
        "parallelism.default": str(settings.parallelism),
        "pipeline.object-reuse": "true",
        # A Python operator answers at the end of a bundle: short ones for latency, long for a bounded read.
        "python.fn-execution.bundle.time": str(1_000 if settings.bounded else settings.bundle_time_ms),
        "python.fn-execution.bundle.size": "5000",
        "python.fn-execution.arrow.batch.size": "5000",
        # So long a watermark waits at each of half a dozen exchanges.
        "execution.buffer-timeout.interval": f"{100 if settings.bounded else settings.buffer_timeout_ms} ms",
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": _memory(settings.dedup_ttl_ms, settings),
        # A bounded read ends with the final watermark; a partition that waits its turn is not idle.
        "table.exec.source.idle-timeout": f"{0 if settings.bounded else settings.idle_timeout_ms} ms",
        "table.exec.sink.upsert-materialize": "NONE",
        # Footfall's own: the retention of single operators, which their rows in state/uids.py name.
        **{f"footfall.{name}": _memory(int(settings[name]), settings) for name in MEMORIES},
        # What the job works with, for whoever explains its answers: numbers and switches, no secrets.
        _TOLD: _told({name: value for name, value in settings.items() if not isinstance(value, str)}),
    }


def _memory(milliseconds: int, settings: Settings) -> str:
    """How long state is kept that nobody uses, by the wall clock.

    A bounded read keeps it to its end: in an hour of backfill months go by, and what the clock forgot in the
    middle would be missing. On the heap each access pays for forgetting, too: a sixth of the whole job.
    """
    return f"{0 if settings.bounded else milliseconds} ms"


def tell(env: TableEnvironment, **words: object) -> None:
    """Adds to what the running job says of itself over Flink's REST interface (`user-config`)."""
    before = env.get_config().get(_TOLD, "")
    env.get_config().set(_TOLD, ",".join([*filter(None, [before]), _told(words)]))


def _told(words: Mapping[str, object]) -> str:
    return ",".join(f"{name}:{value}" for name, value in words.items())


def remember(env: TableEnvironment, name: str, milliseconds: int, settings: Settings) -> None:
    """Says how long the operators of `state/uids.py` whose memory has this name keep what nobody uses."""
    env.get_config().set(f"footfall.{name}", _memory(milliseconds, settings))


def _memories(env: TableEnvironment) -> dict[str, str]:
    names = (*MEMORIES, ANSWER_MEMORY)
    configured = {name: env.get_config().get(f"footfall.{name}", "") for name in names}
    return {name: value for name, value in configured.items() if value}


def values(settings: Settings) -> dict[str, Value]:
    """The settings as the SQL files name them; `_interval` is milliseconds too, written as an INTERVAL."""
    return {
        "out_of_orderness_interval": settings.out_of_orderness_ms,
        "session_gap_ms": settings.session_gap_ms,
        "session_gap_interval": settings.session_gap_ms,
        # For windows over session_events: an event at the very end must find the window open.
        "session_close_interval": settings.session_gap_ms + 1,
        "session_max_ms": settings.session_max_ms,
        "session_max_events": settings.session_max_events,
        "visitor_step_interval": settings.visitor_step_ms,
        "cart_timeout_ms": settings.cart_timeout_ms,
        "cart_timeout_interval": settings.cart_timeout_ms,
        "cart_recovery_ms": settings.cart_recovery_ms,
        # An abandonment's time is 1 ms before it fires, and WITHIN excludes its end: 2 ms more.
        "cart_recovery_within_interval": settings.cart_recovery_ms + 2,
        "signal_expires_after_ms": settings.signal_expires_after_ms,
        "consent_required": int(settings.consent_required),
        "bot_events_per_minute": settings.bot_events_per_minute or _NO_CAP,
        "bot_events_per_day": settings.bot_events_per_day or _NO_CAP,
        "bot_quarantine_ms": settings.bot_quarantine_ms,
        "score_every_events": settings.score_every_events or _NO_CAP,
        "score_max_events": settings.score_max_events,
        **PLACES,
        "job_version": VERSION,
        "matches": "rule_matches",
        "ledger_step_interval": 300_000 if settings.bounded else settings.ledger_step_ms,
    }


def add_views(env: TableEnvironment, names: Iterable[str], settings: Settings) -> None:
    """Registers `state/<name>.sql` as a view called like its file, in the order given."""
    filled = values(settings)
    for name in names:
        add_view(env, name.rpartition("/")[2], statement(name, filled))


def add_view(env: TableEnvironment, view: str, query: str) -> None:
    """Registers one view."""
    env.create_temporary_view(view, env.sql_query(query))


def read_valid_events(env: TableEnvironment, source: TableDescriptor, settings: Settings) -> None:
    """Makes `events_valid` of the topic's source, for a stage that runs on its own."""
    env.create_temporary_table("events_read", source)
    add_view(env, "events_valid", statement("ingest/events_read_back", {"events": "events_read"}))


def pin(env: TableEnvironment, inserts: Inserts, view: str) -> None:
    """Makes the planner compute a view of visitors once for all its readers, as it does in the suite.

    It plans what several sinks read on its own, with all columns; for the branches of a single sink it would
    make operators with just the columns of each.
    """
    schema = Schema.new_builder().column("visitor_id", DataTypes.STRING()).build()
    nowhere = TableDescriptor.for_connector("blackhole").schema(schema).build()
    inserts.into(f"{view}_once", nowhere, f"SELECT visitor_id FROM {view}")  # noqa: S608 - name of a view


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
        self.plan().execute()

    def execute(self) -> None:
        """Submits a batch job: it has no savepoint to outlive, and so no names."""
        self._set.execute()

    def plan(self) -> CompiledPlan:
        """The plan that is submitted; every operator that keeps state has its name of state/uids.py.

        Raises:
            UnnamedState: the plan has an operator that keeps state and is not in that table.
        """
        plan = json.loads(self._set.compile_plan().as_json_string())
        name_operators(plan, ttls=_memories(self._env))
        drop_exchanges(plan)
        named = self._env.load_plan(PlanReference.from_json_string(json.dumps(plan)))
        named._t_env = self._env  # pyflink 2.3 hands the Java environment over, which cannot execute
        return named

    def explain(self) -> str:
        """The plan, for people and tests."""
        return str(self._set.explain())
