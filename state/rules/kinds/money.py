"""Amounts of money are added up for each currency apart; no sum mixes two."""

from __future__ import annotations

from collections.abc import Iterable

from state.events import Event
from state.rules.language.fields import amount_reader, currency_reader

MOST_CURRENCIES = 20  # that a sum knows; amounts in further ones do not count
Sums = dict[str, float]  # by currency; '' for amounts without one, which count with any


class Money:
    """Reads an amount: a field of an event, times a quantity where the rule has one."""

    def __init__(self, price: str, currencies: frozenset[str], quantity: str | None = None) -> None:
        """Takes the names of the fields, and in which currencies amounts count; empty: in all of them."""
        self.price, self.currency = amount_reader(price, currencies), currency_reader(price)
        self.quantity = amount_reader(quantity) if quantity else None

    def amount(self, event: Event) -> float | None:
        """Price times quantity, 1 where none is given; None without a price."""
        price = self.price(event)
        if price is None or self.quantity is None:
            return price
        quantity = self.quantity(event)
        return price if quantity is None else price * quantity

    def add(self, event: Event, sums: Sums) -> None:
        """Adds what the event has."""
        amount = self.amount(event)
        if amount is not None:
            put(sums, self.currency(event), amount)


def put(sums: Sums, currency: str, amount: float) -> None:
    """Adds an amount to the sum of its currency."""
    if currency in sums:
        sums[currency] += amount
    elif len(sums) < MOST_CURRENCIES:
        sums[currency] = amount


def total(sums: Sums) -> float | None:
    """The largest sum of one currency, with the amounts that have none; None where there is no amount.

    >>> total({"EUR": 150.0, "USD": 60.0, "": 10.0}), total({"": 3.0}), total({})
    (160.0, 3.0, None)
    """
    if len(sums) <= 1:
        return next(iter(sums.values()), None)
    without = sums.get("", 0.0)
    return max(amount + without for currency, amount in sums.items() if currency)


def cents(amount: float) -> float:
    """Rounded to hundredths, halves away from zero.

    >>> cents(0.125), cents(-0.125), cents(75.5)
    (0.13, -0.13, 75.5)
    """
    scaled = int(abs(amount) * 100 + 0.5) / 100
    return scaled if amount >= 0 else -scaled


def band(amount: float, limits: Iterable[int]) -> str:
    """The band that an amount lies in.

    >>> [band(amount, [50, 100]) for amount in (0, 50, 100)]
    ['0-50', '50-100', '100+']
    """
    low = 0
    for high in limits:
        if amount < high:
            return f"{low}-{high}"
        low = high
    return f"{low}+"
