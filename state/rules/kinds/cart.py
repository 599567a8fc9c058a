"""A cart: what is taken out again is not waited for; the value is that of what is left."""

from __future__ import annotations

from typing import Any

from state.events import Event
from state.rules.kinds.absence import WaitKind
from state.rules.kinds.base import DAY_MS, MOST_KEYS, Emit, Kept, Spans, bounded, short, sort_key_of
from state.rules.kinds.money import Money, Sums, put, total
from state.rules.language.fields import amount_reader, field
from state.rules.language.model import Absence
from state.visitor import Session, Visitor, Wait
from state.vocabulary import ADD_TO_CART, PURCHASE, REMOVE_FROM_CART

CART_MEMORY_MS = 30 * DAY_MS  # so long after its last event a cart is forgotten
_QUANTITY, _PRICE, _CURRENCY = range(3)


class CartKind(WaitKind):
    """Waits since the last add_to_cart; a purchase, or a removal that leaves the cart empty, ends the wait.

    Remembers beyond other waits: quantity, price and currency of each product in it, and when it was last
    touched.
    """

    def __init__(self, rule: Absence, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.hears |= {REMOVE_FROM_CART}
        self.product_of = field("product.product_id").text_reader()
        self.quantity_of = amount_reader("product.quantity")
        self.price = Money("product.price", rule.currencies)

    def on_event(self, visitor: Visitor, session: Session, event: Event, emit: Emit) -> None:
        """Puts in, takes out, empties."""
        if event.kind == ADD_TO_CART:
            self.start(visitor, session.id, event)
        elif event.kind == REMOVE_FROM_CART:
            self._take_out(visitor, event)
        else:
            self.answer(visitor, event)
            self._recover(visitor, event, emit)

    def start(self, visitor: Visitor, session_id: str, event: Event) -> None:
        """A product is put in. With the sort key of a purchase it was bought with it."""
        if self._put_in(visitor, event):
            super().start(visitor, session_id, event)

    def answer(self, visitor: Visitor, event: Event) -> None:
        """What was in it is bought."""
        memory = self.memory(visitor)
        memory["answered"] = max(memory["answered"], sort_key_of(event))
        memory["cart"], memory["at"] = {}, 0
        visitor.waits.pop(self.key, None)

    def on_late(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """A purchase behind the watermark: what was put in before it and is still there was bought, too."""
        super().on_late(visitor, event, emit)
        memory = self.memory(visitor)
        if event.kind == PURCHASE and memory["at"] <= event.at:
            memory["cart"], memory["at"] = {}, 0

    def amount(self, visitor: Visitor, wait: Wait) -> float | None:
        """The value of what is left."""
        sums: Sums = {}
        for quantity, price, currency in self.memory(visitor)["cart"].values():
            if price is not None:
                put(sums, currency, quantity * price)
        return total(sums) if self.money is not None else None

    # ---------------------------------------------------------------------------------------- content

    def _put_in(self, visitor: Visitor, event: Event) -> bool:
        """Counts the product in; not when a purchase with this very sort key has bought it."""
        memory = self.memory(visitor)
        if memory["answered"] >= sort_key_of(event):
            return False
        product, quantity = self.product_of(event), self._quantity(event) or 1
        there = memory["cart"].setdefault(short(product or ""), [0, None, ""])
        price = self.price.price(event)
        if price is not None:
            currency = self.price.currency(event)
            there[_PRICE] = price if product else _mean(there, currency, price, quantity)
            there[_CURRENCY] = currency
        there[_QUANTITY] += quantity
        memory["at"] = max(memory["at"], event.at)
        bounded(memory["cart"])
        return True

    def _take_out(self, visitor: Visitor, event: Event) -> None:
        """Counts the product out, as far as it is there; with the last one the wait is over."""
        memory = self.memory(visitor)
        cart, product = memory["cart"], short(self.product_of(event) or "")
        there = cart.get(product)
        if there is None:
            return
        there[_QUANTITY] -= self._quantity(event) or there[_QUANTITY]
        memory["at"] = max(memory["at"], event.at)
        if there[_QUANTITY] <= 0:
            del cart[product]
        if not cart:
            memory["at"] = 0
            visitor.waits.pop(self.key, None)

    def _quantity(self, event: Event) -> float | None:
        """How many; None where the event does not say, or says nothing that can be put in."""
        found = self.quantity_of(event)
        return found if found is not None and found > 0 else None

    # ---------------------------------------------------------------------------- device, user, memory

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """A guest's earlier event. A cart left long ago is the user's, too, though nothing waits for it."""
        if event.kind == REMOVE_FROM_CART:
            self._take_out(visitor, event)
        elif event.kind == ADD_TO_CART and not self.is_open(visitor, event, now):
            self._put_in(visitor, event)
        else:
            super().carry(visitor, event, session_id, now)

    def release(self, visitor: Visitor) -> None:
        """The cart is the user's now."""
        super().release(visitor)
        if self.key in visitor.rules:
            self.memory(visitor).update(cart={}, at=0)

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        content = "quantity, price and currency of what is in it"
        return [*super().keeps(), Kept(content, "visitor", MOST_KEYS, CART_MEMORY_MS, "product.product_id")]

    def memory(self, visitor: Visitor) -> dict[str, Any]:
        """What is remembered beyond waits."""
        found = super().memory(visitor)
        if "cart" not in found:
            found |= {"cart": {}, "at": 0}
        return found

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops a cart that has not changed for long, too."""
        memory = visitor.rules.get(self.key)
        if memory is not None and not self.spans.bounded and memory["at"] + CART_MEMORY_MS < now:
            memory.update(cart={}, at=0)
        super().forget(visitor, now)


def _mean(there: list[Any], currency: str, price: float, quantity: float) -> float:
    """The price of what has no product_id: the mean of what was put in."""
    before, had = there[_PRICE], there[_QUANTITY]
    if before is None or there[_CURRENCY] != currency:
        return price
    return float((before * had + price * quantity) / (had + quantity))
