"""What can go wrong while the embedded stack starts, runs or stops."""

from __future__ import annotations

from connectors.errors import FAILED, FootfallError


class StackError(FootfallError, action="read the log that is named, correct it, start again", status=FAILED):
    """A part of the stack failed."""


class JavaNotFound(
    StackError,
    action="point FOOTFALL_JAVA_HOME to a Java 17 or 21, or unset it to use that of the requirements",
    status=FAILED,
):
    """No Java runtime that Flink, Kafka and Elasticsearch all accept."""


class DownloadFailed(
    StackError,
    action="check the network (and HTTPS_PROXY), then start again: what is there is kept",
    status=FAILED,
):
    """A jar could not be fetched, or what came is not the pinned file."""


class PortTaken(StackError, action="start again: free ports are chosen anew each time", status=FAILED):
    """A server found its port in use."""


class NotEnoughMemory(StackError, action="close other programs, or start fewer parts", status=FAILED):
    """The machine has less free memory than the stack needs."""


class WorkdirBusy(StackError, action="stop the other stack, or choose another --workdir", status=FAILED):
    """Another stack holds the working directory."""


class ComponentFailed(StackError, action="read the log that is named; start again", status=FAILED):
    """A server process ended or did not become ready in time."""
