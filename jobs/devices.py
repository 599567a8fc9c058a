"""DEVICES: messages -> events judged for their visitors, late events, dead letters; one keyed operator."""

from __future__ import annotations

from pyflink.table import StreamTableEnvironment

from connectors.keys import KeySource
from jobs.settings import Settings
from jobs.wiring import POSITIONS, VALUES, VERSION, add_views, hosted
from state.options import Options
from udfs.logics import MakeDevices

READS = ("messages_with_lateness", "messages_on_time")
VIEWS = ("slices/device_slices", "slices/device_inputs")
EMITS = ("rejected", "late")


def build(env: StreamTableEnvironment, settings: Settings) -> None:
    """Adds the slices and the operator; makes `device_outputs`, `device_documents`, `device_counts`."""
    add_views(env, VIEWS, settings)
    key_source = KeySource(settings.pseudonym_key_file) if settings.pseudonymise else None
    make = MakeDevices(Options.of(settings, EMITS, VERSION), settings.buckets, key_source)
    hosted(env, "devices", "device_inputs", [*VALUES, *POSITIONS], make, settings)
