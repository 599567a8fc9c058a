"""What the demonstration's page says of an abandoned cart is what the engine's evidence has."""

from __future__ import annotations

import re

from stack.package import ROOT
from tests.engine_runs import HOUR, documents, event, lines, run


def test_the_page_reads_members_that_the_evidence_of_an_abandoned_cart_has() -> None:
    cart = event("v", "add_to_cart", 0, product={"product_id": "p", "price": 5})
    found = documents(run(lines([cart, event("v", "purchase", HOUR)])), "signal")
    (recovered,) = [one for one in found if (one["kind"], one["status"]) == ("cart_abandoned", "recovered")]
    words = (ROOT / "web" / "demo" / "words.js").read_text(encoding="utf-8")
    read = set(re.findall(r"evidence\.(\w+)", words))
    assert read >= {"last_cart_at_ms", "cart_events", "value"} and read <= recovered["evidence"].keys()
