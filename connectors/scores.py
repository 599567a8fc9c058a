"""The documents of a score: the signal, the log with what it was made of, what a shadow said. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from connectors.model_inputs import CHURN
from connectors.signals import signal_id

SCHEMA = "score/1"
_CONTEXT = ("device", "country", "channel")
_LOGGED = ("visitor_id", "session_id", "event_id", "event_no", "event_type", *_CONTEXT)


def answer_lines(
    kind: str,
    request: Mapping[str, Any],
    answer: Mapping[str, Any],
    values: Sequence[float | None],
    times: tuple[int, int, int],
) -> str:
    """The lines that the statements of state/scoring/ take apart.

    signal_id, score_id, version, signal document, log document, and the shadow's document if one shadows.

    Args:
        kind: the model's name.
        request: what the stream said of the moment: visitor, session, event, context.
        answer: of `connectors.model_scorer`.
        values: the vector that was scored.
        times: ms: the wall clock; from a session's last event to its end; how long a signal is of use.
    """
    now_ms, gap_ms, expires_after_ms = times
    scored_at_ms = request["event_time_ms"] + (gap_ms if kind == CHURN else 0)
    anchor = "visitor" if kind == CHURN else request["session_id"]
    signal = signal_id(kind, kind, request["visitor_id"], anchor)
    said = {name: answer[name] for name in ("model", "score", "evidence")}
    document = {
        "signal_id": signal,
        "kind": kind,
        "visitor_id": request["visitor_id"],
        "occurred_at_ms": scored_at_ms,
        "detected_at_ms": now_ms,
        "expires_at_ms": scored_at_ms + expires_after_ms,
        "session_id": request["session_id"],
        "status": "active",
        "version": scored_at_ms,
        **said,
        "context": {name: request[name] for name in _CONTEXT if name in request},
    }
    score = score_id(signal, request["event_id"])
    log = {
        "schema": SCHEMA,
        "score_id": score,
        "kind": kind,
        **{name: request[name] for name in _LOGGED if name in request},
        "scored_at_ms": scored_at_ms,
        **said,
    }
    documents = [document, {**log, **_shadow(answer), "values": values}]
    if "shadow" in answer:
        documents.append(_compared(log, answer))
    texts = (orjson.dumps(each).decode() for each in documents)
    return "\n".join((signal, score, str(scored_at_ms), *texts))


def _shadow(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"shadow": answer["shadow"]} if "shadow" in answer else {}


def _compared(log: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("score_id", "kind", "visitor_id", "session_id", "scored_at_ms", "model", "score", "evidence")
    return {**{name: log[name] for name in kept}, **_shadow(answer), "version": log["scored_at_ms"]}


def score_id(signal: str, event_id: str) -> str:
    """First 32 hex digits of SHA-256 over signal and event: a replay finds the same moment under it.

    >>> len(score_id("0" * 32, "e"))
    32
    """
    return hashlib.sha256(f"{signal}\n{event_id}".encode()).hexdigest()[:32]
