"""One JVM for the whole level."""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyflink
import pytest
from pyflink import java_gateway

from stack import jars
from stack.flink_client import flink_home, link_libraries
from stack.java import java_home
from tests.sql.story import BROKEN, MOST_A_DAY, STORY, in_partitions, mutated, poison
from tests.sql.tables import Answers, Flink, Message

# A test runs for seconds: the quick compiler and the small collector are worth more than peak speed.
_JVM_ARGS = "-Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
CONNECTORS = ("flink", "lake")


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    """Runs statements in the level's JVM."""
    folder = tmp_path_factory.mktemp("flink")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java_home()))
        patch.setenv("JVM_ARGS", _JVM_ARGS)
        patch.setenv("FLINK_LOG_DIR", str(folder))
        patch.setenv("FLINK_CONF_DIR", str(Path(pyflink.__file__).with_name("conf")))
        link_libraries(folder / "lib", [jar for part in CONNECTORS for jar in jars.fetch(part)])
        patch.setenv("FLINK_HOME", str(flink_home()))  # else PyFlink takes the folder of its own jars
        patch.setenv("FLINK_LIB_DIR", str(folder / "lib"))

        _start_jvm(patch)
        yield Flink(folder)


@pytest.fixture(scope="session")
def story_messages() -> list[Message]:
    """The story, then messages with something broken in them."""
    return in_partitions([*STORY, *poison(BROKEN), *mutated(seed=3, count=1_500, number=BROKEN + 10)])


@pytest.fixture(scope="session")
def story(flink: Flink, story_messages: list[Message]) -> Answers:
    """What the suite makes of the story."""
    return flink.suite(story_messages, parallelism=2, bot_events_per_day=MOST_A_DAY)


def _start_jvm(patch: pytest.MonkeyPatch) -> None:
    """Starts PyFlink's JVM and holds its process: PyFlink itself drops it, with its pipes open."""
    launch = java_gateway.launch_gateway_server_process

    def launch_and_hold(*arguments: Any) -> subprocess.Popen[bytes]:
        process = launch(*arguments)
        # Not earlier: Python's proxies of Java objects say goodbye whenever they are collected.
        atexit.register(_end, process)
        return process

    patch.setattr(java_gateway, "launch_gateway_server_process", launch_and_hold)
    java_gateway.get_gateway()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.communicate(timeout=30)
