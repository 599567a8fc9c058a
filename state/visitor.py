"""What is remembered of a visitor. New members go to the end and have a default: see state/codec.py."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

Context = bytes  # the block of an event as JSON text (`Event.kept_context`); empty where there is none
Word = tuple[int, int, str]  # status, behind time and sequence of its event


class Wait(Struct, array_like=True, gc=False, omit_defaults=True):
    """A rule's wait for an event: open (`Visitor.waits`), or unanswered (`Visitor.unanswered`).

    Attributes:
        due: event time at which it is over.
        since_at: of the event that it counts from, epoch milliseconds.
        event_id: of that event.
        session_id: of that event.
        events: how many events started it or went on with it.
        amount: what is at stake; None where the rule has no value.
        context: of that event.
        answered: open: what it waits for has come; unanswered: it came later, or never can.
        kept: whatever else its rule keeps (the content of a cart).
    """

    due: int
    since_at: int
    event_id: str
    session_id: str | None
    events: int = 1
    amount: float | None = None
    context: Context = b""
    answered: bool = False
    kept: Any = None


class Session(Struct, array_like=True, gc=False, omit_defaults=True):
    """The open session.

    Attributes:
        id: `connectors.contracts.sessions.session_id`.
        started_at: of its first event; last_at: of its last one.
        context: of its first event.
        ends_by: from then on an event belongs to another session, even if no gap comes.
        began_at, part: of a session cut for its number of events: the beginning of part 0, and which part.
        events: how many; counts: how many by type (state/vocabulary.py).
        kinds: types of the last three events, the last one last.
        first_category: of the first view with a category.
        revenue: of its purchases; cart_value: of its add_to_carts; None where no event said any.
        rules: what rules remember of this session, by `name/version`.
        gap, longest, squares: ms between its last two events, between two at most, and the sum of squares.
        dwell: milliseconds by kind of page (PAGE_KINDS of contracts/features.py); scroll: how far down.
        categories, products: the different ones, up to a bound.
        price_…: over the events that have a price; step: the furthest of the funnel.
        weight_…: of its events, each by exp(-age).
        entry_page, page: path of the first and of the last event that has one.
    """

    id: str
    started_at: int
    last_at: int
    context: Context
    ends_by: int = 0
    began_at: int = 0
    part: int = 0
    events: int = 0
    counts: dict[int, int] = {}
    kinds: list[int] = []
    first_category: str | None = None
    revenue: float | None = None
    cart_value: float | None = None
    rules: dict[str, Any] = {}
    gap: int = 0
    longest: int = 0
    squares: int = 0
    dwell: dict[int, int] = {}
    scroll: float | None = None
    categories: set[str] = set()
    products: set[str] = set()
    price_min: float | None = None
    price_max: float | None = None
    price_sum: float = 0.0
    prices: int = 0
    step: int = 0
    weight_5m: float = 0.0
    weight_30m: float = 0.0
    weight_1h: float = 0.0
    entry_page: str | None = None
    page: str | None = None


class Moment(Struct, array_like=True, gc=False, omit_defaults=True):
    """The features as of an event, kept until they are documented or scored.

    Attributes:
        at: of the event; event_id, event_type: its id and type; event_no: which one of its session.
        first_seen: of the visitor's first event; kinds: types of the last three.
        device, country, channel, entry_page, page: the texts beside the vector.
        values: the vector, 32-bit floats; NaN is null.
        closed_at: when the session was over; 0 while it is open.
    """

    at: int
    session_id: str
    event_id: str
    event_no: int
    event_type: str
    first_seen: int
    kinds: list[int]
    values: bytes
    device: str | None = None
    country: str | None = None
    channel: str | None = None
    entry_page: str | None = None
    page: str | None = None
    closed_at: int = 0


class Asked(Struct, array_like=True, gc=False, omit_defaults=True):
    """What waits for the end of its slice: a question to a model, or the visitor's document behind one.

    Attributes:
        model: its name; empty for the visitor's document.
        at: event time of the moment; what comes of it has this version.
        anchor: what the signal hangs on.
        asked_in: end of the slice; from then on it may be answered.
        moment: the features.
        described: of the document: in which segments the visitor was.
        changed_at: of the document: when one of them changed last.
    """

    model: str
    at: int
    anchor: str
    asked_in: int
    moment: Moment
    described: dict[str, Any] = {}
    changed_at: int = 0


class Score(Struct, array_like=True, gc=False, omit_defaults=True):
    """The last score of a model, and the name of the visitor's cluster where the model has clusters."""

    version: str
    score: float
    scored_at: int
    cluster: str = ""


class Admission(Struct, array_like=True, gc=False, omit_defaults=True):
    """What is remembered to let a visitor's events pass or to hold them back.

    Attributes:
        consent: the user's last word on all devices; of one that is no user, the device has it.
        throttled_at: when the visitor was last over a cap of bots.
        devices: that turned out to be this user's, the newest ones.
        last_at: of the last event, admitted or not.
    """

    consent: Word | None = None
    throttled_at: int = 0
    devices: list[str] = []
    last_at: int = 0


class Stay(Struct, array_like=True, gc=False, omit_defaults=True):
    """In which segment a visitor is, of one file of segments.

    Attributes:
        segment: its name; empty: none of them.
        since: event time at which the visitor came into it.
        before, before_since: the stay before it, if time alone ended that: a late event may bring it back.
    """

    segment: str
    since: int
    before: str = ""
    before_since: int = 0


class Membership(Struct, array_like=True, gc=False, omit_defaults=True):
    """What is remembered for segments.

    Attributes:
        starts: of the newest sessions, the newest last.
        due: when time alone may move the visitor on: never later than it does.
        edition: of the segments by which the visitor was looked at last.
        late_at: of the newest event that came behind the watermark.
        stays: by name of the file.
        changed_at: event time of the last change.
    """

    starts: list[int] = []
    due: int = 0
    edition: int = 0
    late_at: int = 0
    stays: dict[str, Stay] = {}
    changed_at: int = 0


class Visitor(Struct, array_like=True, gc=False, omit_defaults=True):
    """All of a visitor.

    Attributes:
        id: the canonical visitor.
        seen_since, last_at: of the first and of the last event, epoch milliseconds; 0 where there is none.
        events, sessions, purchases: how many; purchase_at: of the last purchase.
        weight_24h: of the events, each by exp(-age).
        unbroken_since: since then there was no session gap; before_session_at: the event before this session.
        last_event_id, last_event_type, context: of the last event.
        session: the open one.
        waits: the open wait of a rule; unanswered: those that may still be recovered or retracted.
        rules: what rules remember beyond a session; all three by `name/version`.
        admission: consent and caps.
        scores: the last one of each model; signal_anchors: the anchor of each model's last signal.
        asked: what waits for the end of its slice.
        document_due: when the visitor's document is to be written; 0: it says all.
        closing: the features of the session that ended, until they are in the document.
        orders: the ids of the last ones: an order that comes twice counts once.
        device: that the last event came from; empty where it is the visitor itself.
        revenue: of all purchases.
        segments: None before the first event, and after a word against consent.
    """

    id: str
    seen_since: int = 0
    last_at: int = 0
    events: int = 0
    sessions: int = 0
    purchases: int = 0
    purchase_at: int = 0
    weight_24h: float = 0.0
    unbroken_since: int = 0
    before_session_at: int = 0
    last_event_id: str = ""
    last_event_type: str = ""
    context: Context = b""
    session: Session | None = None
    waits: dict[str, Wait] = {}
    unanswered: dict[str, list[Wait]] = {}
    rules: dict[str, Any] = {}
    admission: Admission = field(default_factory=Admission)
    scores: dict[str, Score] = {}
    signal_anchors: dict[str, str] = {}
    asked: list[Asked] = []
    document_due: int = 0
    closing: Moment | None = None
    orders: list[str] = []
    device: str = ""
    revenue: float = 0.0
    segments: Membership | None = None
