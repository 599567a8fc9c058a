"""The running features: the sums that an event changes, and the vector that is made of them when asked."""

from __future__ import annotations

from array import array
from math import exp, sqrt

from connectors.contracts.features import FEATURES, FUNNEL, NAMES, PAGE_KINDS, RATES, SCROLL_PROPERTY
from connectors.contracts.sessions import COUNT_NAMES
from state import vocabulary
from state.events import Event, number_in, read_block, text_in
from state.options import DAY_MS, HOUR_MS, MINUTE_MS
from state.visitor import Moment, Session, Visitor
from state.vocabulary import ADD_TO_CART, KIND, PURCHASE, SCROLL

LARGEST = 1e12  # of an amount: a number may be written that no sum survives
DISTINCT = 500  # categories and products that are counted apart in a session
LONGEST_PATH = 1_000  # characters of a page's path that are kept
MOST_ORDERS = 50  # of a visitor, that are known again

_OTHER_PAGE = len(PAGE_KINDS)
_PAGE_OF = {name: page for page, names in enumerate(PAGE_KINDS.values()) for name in names}
_STEP_OF = {name: step for step, names in enumerate(FUNNEL, 1) for name in names}
PAGE = tuple(_PAGE_OF.get(name, _OTHER_PAGE) for name in vocabulary.NAMES)  # by kind
STEP = tuple(_STEP_OF.get(name, 0) for name in vocabulary.NAMES)
_VIEWS = frozenset(KIND[name] for name in ("product_view", "product_list_view", "page_view"))


def add_event(visitor: Visitor, session: Session, event: Event) -> None:
    """Takes the event into the sums; the times of session and visitor are still those of the event before."""
    kind, at = event.kind, event.event_time_ms
    _add_time(session, at - session.last_at)
    _add_kind(session, kind)
    if event.product_json:
        _add_product(session, event)
    if event.context_json and (path := text_in(event.context, "path")) is not None:
        session.page = path[:LONGEST_PATH]
        if session.entry_page is None:
            session.entry_page = session.page
    if kind == PURCHASE:
        _add_purchase(visitor, session, event)
    elif kind == SCROLL:
        _add_scroll(session, event)
    _add_to_visitor(visitor, at)


def _add_purchase(visitor: Visitor, session: Session, event: Event) -> None:
    """Counts an order once, however often it comes. A purchase without an id is an order of its own."""
    order = text_in(event.order, "order_id")
    if order is not None:
        order = order[:LONGEST_PATH]
        if order in visitor.orders:
            return
        visitor.orders.append(order)
        del visitor.orders[:-MOST_ORDERS]
    visitor.purchases, visitor.purchase_at = visitor.purchases + 1, event.event_time_ms
    revenue = number_in(event.order, "revenue")
    if revenue is not None and abs(revenue) <= LARGEST:
        session.revenue = (session.revenue or 0.0) + revenue
        visitor.revenue += revenue


def _add_time(session: Session, gap: int) -> None:
    """The time since the session's event before, and what it takes from the weights."""
    if not session.events:
        session.weight_5m = session.weight_30m = session.weight_1h = 1.0
        return
    session.gap = gap
    if gap == 0:
        session.weight_5m += 1.0
        session.weight_30m += 1.0
        session.weight_1h += 1.0
        return
    if gap > session.longest:
        session.longest = gap
    session.squares += gap * gap
    page = PAGE[session.kinds[-1]]
    session.dwell[page] = session.dwell.get(page, 0) + gap
    session.weight_5m = session.weight_5m * exp(-gap / (5 * MINUTE_MS)) + 1.0
    session.weight_30m = session.weight_30m * exp(-gap / (30 * MINUTE_MS)) + 1.0
    session.weight_1h = session.weight_1h * exp(-gap / HOUR_MS) + 1.0


def _add_kind(session: Session, kind: int) -> None:
    session.events += 1
    session.counts[kind] = session.counts.get(kind, 0) + 1
    session.kinds.append(kind)
    if len(session.kinds) > 3:
        del session.kinds[0]
    if STEP[kind] > session.step:
        session.step = STEP[kind]


def _add_product(session: Session, event: Event) -> None:
    product, kind = event.product, event.kind
    category, product_id = text_in(product, "category"), text_in(product, "product_id")
    if category is not None:
        _add_different(session.categories, category)
        if session.first_category is None and kind in _VIEWS:
            session.first_category = category[:LONGEST_PATH]
    if product_id is not None:
        _add_different(session.products, product_id)
    price = number_in(product, "price")
    if price is None or abs(price) > LARGEST:
        return
    if kind == ADD_TO_CART:
        quantity = number_in(product, "quantity")
        pieces = quantity if quantity is not None and abs(quantity) <= LARGEST else 1.0
        session.cart_value = (session.cart_value or 0.0) + price * pieces
    if price >= 0:
        _add_price(session, price)


def _add_different(known: set[str], value: str) -> None:
    if len(known) < DISTINCT:
        known.add(value if len(value) <= LONGEST_PATH else value[:LONGEST_PATH])


def _add_price(session: Session, price: float) -> None:
    session.prices += 1
    session.price_sum += price
    if session.price_min is None or price < session.price_min:
        session.price_min = price
    if session.price_max is None or price > session.price_max:
        session.price_max = price


def _add_scroll(session: Session, event: Event) -> None:
    depth = number_in(event.properties, SCROLL_PROPERTY)
    if depth is not None and 0 <= depth <= 100 and (session.scroll is None or depth > session.scroll):
        session.scroll = depth


def _add_to_visitor(visitor: Visitor, at: int) -> None:
    visitor.events += 1
    if visitor.last_at:
        visitor.weight_24h = visitor.weight_24h * exp((visitor.last_at - at) / RATES["24h"]) + 1.0
    else:
        visitor.weight_24h, visitor.seen_since = 1.0, at


_AT = {name: index for index, name in enumerate(NAMES)}
_COUNTS, _PAGES = _AT[f"count_{COUNT_NAMES[0]}"], _AT["seconds_on_listing"]
_PRICES, _STEP, _RATES = _AT["price_min"], _AT["funnel_step"], _AT["events_per_minute_5m"]
_VISITOR, _HOUR = _AT["visitor_events"], _AT["hour_utc"]
_BLANK = [float("nan") if feature.null else 0.0 for feature in FEATURES]


def vector(visitor: Visitor, session: Session) -> bytes:
    """The values of the table of features as of the visitor's last event: 32-bit floats, NaN is null."""
    row, at = _BLANK.copy(), visitor.last_at
    _write_times(row, session, at)
    for kind, count in session.counts.items():
        row[_COUNTS + kind] = count
    for page, spent in session.dwell.items():
        row[_PAGES + page] = spent / 1000
    if session.scroll is not None:
        row[35] = session.scroll
    row[36], row[37] = len(session.categories), len(session.products)
    if session.price_min is not None and session.price_max is not None:
        row[38], row[39], row[40] = session.price_min, session.price_max, session.price_sum / session.prices
    row[41], row[42] = session.step, session.events == 1
    row[43], row[44], row[45] = session.weight_5m / 5, session.weight_30m / 30, session.weight_1h / 60
    _write_visitor(row, visitor, session, at)
    minute = at // MINUTE_MS
    row[53], row[54] = minute // 60 % 24, (minute // 1440 + 3) % 7 + 1
    return array("f", row).tobytes()


def _write_times(row: list[float], session: Session, at: int) -> None:
    whole, between = at - session.started_at, session.events - 1
    row[0], row[1] = session.events, whole / 1000
    if between:
        row[2], row[3], row[5] = session.gap / 1000, whole / between / 1000, session.longest / 1000
        row[4] = sqrt(between * session.squares - whole * whole) / between / 1000  # of whole numbers: exact


def _write_visitor(row: list[float], visitor: Visitor, session: Session, at: int) -> None:
    row[46], row[47] = visitor.weight_24h / 1440, visitor.events
    row[48], row[49] = visitor.sessions, visitor.purchases
    row[50] = (at - visitor.seen_since) / DAY_MS
    if visitor.before_session_at:
        row[51] = (session.began_at - visitor.before_session_at) / DAY_MS
    if visitor.purchase_at:
        row[52] = (at - visitor.purchase_at) / DAY_MS


def moment_of(visitor: Visitor, session: Session, closed_at: int = 0) -> Moment:
    """The features as of the visitor's last event, which is of this session."""
    context = read_block(visitor.context)
    return Moment(
        visitor.last_at,
        session.id,
        visitor.last_event_id,
        session.events,
        visitor.last_event_type,
        visitor.seen_since,
        session.kinds.copy(),
        vector(visitor, session),
        text_in(context, "device"),
        text_in(context, "country"),
        text_in(context, "channel"),
        session.entry_page,
        session.page,
        closed_at,
    )


def silent_moment_of(visitor: Visitor) -> Moment:
    """What is still known when the last session is long over: its features are not."""
    context = read_block(visitor.context)
    return Moment(
        visitor.last_at,
        "",
        visitor.last_event_id,
        0,
        visitor.last_event_type,
        visitor.seen_since,
        [],
        b"",
        text_in(context, "device"),
        text_in(context, "country"),
        text_in(context, "channel"),
    )
