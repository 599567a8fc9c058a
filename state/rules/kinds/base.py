"""What every kind of rule has: its verbs, what it finds, how it remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from state.events import Event
from state.rules.language.fields import TextReader, field
from state.rules.language.model import DEFAULT_EXPIRES_MS
from state.visitor import Session, Visitor

DAY_MS = 86_400_000
NOTHING: frozenset[int] = frozenset()
MOST_KEYS = (
    1_000  # values of a key that a rule remembers of a visitor, or of a session; the oldest goes first
)
_LONGEST_KEY = 64  # characters; what is longer is remembered by its hash


class RuleRef(NamedTuple):
    """The rule that found something; `kind` is that of its signals."""

    name: str
    version: int
    kind: str
    expires_ms: int


class Finding(NamedTuple):
    """A change of a signal.

    Attributes:
        rule: that found it.
        anchor: what it hangs on; with the kind, the rule's name and the visitor it makes the signal's id.
        status: of the signal.
        occurred_at: event time at which it became true.
        version: event time of the change.
        session_id: that it is about, where it is about one.
        context: of the event that it hangs on, as JSON text; empty where there is none.
        evidence: why.
    """

    rule: RuleRef
    anchor: str
    status: str
    occurred_at: int
    version: int
    session_id: str | None
    context: bytes
    evidence: dict[str, Any]


Emit = Callable[[Finding], None]


class Kept(NamedTuple):
    """Something that a rule remembers.

    Attributes:
        what: in words.
        of: whether it hangs in the visitor or in the session.
        at_most: how many there can be of one visitor, or of one session.
        kept_ms: for how long after its event; None: as long as the session is open.
        each: the field whose values are remembered apart; empty where there is none.
    """

    what: str
    of: str
    at_most: int
    kept_ms: int | None = None
    each: str = ""


@dataclass(frozen=True)
class Spans:
    """What rules take from the settings.

    Attributes:
        session_gap_ms: when a session is over.
        expires_ms: how long signals are of use whose rule has the default.
        memory_ms: how long what looks back for months remembers.
        late_ms: so long an answer may come late and still take a signal back.
        bounded: the stream ends: nothing is forgotten.
    """

    session_gap_ms: int = 1_800_000
    expires_ms: int = DEFAULT_EXPIRES_MS
    memory_ms: int = 400 * DAY_MS
    late_ms: int = DAY_MS
    bounded: bool = False


class Kind:
    """A rule at work. What it remembers hangs in the visitor, or in the session, under `key`.

    Attributes:
        key: name/version, so that another version begins anew.
        ref: the rule, for what it finds.
        hears: numbers of the event types that `on_event` is called for.
    """

    hears: frozenset[int] = NOTHING

    def __init__(self, rule: Any, spans: Spans) -> None:
        """Takes the rule as it was read, one of the classes of state/rules/language/model.py."""
        self.rule, self.spans, self.key = rule, spans, rule.key_in_state
        expires_ms = spans.expires_ms if rule.expires == DEFAULT_EXPIRES_MS else rule.expires
        self.ref = RuleRef(rule.name, rule.version, rule.signal_kind, expires_ms)

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Takes an event of a type in `hears`; the visitor's and session's counts know it already."""

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops what it cannot need any more."""

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        return []

    def found(self, at: int, anchor: str, session_id: str | None, context: bytes, **evidence: Any) -> Finding:
        """Something that becomes true at a moment and is the newest word on it."""
        return Finding(self.ref, anchor, "active", at, at, session_id, context, evidence)


class SessionEndKind(Kind):
    """One that also, or only, answers when a session is over."""

    def on_session_end(self, visitor: Visitor, session: Session, emit: Emit) -> None:
        """The session is over."""
        evidence = self.asked(visitor, session)
        if evidence is not None:
            at = session.last_at + self.spans.session_gap_ms
            emit(self.found(at, session.id, session.id, session.context, **evidence))

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """The evidence where the session fulfils the rule, else None."""
        raise NotImplementedError


class Key:
    """What a rule counts apart: the value of a field, or everything together."""

    def __init__(self, name: str | None) -> None:
        self.read: TextReader = field(name).text_reader() if name else lambda event: ""
        self.name, self.leaf = name or "", field(name).leaf if name else ""
        self.most = MOST_KEYS if name else 1

    def evidence(self, value: str) -> dict[str, Any]:
        """The value as evidence has it."""
        return {self.leaf: value} if value else {}


def short(value: str) -> str:
    """The value as state has it: an address of 40,000 characters is remembered by its hash.

    >>> short("shoes"), len(short("x" * 40_000))
    ('shoes', 33)
    """
    if len(value) <= _LONGEST_KEY:
        return value
    return "#" + blake2b(value.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def bounded(found: dict[str, Any], most: int = MOST_KEYS) -> None:
    """Lets the oldest key go where there are too many."""
    if len(found) > most:
        del found[next(iter(found))]


def sort_key_of(event: Event) -> list[int]:
    """What orders a visitor's events: time, and sequence inside a millisecond."""
    return [event.event_time_ms, event.sequence]


def events_of(kinds: frozenset[int] | None, session: Session) -> int:
    """How many events of the types the session has; None: of any type."""
    if kinds is None:
        return session.events
    counts = session.counts
    return sum(counts[kind] for kind in kinds if kind in counts)
