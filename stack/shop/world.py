"""The generated shop's world: what it sells, its visitors, what they do next; tables and draws."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

import orjson

T = TypeVar("T")

# Weights are percent: each table sums to 100.
LEAVE = "leave"

# How a visit starts.
ENTRY: dict[str, int] = {
    "page_view": 33,
    "product_list_view": 19,
    "search": 14,
    "product_view": 25,
    "promo_view": 5,
    "consent": 3,
    "identify": 1,
}

# What follows what. Without a cart, steps that need one become a look at a list.
NEXT: dict[str, dict[str, int]] = {
    "consent": {"page_view": 90, LEAVE: 10},
    "identify": {"page_view": 100},
    "page_view": {
        "product_list_view": 30,
        "search": 16,
        "product_view": 12,
        "page_view": 10,
        "scroll": 8,
        "promo_click": 3,
        "click": 2,
        "video_start": 1,
        "form_start": 1,
        LEAVE: 17,
    },
    "product_list_view": {
        "product_click": 30,
        "product_list_view": 16,
        "product_view": 22,
        "search": 8,
        "scroll": 10,
        LEAVE: 14,
    },
    "product_click": {"product_view": 97, LEAVE: 3},
    "search": {"product_list_view": 30, "product_click": 25, "search": 15, "product_view": 15, LEAVE: 15},
    "click": {"page_view": 60, "product_list_view": 25, LEAVE: 15},
    "product_view": {
        "product_view": 20,
        "product_list_view": 22,
        "add_to_cart": 11,
        "custom:favourite": 4,
        "scroll": 12,
        "search": 6,
        "page_view": 5,
        LEAVE: 20,
    },
    "scroll": {"product_view": 40, "product_list_view": 32, LEAVE: 28},
    "promo_view": {"promo_click": 30, "page_view": 40, LEAVE: 30},
    "promo_click": {"product_list_view": 60, "product_view": 30, LEAVE: 10},
    "custom:favourite": {"product_view": 50, "product_list_view": 35, LEAVE: 15},
    "video_start": {"video_progress": 70, LEAVE: 30},
    "video_progress": {"video_progress": 30, "video_complete": 40, "page_view": 10, LEAVE: 20},
    "video_complete": {"product_view": 70, LEAVE: 30},
    "form_start": {"form_submit": 60, LEAVE: 40},
    "form_submit": {"page_view": 60, LEAVE: 40},
    "add_to_cart": {
        "cart_view": 38,
        "product_view": 20,
        "product_list_view": 22,
        "add_to_cart": 4,
        LEAVE: 16,
    },
    "cart_view": {
        "checkout_start": 40,
        "remove_from_cart": 8,
        "product_list_view": 14,
        "product_view": 8,
        LEAVE: 30,
    },
    "remove_from_cart": {"cart_view": 40, "product_list_view": 35, LEAVE: 25},
    "checkout_start": {"checkout_step": 76, "cart_view": 4, LEAVE: 20},
    "checkout_step": {"checkout_step": 34, "purchase": 46, LEAVE: 20},
    "purchase": {"page_view": 20, LEAVE: 80},
}

# A visit that takes up an abandoned cart.
RETURN_TO_CART: dict[str, int] = {"cart_view": 60, "checkout_start": 40}

NEEDS_CART = frozenset({"cart_view", "remove_from_cart", "checkout_start", "checkout_step", "purchase"})
ABOUT_PRODUCT = frozenset({"product_view", "product_click", "add_to_cart", "custom:favourite"})

# Mean time until the next event, milliseconds.
DEFAULT_THINK_MS = 11_000
THINK_MS: dict[str, int] = {
    "product_view": 17_000,
    "scroll": 4_000,
    "product_click": 900,
    "promo_view": 5_000,
    "add_to_cart": 6_000,
    "checkout_start": 20_000,
    "checkout_step": 26_000,
    "video_progress": 15_000,
    "form_start": 22_000,
}

# category: (brand, median price in EUR)
CATEGORIES: dict[str, tuple[str, float]] = {
    "shoes": ("stride", 79.0),
    "jackets": ("northwind", 129.0),
    "dresses": ("lumen", 69.0),
    "bags": ("carryall", 89.0),
    "watches": ("meridian", 189.0),
    "headphones": ("clearwave", 149.0),
    "phones": ("pocketline", 499.0),
    "laptops": ("slate", 899.0),
    "kitchen": ("hearth", 39.0),
    "toys": ("woodland", 24.0),
    "books": ("quarto", 16.0),
    "garden": ("fernhill", 34.0),
}
PRODUCTS_PER_CATEGORY = 60

COUNTRIES: dict[str, tuple[str, int]] = {
    "DE": ("de-DE", 30),
    "FR": ("fr-FR", 16),
    "GB": ("en-GB", 18),
    "NL": ("nl-NL", 8),
    "US": ("en-US", 18),
    "PL": ("pl-PL", 6),
    "JP": ("ja-JP", 4),
}
# (device, os, browser)
DEVICES: dict[tuple[str, str, str], int] = {
    ("mobile", "iOS", "Safari"): 27,
    ("mobile", "Android", "Chrome"): 31,
    ("desktop", "Windows", "Chrome"): 20,
    ("desktop", "macOS", "Safari"): 9,
    ("desktop", "Windows", "Edge"): 6,
    ("desktop", "Linux", "Firefox"): 3,
    ("tablet", "iPadOS", "Safari"): 4,
}
# channel: (referrer, weight)
CHANNELS: dict[str, tuple[str, int]] = {
    "organic": ("https://search.example/", 38),
    "direct": ("", 24),
    "paid": ("https://ads.example/", 16),
    "email": ("https://mail.example/", 12),
    "social": ("https://social.example/", 10),
}
CATEGORY_NAMES = list(CATEGORIES)


class Product:
    """A product: its id, category, price in EUR, and itself as JSON."""

    __slots__ = ("category", "json", "price")

    def __init__(self, product_id: str, category: str, brand: str, price: float) -> None:
        self.category = category
        self.price = price
        document = {"product_id": product_id, "category": category, "brand": brand, "price": price}
        self.json = orjson.Fragment(orjson.dumps({**document, "quantity": 1, "currency": "EUR"}))


def pick(items: list[T], rng: random.Random) -> T:
    """One of the items, each as likely; a third of the time of rng.choice, and the shop's innermost step."""
    return items[int(rng.random() * len(items))]


def hundred(weights: Mapping[str, int]) -> list[str]:
    """A hundred names, each as often as its weight says, so that a pick is one index.

    Raises:
        ValueError: the weights do not sum to 100.
    """
    names = [name for name, weight in weights.items() for _ in range(weight)]
    if len(names) != 100:
        raise ValueError(f"stack/shop/world.py: weights must sum to 100, they sum to {len(names)}: {weights}")
    return names


def catalogue(rng: random.Random) -> dict[str, list[Product]]:
    """Products by category, the popular ones many times in the list."""
    return {name: _shelf(name, brand, median, rng) for name, (brand, median) in CATEGORIES.items()}


def _shelf(category: str, brand: str, median: float, rng: random.Random) -> list[Product]:
    shelf: list[Product] = []
    for rank in range(PRODUCTS_PER_CATEGORY):
        price = round(median * rng.lognormvariate(0, 0.4)) - 0.01
        product = Product(f"{category}-{rank + 1:03d}", category, brand, max(price, 0.99))
        shelf += [product] * max(1, 40 // (rank + 1))
    return shelf


def contexts(rng: random.Random) -> list[orjson.Fragment]:
    """A few hundred visitors' surroundings as JSON, drawn by their weights."""
    return [_context(rng) for _ in range(500)]


def _context(rng: random.Random) -> orjson.Fragment:
    (device, system, browser) = rng.choices(list(DEVICES), list(DEVICES.values()))[0]
    country = rng.choices(list(COUNTRIES), [weight for _, weight in COUNTRIES.values()])[0]
    channel = rng.choices(list(CHANNELS), [weight for _, weight in CHANNELS.values()])[0]
    document = {
        "device": device,
        "os": system,
        "browser": browser,
        "country": country,
        "language": COUNTRIES[country][0],
        "channel": channel,
        "referrer": CHANNELS[channel][0] or None,
        "consent": rng.choices(["all", "necessary"], [80, 20])[0],
    }
    return orjson.Fragment(orjson.dumps({name: value for name, value in document.items() if value}))
