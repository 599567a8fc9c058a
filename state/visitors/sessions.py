"""Where sessions begin and end: at a gap of more than the session gap; one of exactly that does not count."""

from __future__ import annotations

from connectors.contracts.sessions import CloseReason, session_id
from state.events import Event
from state.logic import NEVER
from state.options import Options
from state.visitor import Session, Visitor


def goes_on(visitor: Visitor, at: int, options: Options) -> bool:
    """Whether an event at that time belongs to the open session."""
    session = visitor.session
    return (
        session is not None
        and at - visitor.last_at <= options.session_gap_ms
        and at < session.ends_by
        and session.events < options.session_max_events
    )


def begin(visitor: Visitor, event: Event, options: Options) -> Session:
    """The session that begins with an event; `visitor.session` is still the one before, if that was cut."""
    at, cut, context = event.event_time_ms, visitor.session, event.kept_context
    if cut is not None and at < cut.ends_by:  # cut for its number of events: the next part
        part, began_at = cut.part + 1, cut.began_at
        name = session_id(visitor.id, began_at, part)
        visitor.session = Session(name, at, at, context, cut.ends_by, began_at, part)
        return visitor.session
    if cut is None:
        visitor.unbroken_since = at
    visitor.before_session_at = visitor.last_at
    visitor.sessions += 1
    visitor.session = Session(session_id(visitor.id, at), at, at, context, _ends_by(visitor, at, options), at)
    return visitor.session


def _ends_by(visitor: Visitor, at: int, options: Options) -> int:
    """The next full session_max_ms since the visitor's stretch without a gap began."""
    since, most = visitor.unbroken_since, options.session_max_ms
    return since + ((at - since) // most + 1) * most


def upcoming_id(visitor: Visitor, at: int, options: Options) -> str:
    """The id of the session that an event at that time will belong to."""
    if visitor.session is not None and goes_on(visitor, at, options):
        return visitor.session.id
    return session_id(visitor.id, at)


def closes_at(visitor: Visitor, options: Options) -> int:
    """When the open session is over if nothing comes; NEVER if none is open."""
    return NEVER if visitor.session is None else visitor.session.last_at + options.session_gap_ms


def close_reason(session: Session, options: Options) -> CloseReason:
    """Why the session ended."""
    if session.events >= options.session_max_events:
        return "max_events"
    return "max_duration" if session.ends_by - session.last_at <= options.session_gap_ms else "gap"
