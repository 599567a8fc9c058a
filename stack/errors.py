"""What can go wrong while the embedded stack starts, runs or stops."""

from __future__ import annotations


class StackError(Exception):
    """A part of the stack failed; the text says where, what was required, what came and what to do."""


class JavaNotFound(StackError):
    """No Java runtime that Flink, Kafka and Elasticsearch all accept."""


class DownloadFailed(StackError):
    """A jar could not be fetched, or what came is not the pinned file."""


class PortTaken(StackError):
    """A server found its port in use."""


class NotEnoughMemory(StackError):
    """The machine has less free memory than the stack needs."""


class WorkdirBusy(StackError):
    """Another stack holds the working directory."""


class ComponentFailed(StackError):
    """A server process ended or did not become ready in time."""
