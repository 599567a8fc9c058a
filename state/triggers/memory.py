"""What is kept of a visitor: as long as a cap, a rank or a cancellation can need it, and bounded."""

from __future__ import annotations

from collections import defaultdict

from state.triggers.actions import ActionTable
from state.triggers.visitor import Sent, Visitor

MOST_KNOWN = 1_000  # signals of a visitor; of more the one that expires first is forgotten
MOST_SENT = 1_000  # triggers of a visitor; while so many matter nothing more is done


class Memory:
    """Spans of a table, and the forgetting that follows from them."""

    def __init__(self, table: ActionTable) -> None:
        self._caps: dict[tuple[str, str], int] = defaultdict(int)
        for row in table.actions:
            name = (row.kind, row.action)
            self._caps[name] = max(self._caps[name], row.cap.within_ms)
        self._rule_caps = {kind: cap.within_ms for kind, cap in table.rule_caps.items()}
        self._after_purchase = table.suppress.after_purchase_ms

    def forget(self, visitor: Visitor) -> None:
        """Drops what can matter no more by the visitor's own clock."""
        clock = visitor.clock
        if any(known.expires_at <= clock for known in visitor.known.values()):
            visitor.known = {key: one for key, one in visitor.known.items() if one.expires_at > clock}
        if any(self.until(sent) <= clock for sent in visitor.sent):
            visitor.sent = [sent for sent in visitor.sent if self.until(sent) > clock]
        if 0 <= visitor.bought_at < clock - self._after_purchase:
            visitor.bought_at = -1

    def until(self, sent: Sent) -> int:
        """From when on the trigger matters to nothing."""
        cap = self._caps.get((sent.kind, sent.action), 0)
        counts = sent.at + max(cap, self._rule_caps.get(sent.kind, 0))
        return counts if sent.cancelled else max(counts, sent.at + sent.outranks_for + 1, sent.expires_at)

    def ends(self, visitor: Visitor) -> int:
        """From when on nothing of the visitor matters."""
        ends = max(visitor.clock, visitor.erased_until + 1)
        if visitor.bought_at >= 0:
            ends = max(ends, visitor.bought_at + self._after_purchase + 1)
        for known in visitor.known.values():
            ends = max(ends, known.expires_at)
        for sent in visitor.sent:
            ends = max(ends, self.until(sent))
        return ends


def make_room(visitor: Visitor) -> None:
    """Before a signal is added: what expires first goes where there are too many."""
    known = visitor.known
    if len(known) >= MOST_KNOWN:
        del known[min(known, key=lambda key: (known[key].expires_at, key))]
