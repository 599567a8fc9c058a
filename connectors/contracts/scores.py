"""The texts of a score, of which the statements of state/scoring/ make documents. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

SCHEMA = "score/1"
# The texts of an answer, in the order in which state/scoring/scores.sql takes them.
TEXTS = ("score_id", "model_version", "score", "band", "context", "said", "shadow")
_CONTEXT = ("device", "country", "channel")


def answer_texts(
    kind: str, request: Mapping[str, Any], answer: Mapping[str, Any], now_ms: int
) -> list[str | None]:
    """TEXTS of one score; members of documents are JSON already, so that a document is joined and not made.

    Args:
        kind: the model's name.
        request: the features as of the moment: a document of the topic `footfall.features`.
        answer: of `udfs.model_scorer`.
        now_ms: wall clock, epoch milliseconds.
    """
    model, score = answer["model"], repr(answer["score"])
    reference = _reference(model["name"], model["version"], model["sha256"])
    evidence = _json(answer["evidence"])
    return [
        score_id(kind, request["visitor_id"], request["event_id"]),
        model["version"],
        score,
        answer["evidence"]["band"],
        _context(*(request.get(name) for name in _CONTEXT)),
        f'"detected_at_ms":{now_ms},"model":{reference},"score":{score},"evidence":{evidence}',
        _json(answer["shadow"]) if "shadow" in answer else None,
    ]


@lru_cache(maxsize=100)
def _reference(name: str, version: str, sha256: str) -> str:
    return _json({"name": name, "version": version, "sha256": sha256})


@lru_cache(maxsize=10_000)
def _context(*values: str | None) -> str:
    return _json({name: value for name, value in zip(_CONTEXT, values, strict=True) if value is not None})


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def score_id(kind: str, visitor_id: str, event_id: str) -> str:
    """First 32 hex digits of SHA-256 over model, visitor and event: a replay finds the moment under it again.

    >>> len(score_id("purchase_intent", "v", "e"))
    32
    """
    return hashlib.sha256(f"{kind}\n{visitor_id}\n{event_id}".encode()).hexdigest()[:32]
