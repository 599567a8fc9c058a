"""Whether an event may pass: consent on all devices of a user, caps of bots; the signal or letter about it.

The front of VISITORS, and all of an ingest that is deployed alone (ingest.py): docs/visitors.md.
"""

from __future__ import annotations

from connectors.contracts.rejected import Reject
from state.checksum import id_hash
from state.devices.identity import ERASED, GRANTED, other_device
from state.devices.judged import Judged
from state.documents import event_document, position_id, withheld_letter
from state.logic import Out
from state.options import Options
from state.rules.kinds.base import Finding, RuleRef
from state.visitor import Admission
from state.visitors.documents import alias_document
from state.visitors.signals import Signals
from state.vocabulary import CONSENT

NO_CONSENT = Reject(
    "no_consent", None, "the last word of the visitor on consent must be granted; the bytes are not kept"
)
BOT = Reject(
    "bot_quarantined", None, "the visitor sent more than a cap of bots allows; the bytes are not kept"
)
_DEVICES = 200  # that are remembered of a user: one that logs in everywhere must not fill the state


class Gate:
    """Lets events pass or holds them back.

    Args:
        options: caps and switches.
        signals: where it says what it finds.
    """

    def __init__(self, options: Options, signals: Signals) -> None:
        self._options, self._signals = options, signals
        expires_ms = options.signal_expires_after_ms
        self._merged = RuleRef("visitor_merged", 1, "visitor_merged", expires_ms)
        self._suspected = RuleRef("bot_caps", 1, "bot_suspected", expires_ms)

    def passes(self, known: Admission, item: Judged, out: Out) -> bool:
        """Whether an event passes: then it is counted and documented, else it becomes a dead letter."""
        event, at, emits = item.event, item.event.event_time_ms, self._options.emits
        known.last_at = at
        verdict = self._verdict(known, item, out)
        if verdict is not None:
            if "rejected" in emits:
                name = position_id(item.position)
                letter = withheld_letter(verdict, item.position, self._options)
                out.add("rejected", name, name, item.position[3], letter)
            return False
        out.count("valid", item.position, at, id_hash(event.event_id))
        if "valid" in emits:
            document = event_document(event, item.visitor_id, item.position)
            out.add("valid", item.visitor_id, event.event_id, at, document)
        if item.users and item.device_id != item.visitor_id:
            self._link(known, item, out)
        return True

    def _verdict(self, known: Admission, item: Judged, out: Out) -> Reject | None:
        """Why the event is held back, or None."""
        options, event, word = self._options, item.event, item.consent
        if item.visitor_id != item.device_id or event.user_id is not None:  # a known user: on all devices
            if word is not None and (known.consent is None or word > known.consent):
                known.consent = word
            word = known.consent
        if _is_over_cap(item, options):
            self._throttle(known, item, out)
        if event.kind == CONSENT and event.properties.get("status") != ERASED:
            return None  # a consent event passes, whatever its status
        if word[2] != GRANTED if word is not None else options.consent_required:
            return NO_CONSENT
        if known.throttled_at and event.event_time_ms < known.throttled_at + options.bot_quarantine_ms:
            return BOT
        return None

    def _throttle(self, known: Admission, item: Judged, out: Out) -> None:
        """Holds the visitor back from now on; the first time after a pause is a signal."""
        at = item.event.event_time_ms
        if not known.throttled_at or at - known.throttled_at > self._options.bot_quarantine_ms:
            evidence = {
                "events_in_minute": item.in_minute,
                "events_in_day": item.in_day,
                "held_back_from_ms": at,
            }
            found = Finding(self._suspected, str(at), "active", at, at, None, b"", evidence)
            self._emit(item, found, out)
        known.throttled_at = at

    def _link(self, known: Admission, item: Judged, out: Out) -> None:
        """Says once that a device turned out to be this user's."""
        device, event, at = item.device_id, item.event, item.event.event_time_ms
        if device in known.devices:
            return
        known.devices.append(device)
        del known.devices[:-_DEVICES]
        evidence = {
            "anonymous_id": device,
            "event_id": event.event_id,
            "users_of_anonymous_id": item.users,
        }
        found = Finding(self._merged, device, "active", at, at, None, event.kept_context, evidence)
        self._emit(item, found, out)
        if "alias" in self._options.emits:
            name, document = alias_document(device, item.visitor_id, at, item.users)
            out.add("alias", name, name, at, document)

    def _emit(self, item: Judged, found: Finding, out: Out) -> None:
        device = other_device(item.visitor_id, item.device_id)
        self._signals.of(item.visitor_id, device, out).emit(found)


def _is_over_cap(item: Judged, options: Options) -> bool:
    per_minute, per_day = options.bot_events_per_minute, options.bot_events_per_day
    return 0 < per_minute < item.in_minute or 0 < per_day < item.in_day


def may_be_shared(known: Admission, item: Judged) -> bool:
    """Whether events admitted elsewhere, or late ones, count for a visitor: not after a denial."""
    return all(word is None or word[2] == GRANTED for word in (item.consent, known.consent))
