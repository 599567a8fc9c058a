"""The root of Footfall's exceptions, and those of the engine; connectors/errors.py shows the whole tree."""

from __future__ import annotations

import errno
from typing import ClassVar

INPUT, FAILED = 2, 1  # exit status of a command: somebody has to correct what was given; something has failed


class FootfallError(Exception):
    """Any failure that Footfall foresees.

    A class cannot be made without the operator's action; a message may bring one that fits better.

    Attributes:
        message: where it happened, what was required, what came.
        action: what the operator does about it.
        status: exit status of a command that ends with it.

    >>> class Hungry(FootfallError, action="feed it", status=FAILED):
    ...     pass
    >>> Hungry("the cat sits there").action, str(Hungry("the cat sits there", "give it milk"))
    ('feed it', 'the cat sits there; give it milk')
    """

    action: str
    status: ClassVar[int]

    def __init_subclass__(cls, *, action: str, status: int) -> None:
        """Notes what every class must have."""
        super().__init_subclass__()
        cls.action, cls.status = action, status

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(message)
        self.message = message
        if action:
            self.action = action

    def __str__(self) -> str:
        """Both in one text, for a job's log."""
        return f"{self.message}; {self.action}"


class BadInput(FootfallError, action="correct or replace the input that is named", status=INPUT):
    """Input that nothing can be made of."""


class BadRule(BadInput, action="correct the line of the file that is named", status=INPUT):
    """A rule, or a pack of rules, is refused."""


class StateTooNew(
    FootfallError,
    action="run the release that wrote the state, or start from a savepoint of this one",
    status=FAILED,
):
    """A newer version wrote the state."""


class EngineDefect(
    FootfallError,
    action="replay the event with scripts/why --slice TOPIC:PARTITION:OFFSET and report what it prints",
    status=FAILED,
):
    """The engine could not take an event or settle what was due: a defect of ours; names the source position.

    The job restarts from its checkpoint and fails again at the same event; nothing is lost.
    """


_WORDS = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.EEXIST: "it exists already",
    errno.ENOSPC: "no space is left on the disk",
    errno.EROFS: "the disk is read-only",
    errno.ECONNREFUSED: "connection refused",
}


def plain_os(error: OSError) -> str:
    """What the operating system says, in words and without its number.

    >>> plain_os(FileNotFoundError(2, "No such file or directory", "x")), plain_os(OSError("not a gzip file"))
    ('no such file or folder', 'not a gzip file')
    """
    if error.errno in _WORDS:
        return _WORDS[error.errno]
    text = str(error.strerror or error)
    return text[:1].lower() + text[1:]
