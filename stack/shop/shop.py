"""The generated shop: an endless, seeded stream of clickstream records as a real shop would send them.

Visitors browse, search, fill carts, check out, leave, come back. Around them is what makes a clickstream
hard: a daily rhythm, records out of order, late ones, repeated ones, malformed ones and a bot. The shop
makes records; pacing and sending are the caller's.
"""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush

import orjson

from connectors.contracts.events import SCHEMA
from stack.shop.poison import Shuffled
from stack.shop.world import (
    ABOUT_PRODUCT,
    CATEGORY_NAMES,
    DEFAULT_THINK_MS,
    ENTRY,
    LEAVE,
    NEEDS_CART,
    NEXT,
    PRODUCTS_PER_CATEGORY,
    RETURN_TO_CART,
    THINK_MS,
    Product,
    catalogue,
    contexts,
    hundred,
    pick,
)

Record = tuple[int, bytes | None, bytes | None]  # (arrival, epoch milliseconds; key; value)

CART_TIMEOUT_MS = 1_800_000
SESSION_GAP_MS = 1_800_000
DELAYED_SHARE = 0.10  # up to 1.5 s: what the out-of-orderness bound of 2 s has to absorb
DELAYED_MAX_MS = 1_500
LATE_SHARE = 0.002  # more than 10 s: a phone that was in a tunnel
LATE_MS = (10_500, 60_000)
DUPLICATE_SHARE = 0.01
DUPLICATE_WITHIN_MS = 5_000
MALFORMED_SHARE = 0.005
DAY_AMPLITUDE = 0.3
BOT_EVENTS_PER_SECOND = 15
BOT_MAX_SHARE = 0.05
RETURN_SHARE_WITH_CART = 0.35
RETURN_SHARE = 0.12
_DAY_MS = 86_400_000
_BUSIEST_MS = 20 * 3_600_000  # 20:00 UTC


class Visitor:
    """Somebody on the site: who, with what, where in the journey, what is in the cart."""

    __slots__ = ("cart", "context", "identity", "key", "product", "step", "visits")

    def __init__(
        self, identity: dict[str, str], context: orjson.Fragment, step: str, product: Product
    ) -> None:
        self.identity = identity
        self.key = identity["visitor_id"].encode()
        self.context = context
        self.step = step
        self.product = product
        self.cart: list[Product] = []
        self.visits = 1


class Shop:
    """The stream.

    Iterating gives ``(arrival_ms, key, value)`` without end, arrival_ms never falling; key and value are a
    Kafka record's. The same arguments give the same records.

    Attributes:
        counts: records given so far by kind: event, late (an event that arrives more than ten seconds after
            it happened), duplicate, malformed.

    Args:
        seed: of everything random.
        events_per_second: mean rate of events; duplicates and malformed records come on top.
        start_ms: event time of the start, epoch milliseconds.
        cart_timeout_ms: those who take up an abandoned cart come back after this and before four times this.
        day_amplitude: how far the rate swings around its mean within a day; 0 is an even rate.
        noisy: False leaves out delays, duplicates, malformed records and the bot.

    Raises:
        ValueError: events_per_second or day_amplitude is out of its range.

    >>> arrival_ms, key, value = next(iter(Shop(seed=1, events_per_second=100, start_ms=1_700_000_000_000)))
    >>> orjson.loads(value)["schema"]
    'event/1'
    """

    def __init__(
        self,
        seed: int,
        events_per_second: float,
        start_ms: int,
        *,
        cart_timeout_ms: int = CART_TIMEOUT_MS,
        day_amplitude: float = DAY_AMPLITUDE,
        noisy: bool = True,
    ) -> None:
        if events_per_second <= 0:
            raise ValueError(f"Shop: events_per_second must be greater than 0, {events_per_second} came")
        if not 0 <= day_amplitude < 1:
            raise ValueError(f"Shop: day_amplitude must be from 0 to less than 1, {day_amplitude} came")
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)  # noqa: S311 - a generated shop, not a secret
        self._rate_per_ms = events_per_second / 1_000
        self._now_ms = float(start_ms)
        self._cart_timeout_ms = cart_timeout_ms
        self._amplitude = day_amplitude
        self._noisy = noisy
        # Two runs against one broker must not share event ids.
        self._tag = f"{zlib.crc32(f'{seed}/{start_ms}'.encode()):08x}"
        self._made = 0
        self._people = 0
        self._due: list[tuple[float, int, Visitor]] = []
        self._out: list[tuple[int, int, str, bytes | None, bytes | None]] = []
        self._poison = Shuffled(int(self._tag, 16))
        self._products = catalogue(self._rng)
        self._contexts = contexts(self._rng)
        self._choices = {step: hundred(weights) for step, weights in NEXT.items()}
        self._entries, self._returns = hundred(ENTRY), hundred(RETURN_TO_CART)
        bot_share = min(BOT_MAX_SHARE, BOT_EVENTS_PER_SECOND / events_per_second)
        self._bot_share = bot_share if noisy else 0.0
        self._bot = self._newcomer()

    def __iter__(self) -> Iterator[Record]:
        """Records in order of arrival."""
        out = self._out
        while True:
            self._tick()
            # Nothing that is made later arrives before the clock, so everything up to it can go.
            while out and out[0][0] <= self._now_ms:
                arrival_ms, _, kind, key, value = heappop(out)
                self.counts[kind] += 1
                yield arrival_ms, key, value

    def _tick(self) -> None:
        """One event happens: the bot's, that of the visitor who has waited longest, or a newcomer's."""
        random_share = self._rng.random
        self._now_ms += self._rng.expovariate(self._rate())
        if random_share() < self._bot_share:
            self._bot_acts()
        else:
            self._visitor_acts()
        if self._noisy and random_share() < MALFORMED_SHARE:
            _, value = self._poison.next(int(self._now_ms))
            self._queue(int(self._now_ms), "malformed", None, value)

    def _rate(self) -> float:
        """Events a millisecond at this time of the day."""
        if not self._amplitude:
            return self._rate_per_ms
        turn = 2 * math.pi * (self._now_ms - _BUSIEST_MS) / _DAY_MS
        return self._rate_per_ms * (1 + self._amplitude * math.cos(turn))

    def _visitor_acts(self) -> None:
        # Who is due goes first and only a gap is filled by a newcomer: so the rate is exact, and the share of
        # newcomers is the share of those who left.
        is_due = self._due and self._due[0][0] <= self._now_ms
        visitor = heappop(self._due)[2] if is_due else self._newcomer()
        self._act(visitor, visitor.step)
        self._move_on(visitor)

    def _bot_acts(self) -> None:
        bot = self._bot
        bot.product = pick(self._products[pick(CATEGORY_NAMES, self._rng)], self._rng)
        self._act(bot, "product_view")

    def _newcomer(self) -> Visitor:
        self._people += 1
        anonymous = f"a-{self._tag}-{self._people}"
        identity = {"visitor_id": anonymous, "anonymous_id": anonymous}
        if self._rng.random() < 0.25:
            identity["visitor_id"] = identity["user_id"] = f"u-{self._tag}-{self._people}"
        product = pick(self._products[pick(CATEGORY_NAMES, self._rng)], self._rng)
        return Visitor(identity, pick(self._contexts, self._rng), pick(self._entries, self._rng), product)

    def _move_on(self, visitor: Visitor) -> None:
        """Decide what the visitor does next and when."""
        step = pick(self._choices[visitor.step], self._rng)
        if step in NEEDS_CART and not visitor.cart:
            step = "product_list_view"
        if step == LEAVE:
            self._leave(visitor)
            return
        mean_ms = THINK_MS.get(visitor.step, DEFAULT_THINK_MS)
        visitor.step = step
        self._schedule(visitor, 300 + self._rng.expovariate(1 / mean_ms))

    def _leave(self, visitor: Visitor) -> None:
        """Some come back: to an abandoned cart after its timeout, or for another look on another session."""
        chance = self._rng.random()
        if visitor.cart and chance < RETURN_SHARE_WITH_CART:
            visitor.step = pick(self._returns, self._rng)
            after_ms = self._rng.uniform(1.2, 4) * self._cart_timeout_ms
        elif not visitor.cart and chance < RETURN_SHARE:
            visitor.step = pick(self._entries, self._rng)
            after_ms = self._rng.uniform(1.1, 6) * SESSION_GAP_MS
        else:
            return
        visitor.visits += 1
        self._schedule(visitor, after_ms)

    def _schedule(self, visitor: Visitor, after_ms: float) -> None:
        self._made += 1
        heappush(self._due, (self._now_ms + after_ms, self._made, visitor))

    def _act(self, visitor: Visitor, step: str) -> None:
        """The visitor's event happens now and is on its way."""
        self._made += 1
        event_id = f"{self._tag}-{self._made:x}"
        happened_ms = int(self._now_ms)
        arrival_ms, kind = self._arrival(happened_ms)
        document = {
            "schema": SCHEMA,
            "event_id": event_id,
            "event_type": step,
            "event_time_ms": happened_ms,
            "received_at_ms": arrival_ms,
            **visitor.identity,
            "session_hint": f"{visitor.identity['anonymous_id']}.{visitor.visits}",
            "context": visitor.context,
        }
        self._add_subject(document, visitor, step)
        value = orjson.dumps(document)
        self._queue(arrival_ms, kind, visitor.key, value)
        if self._noisy and self._rng.random() < DUPLICATE_SHARE:
            again_ms = arrival_ms + int(self._rng.random() * DUPLICATE_WITHIN_MS)
            self._queue(again_ms, "duplicate", visitor.key, value)

    def _add_subject(self, document: dict[str, object], visitor: Visitor, step: str) -> None:
        """What the event is about, and what it does to the cart."""
        if step in ABOUT_PRODUCT:
            visitor.product = self._product_for(visitor, step)
            document["product"] = visitor.product.json
            if step == "add_to_cart":
                visitor.cart.append(visitor.product)
        elif step == "product_list_view":
            document["product"] = {"category": visitor.product.category}
        elif step == "search":
            document["properties"] = {"query": visitor.product.category, "results": PRODUCTS_PER_CATEGORY}
        elif step == "remove_from_cart":
            document["product"] = visitor.cart.pop().json
        elif step == "purchase":
            document["product"] = visitor.cart[0].json
            document["order"] = self._order(visitor.cart)
            visitor.cart = []

    def _order(self, cart: list[Product]) -> dict[str, object]:
        revenue = round(sum(item.price for item in cart), 2)
        return {"order_id": f"o-{self._tag}-{self._made:x}", "revenue": revenue, "currency": "EUR"}

    def _product_for(self, visitor: Visitor, step: str) -> Product:
        if step in ("add_to_cart", "custom:favourite"):
            return visitor.product  # the one that was looked at
        stays = self._rng.random() < 0.7
        category = visitor.product.category if stays else pick(CATEGORY_NAMES, self._rng)
        return pick(self._products[category], self._rng)

    def _arrival(self, happened_ms: int) -> tuple[int, str]:
        if not self._noisy:
            return happened_ms, "event"
        chance, size = self._rng.random(), self._rng.random()
        if chance < LATE_SHARE:
            return happened_ms + LATE_MS[0] + int(size * (LATE_MS[1] - LATE_MS[0])), "late"
        if chance < LATE_SHARE + DELAYED_SHARE:
            return happened_ms + int(size * DELAYED_MAX_MS), "event"
        return happened_ms + 5 + int(size * 60), "event"

    def _queue(self, arrival_ms: int, kind: str, key: bytes | None, value: bytes | None) -> None:
        self._made += 1
        heappush(self._out, (arrival_ms, self._made, kind, key, value))
