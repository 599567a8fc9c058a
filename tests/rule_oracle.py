"""What each shipped rule means, said once more in plain Python: one visitor's events at a time, no rule files.

Written from the definitions in docs/rules.md, not from the compiler. Events are canonical documents in any order,
copies included. An answer is (kind, visitor, status, occurred_at_ms, what): `what` is what the occurrence hangs on as
far as it does not depend on which of several events in one millisecond came first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests import cart_oracle
from tests.oracle import Event, _histories, session_parts

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GAP = 30 * MINUTE
VIEWS = ("product_view", "product_list_view", "page_view")
CHECKOUT = ("checkout_start", "checkout_step")
Answer = tuple[str, str, str, int, Any]
History = list[Event]


def answers(events: Iterable[Event]) -> Counter[Answer]:
    """Every change of every signal of the shipped pack."""
    known = list(events)
    found: Counter[Answer] = Counter()
    for part in session_parts(known):
        for rule in (*IN_SESSION, *AT_END):
            found.update(rule(part.visitor_id, part.events))
    for visitor, history in _histories(known).items():
        for over_all in OVER_ALL:
            found.update(over_all(visitor, history))
    found.update(_carts(known))
    return found


def _of(events: History, *types: str) -> History:
    return [event for event in events if event["event_type"] in types]


def _get(event: Event, block: str, name: str) -> Any:
    value = (event.get(block) or {}).get(name)
    return None if isinstance(value, (dict, list)) else value


def _carts(events: Iterable[Event]) -> Iterator[Answer]:
    for one in cart_oracle.abandonments(events):
        yield "cart_abandoned", one.visitor_id, "active", one.fires_at_ms, one.last_cart_event_id
        if one.recovered_at_ms is not None:
            yield "cart_abandoned", one.visitor_id, "recovered", one.fires_at_ms, one.last_cart_event_id


# ------------------------------------------------------------------------------------------------ in a session


def _nth(events: History, key: Callable[[Event], Any], number: int) -> Iterator[tuple[Any, int]]:
    """(key, time) of each key's n-th event."""
    times: dict[Any, list[int]] = defaultdict(list)
    for event in events:
        if key(event) is not None:
            times[key(event)].append(event["event_time_ms"])
    yield from ((found, at[number - 1]) for found, at in times.items() if len(at) >= number)


def _category_interest(visitor: str, session: History) -> Iterator[Answer]:
    for category, at in _nth(_of(session, *VIEWS), lambda event: _get(event, "product", "category"), 4):
        yield "category_interest", visitor, "active", at, str(category)


def _product_revisit(visitor: str, session: History) -> Iterator[Answer]:
    for product, at in _nth(
        _of(session, "product_view"), lambda event: _get(event, "product", "product_id"), 3
    ):
        yield "product_revisit", visitor, "active", at, str(product)


def _video_engagement(visitor: str, session: History) -> Iterator[Answer]:
    videos = _of(session, "video_start", "video_progress", "video_complete")
    for event in videos:
        if event["event_time_ms"] - videos[0]["event_time_ms"] >= 15_000:
            yield "video_engagement", visitor, "active", event["event_time_ms"], None
            return


def _rage_clicks(visitor: str, session: History) -> Iterator[Answer]:
    # Four in two seconds lie in one session, so looking at one session alone is enough; once for each page.
    by_page: dict[str, list[int]] = defaultdict(list)
    for event in _of(session, "click"):
        if (page := _get(event, "context", "path")) is not None:
            by_page[str(page)].append(event["event_time_ms"])
    for page, times in by_page.items():
        for at in range(3, len(times)):
            if times[at] - times[at - 3] <= 2_000:
                yield "rage_clicks", visitor, "active", times[at], page
                break


# -------------------------------------------------------------------------------------- when a session is over


def _closed(kind: str, visitor: str, session: History, what: Any = None) -> Answer:
    return kind, visitor, "active", session[-1]["event_time_ms"] + GAP, what


def _bounce(visitor: str, session: History) -> Iterator[Answer]:
    if len(session) == 1:
        yield _closed("bounce", visitor, session)


def _funnel_step(visitor: str, session: History) -> Iterator[Answer]:
    steps = (
        ("view", ("product_view",)),
        ("cart", ("add_to_cart",)),
        ("checkout", CHECKOUT),
        ("purchase", ("purchase",)),
    )
    reached = [name for name, types in steps if _of(session, *types)]
    if reached:
        yield _closed("funnel_step", visitor, session, reached[-1])


def _search_without_interaction(visitor: str, session: History) -> Iterator[Answer]:
    if _of(session, "search") and not _of(session, "product_click", "product_view", "add_to_cart"):
        yield _closed("search_without_interaction", visitor, session)


def _form_abandoned(visitor: str, session: History) -> Iterator[Answer]:
    if _of(session, "form_start") and not _of(session, "form_submit"):
        yield _closed("form_abandoned", visitor, session)


def _high_value_session(visitor: str, session: History) -> Iterator[Answer]:
    # Each order once, in euros or in dollars, never both together.
    orders = {}
    for event in _of(session, "purchase"):
        order = _get(event, "order", "order_id")
        if _get(event, "order", "revenue") is not None:
            orders.setdefault(event["event_id"] if order is None else ("order", order), event["order"])
    for currency in ("EUR", "USD"):
        mine = [order for order in orders.values() if order.get("currency") in (None, currency)]
        if sum(order["revenue"] for order in mine) >= 200:
            yield _closed("high_value_session", visitor, session)
            return


# ------------------------------------------------------------------------------------- over all of a visitor's


def _checkout_hesitation(visitor: str, history: History) -> Iterator[Answer]:
    purchases = _of(history, "purchase")
    for part in session_parts(history):
        checkouts = _of(part.events, *CHECKOUT)
        if not checkouts:
            continue
        first = checkouts[0]
        due = first["event_time_ms"] + 10 * MINUTE
        later = [event for event in purchases if _sort_key(event) > _sort_key(first)]
        if any(event["event_time_ms"] <= due for event in later):
            continue
        yield "checkout_hesitation", visitor, "active", due, None
        if any(due < event["event_time_ms"] <= due + DAY for event in later):
            yield "checkout_hesitation", visitor, "recovered", due, None


def _sort_key(event: Event) -> tuple[int, int]:
    return event["event_time_ms"], event.get("sequence", 0)


def _price_hesitation(visitor: str, history: History) -> Iterator[Answer]:
    by_product: dict[str, History] = defaultdict(list)
    for event in _of(history, "add_to_cart", "remove_from_cart"):
        if (product := _get(event, "product", "product_id")) is not None:
            by_product[str(product)].append(event)
    for product, moves in by_product.items():
        start = 0
        while start < len(moves):
            end = _add_remove_add(moves, start)
            if end is not None:
                yield "price_hesitation", visitor, "active", moves[end]["event_time_ms"], product
            start = start + 1 if end is None else end + 1


def _add_remove_add(moves: History, start: int) -> int | None:
    """Where the pattern that starts here ends."""
    wanted, at = ["add_to_cart", "remove_from_cart", "add_to_cart"], start
    if moves[start]["event_type"] != wanted[0]:
        return None
    for kind in wanted[1:]:
        at = next((later for later in range(at + 1, len(moves)) if moves[later]["event_type"] == kind), -1)
        if at < 0:
            return None
    return at if moves[at]["event_time_ms"] - moves[start]["event_time_ms"] <= DAY else None


def _orders(visitor: str, history: History) -> Iterator[Answer]:
    """The first event of each order; an order is a repeated one when another lies in the 365 days before it."""
    seen: set[Any] = set()
    before: int | None = None
    for event in _of(history, "purchase"):
        order = _get(event, "order", "order_id")
        order = event["event_id"] if order is None else str(order)
        if order in seen:
            continue
        seen.add(order)
        at = event["event_time_ms"]
        repeated = before is not None and at - before <= 365 * DAY
        yield ("repeat_purchase" if repeated else "first_purchase"), visitor, "active", at, None
        before = at


def _returning_visitor(visitor: str, history: History) -> Iterator[Answer]:
    for earlier, event in zip(history, history[1:], strict=False):
        if event["event_time_ms"] - earlier["event_time_ms"] >= 7 * DAY:
            yield "returning_visitor", visitor, "active", event["event_time_ms"], None


def _suggestions_paused(visitor: str, history: History) -> Iterator[Answer]:
    began: list[tuple[str, History]] = []
    for session in (part.events for part in session_parts(history)):
        categories = [_get(event, "product", "category") for event in _of(session, *VIEWS)]
        known = [str(category) for category in categories if category is not None]
        if not known:
            continue
        began.append((known[0], session))
        last = began[-3:]
        span = session[0]["event_time_ms"] - last[0][1][0]["event_time_ms"]
        if len({category for category, _ in last}) == 3 and span <= 30 * DAY:
            yield _closed("suggestions_paused", visitor, session, known[0])


IN_SESSION = (_category_interest, _product_revisit, _video_engagement, _rage_clicks)
AT_END = (_bounce, _funnel_step, _search_without_interaction, _form_abandoned, _high_value_session)
OVER_ALL = (_checkout_hesitation, _price_hesitation, _orders, _returning_visitor, _suggestions_paused)
