"""What VISITORS writes, as JSON. Each document has the members of its contract: docs/contracts.md."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import orjson

from connectors.contracts import features as contract
from connectors.contracts.scores import SCHEMA as SCORE_SCHEMA
from connectors.contracts.scores import score_id
from connectors.contracts.sessions import CloseReason
from connectors.contracts.signals import signal_id
from state.documents import block
from state.events import read_block
from state.rules.kinds.base import Finding
from state.visitor import Asked, Moment, Score, Session, Visitor
from state.visitors.scoring import Answer
from state.vocabulary import NAMES

_NO_COUNTS = dict.fromkeys(NAMES, 0)
_TEXTS = (
    "device",
    "country",
    "channel",
    "entry_page",
    "page",
)  # of connectors.contracts.features.TEXTS, where there are any
_CONTEXT = _TEXTS[:3]
DEVICE = "anonymous_id"  # in a signal's context: the device, where it is not the visitor itself


def session_document(visitor_id: str, session: Session, reason: CloseReason) -> bytes:
    """A session that is over."""
    counts = _NO_COUNTS.copy()
    for kind, count in session.counts.items():
        counts[NAMES[kind]] = count
    return orjson.dumps(
        {
            "session_id": session.id,
            "visitor_id": visitor_id,
            "started_at_ms": session.started_at,
            "ended_at_ms": session.last_at,
            "duration_ms": session.last_at - session.started_at,
            "events": session.events,
            "counts": counts,
            "close_reason": reason,
            "version": session.last_at,
        }
    )


def signal_document(visitor_id: str, device: str, found: Finding, now_ms: int) -> tuple[str, bytes]:
    """The id and the document of what a rule found; a device that is not the visitor itself is told."""
    rule = found.rule
    name = signal_id(rule.kind, rule.name, visitor_id, found.anchor)
    document: dict[str, Any] = {
        "signal_id": name,
        "kind": rule.kind,
        "visitor_id": visitor_id,
        "occurred_at_ms": found.occurred_at,
        "detected_at_ms": now_ms,
        "expires_at_ms": found.occurred_at + rule.expires_ms,
    }
    if found.session_id is not None:
        document["session_id"] = found.session_id
    document["status"] = found.status
    document["version"] = found.version
    document["rule"] = {"name": rule.name, "version": rule.version}
    document["evidence"] = found.evidence
    document["context"] = block(_from_device(found.context, device))
    return name, orjson.dumps(document)


def _from_device(context: bytes, device: str) -> bytes:
    """The context with the device in front, unless there is none, or the shop has a member of that name.

    >>> _from_device(b'{"page":"/"}', "d-1"), _from_device(b"", "d-1"), _from_device(b'{ }', "")
    (b'{"anonymous_id":"d-1","page":"/"}', b'{"anonymous_id":"d-1"}', b'{ }')
    """
    if not device or DEVICE in read_block(context):
        return context
    told, rest = orjson.dumps({DEVICE: device}), context[1:].strip()
    return told if rest in (b"", b"}") else told[:-1] + b"," + rest


def alias_document(device_id: str, user_id: str, at: int, users: int) -> tuple[str, bytes]:
    """The id and the document of a device that turned out to be a user's."""
    name = sha256(f"{device_id}\n{user_id}".encode()).hexdigest()[:32]
    document = {
        "alias_id": name,
        "anonymous_id": device_id,
        "visitor_id": user_id,
        "linked_at_ms": at,
        "users_of_anonymous_id": users,
        "version": at,
    }
    return name, orjson.dumps(document)


def features_document(visitor_id: str, moment: Moment) -> bytes:
    """The features as of an event, or as of the end of its session."""
    return _dumps(_features(visitor_id, moment))


def _features(visitor_id: str, moment: Moment) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "visitor_id": visitor_id,
        "session_id": moment.session_id,
        "event_id": moment.event_id,
        "event_no": moment.event_no,
        "event_type": moment.event_type,
        "event_time_ms": moment.at,
        "first_seen_ms": moment.first_seen,
        "last_types": ">".join([NAMES[kind] for kind in moment.kinds]),
        "definitions": contract.VERSION,
        # As 32-bit floats, so that each is written as short as it is; NaN becomes null.
        "values": np.frombuffer(moment.values, dtype=np.float32),
    }
    document.update(_present(moment, _TEXTS))
    if moment.closed_at:
        document["session_ended"], document["closed_at_ms"] = True, moment.closed_at
    return document


def _present(moment: Moment, names: tuple[str, ...]) -> dict[str, str]:
    return {name: text for name in names if (text := getattr(moment, name)) is not None}


def visitor_document(visitor: Visitor, asked: Asked, version: int, with_scores: bool) -> bytes:
    """What is known of a visitor; of one that has been silent for long, no features."""
    moment = asked.moment
    document: dict[str, Any] = {
        "visitor_id": visitor.id,
        "first_seen_ms": moment.first_seen,
        "last_seen_ms": moment.at,
        "context": _present(moment, _CONTEXT),
        **asked.described,
        "version": version,
    }
    if moment.values:
        document["session_id"], document["features"] = moment.session_id, _features(visitor.id, moment)
    if with_scores:
        document["scores"] = [_score(model, score) for model, score in visitor.scores.items()]
    return _dumps(document)


def _score(model: str, score: Score) -> dict[str, Any]:
    document: dict[str, Any] = {
        "model": model,
        "version": score.version,
        "score": score.score,
        "scored_at_ms": score.scored_at,
    }
    return document | ({"cluster": score.cluster} if score.cluster else {})


def score_document(visitor_id: str, asked: Asked, answer: Answer, now_ms: int) -> tuple[str, bytes]:
    """The id and the document of a score: the answer, and the features that it was made of."""
    name = score_id(asked.model, visitor_id, asked.moment.event_id)
    document = _features(visitor_id, asked.moment)
    document["schema"] = SCORE_SCHEMA
    document["score_id"], document["kind"], document["scored_at_ms"] = name, asked.model, asked.at
    document.update(_answer_fields(answer, now_ms))
    if "shadow" in answer:
        document["shadow"] = answer["shadow"]
    return name, _dumps(document)


def shadow_document(visitor_id: str, asked: Asked, answer: Answer, now_ms: int) -> tuple[str, bytes]:
    """The id and the document of what a shadowing version says beside the live one."""
    name = score_id(asked.model, visitor_id, asked.moment.event_id)
    document = {
        "score_id": name,
        "kind": asked.model,
        "visitor_id": visitor_id,
        "session_id": asked.moment.session_id,
        "scored_at_ms": asked.at,
        "version": asked.at,
        **_answer_fields(answer, now_ms),
        "shadow": answer["shadow"],
    }
    return name, orjson.dumps(document)


def score_signal(
    visitor_id: str, device: str, asked: Asked, answer: Answer, expires_ms: int, now_ms: int
) -> tuple[str, bytes]:
    """The id and the document of a model's signal; a score of the band `low` takes it back."""
    name = signal_id(asked.model, asked.model, visitor_id, asked.anchor)
    document = {
        "signal_id": name,
        "kind": asked.model,
        "visitor_id": visitor_id,
        "occurred_at_ms": asked.at,
        "expires_at_ms": asked.at + expires_ms,
        "session_id": asked.moment.session_id,
        "status": "retracted" if answer["evidence"]["band"] == "low" else "active",
        "version": asked.at,
        **_answer_fields(answer, now_ms),
        "context": {**({DEVICE: device} if device else {}), **_present(asked.moment, _CONTEXT)},
    }
    return name, orjson.dumps(document)


def _answer_fields(answer: Answer, now_ms: int) -> dict[str, Any]:
    """What signal, log and shadow have in common."""
    return {
        "detected_at_ms": now_ms,
        "model": answer["model"],
        "score": answer["score"],
        "evidence": answer["evidence"],
    }


def _dumps(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
