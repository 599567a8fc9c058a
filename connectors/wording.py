"""What libraries say of a failure, in plain words: without class names and the operating system's numbers."""

from __future__ import annotations

import os
import re
import zlib

from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError
from pydantic import ValidationError

from connectors.contracts.errors import FootfallError, plain_os

_CLASS = re.compile(r"^[\w.]*(?:Error|Exception)[:(] *")
_NUMBER = re.compile(r"\[(?:Errno|Error) -?\d+\] ?")
_CODE = re.compile(r"(\d+) E[A-Z]+")  # kafka-python gives the number of what the system says
_CAUSE = re.compile(r"\[Errno -?\d+\] ([^'\"\)\]<>]+)")
_LONGEST = 500  # characters


def plainly(error: BaseException) -> str:
    """What went wrong, to stand behind a colon.

    >>> plainly(PermissionError(13, "", "x")), plainly(ValueError("[Errno 5] ValueError: odd"))
    ('permission denied', 'odd')
    >>> plainly(EOFError("Compressed file ended before the end-of-stream marker was reached"))
    'the compressed file is cut off'
    """
    if isinstance(error, FootfallError):
        return error.message
    if isinstance(error, (EOFError, zlib.error)):
        return "the compressed file is cut off" if isinstance(error, EOFError) else "it is no whole gzip file"
    if isinstance(error, UnicodeDecodeError):
        return f"UTF-8 is required, byte {error.start} is not: {error.reason}"
    if isinstance(error, ApiError):
        return _answered(error)
    if isinstance(error, TransportError):
        return _unanswered(error)
    if isinstance(error, ValidationError):
        return _misfit(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno is not None:
        return plain_os(error)
    return _cleaned(_library_text(error))


def _answered(error: ApiError) -> str:
    """Of a refusal of Elasticsearch: its status, and the deepest reason that it gives."""
    found = error.body.get("error") if isinstance(error.body, dict) else None
    roots = (found.get("root_cause") or [found]) if isinstance(found, dict) else []
    reason = next((str(one["reason"]) for one in roots if one.get("reason")), error.message)
    return f"status {error.meta.status}: {_cleaned(reason)}"


def _unanswered(error: TransportError) -> str:
    if isinstance(error, ConnectionTimeout):
        return "no answer in time"
    return _cleaned(str(error.message))


def _misfit(error: ValidationError) -> str:
    """The first thing that does not fit: where, and what is the matter with it."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _library_text(error: BaseException) -> str:
    """The text of an error; a Kafka client's is inside of its first argument."""
    inner = error.args[0] if error.args else ""
    text = inner.str() if hasattr(inner, "str") and callable(inner.str) else str(error)
    return text or type(error).__name__


def _cleaned(text: str) -> str:
    """Without classes and numbers.

    >>> _cleaned("KafkaConnectionError: 111 ECONNREFUSED"), _cleaned("[Error 7] ValueError: odd")
    ('connection refused', 'odd')
    """
    cause = _CAUSE.search(text)
    text, before = (cause[1] if cause else text), ""
    while text != before:
        before, text = text, _CLASS.sub("", _NUMBER.sub("", text)).strip()
    if code := _CODE.fullmatch(text):
        return plain_os(OSError(int(code[1]), os.strerror(int(code[1]))))
    return (text[:1].lower() + text[1:] if cause else text)[:_LONGEST]
