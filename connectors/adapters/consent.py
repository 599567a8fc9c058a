"""What vendors' formats say of consent, as words of ours: may it be measured, may it be acted on. Pure.

Vendors ask about categories, which every shop names as it likes. Measuring is what Footfall does; a
visitor that denies it is not processed. Advertising is what others do with signals; one that denies only that
is measured, and `context.consent` tells triggers not to act.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from connectors.adapters.mapping import snake
from connectors.adapters.reading import Refused
from connectors.contracts.messages import Document, described
from connectors.contracts.rejected import Reject

GRANTED, DENIED = "granted", "denied"
# How words in the names of categories begin, after the usual managers of consent (C0001 … are OneTrust's).
NECESSARY = ("necessary", "essential", "required", "security", "c0001")
MEASURING = ("analytic", "statistic", "measur", "performance", "c0002")
ADVERTISING = ("advert", "marketing", "target", "personali", "c0004")
_AD = frozenset({"ad", "ads"})
_YES = frozenset({"yes", "true", "granted", "allow", "allowed", "1"})
_NO = frozenset({"no", "false", "denied", "deny", "0"})
_GOOGLE = ("analytics_storage", "ads_storage", "ad_storage", "ad_user_data", "ad_personalization")


class Words(NamedTuple):
    """`granted`, `denied`, or None when unknown."""

    measuring: str | None = None
    acting: str | None = None


def words(answers: object) -> Words:
    """The words in a vendor's answers by category.

    >>> words({"Analytics": False, "Advertising": False})
    Words(measuring='denied', acting='denied')
    >>> words({"Necessary": True, "Analytics": True, "Advertising": False})
    Words(measuring='granted', acting='denied')
    >>> words({"ad_user_data": "DENIED"})
    Words(measuring=None, acting='denied')
    >>> words({"maps": True, "chat": False}) == words("yes") == Words(None, None)
    True
    """
    answer = _by_category(answers)
    advertising = _one_word(yes for name, yes in answer.items() if _advertises(name))
    measuring = _one_word(yes for name, yes in answer.items() if _is(name, MEASURING))
    if measuring is None:
        others = {yes for name, yes in answer.items() if not _advertises(name)}
        measuring = _one_word(others) if len(others) == 1 else None
    return Words(measuring, advertising or measuring)


def all_of(word: str | None) -> Words:
    """One word on everything."""
    return Words(word, word)


def acting(answers: object, _field: str) -> str | None:
    """The word on acting, as a row of an adapter's table reads it."""
    return words(answers).acting


def google(answers: object, field: str) -> str | None:
    """The word on acting in what Google's consent mode has stored."""
    return acting(google_answers(answers), field)


def google_answers(answers: object) -> Document:
    """The answers of Google's consent mode alone."""
    return {name: answers[name] for name in _GOOGLE if name in answers} if isinstance(answers, dict) else {}


def rudderstack_answers(management: object) -> Document:
    """RudderStack's two lists of categories as answers.

    >>> rudderstack_answers({"allowedConsentIds": ["C0001"], "deniedConsentIds": ["C0002"]})
    {'C0001': True, 'C0002': False}
    """
    if not isinstance(management, dict):
        return {}
    lists = {True: management.get("allowedConsentIds"), False: management.get("deniedConsentIds")}
    return {str(name): yes for yes, names in lists.items() if isinstance(names, list) for name in names}


def rudderstack(management: object, field: str) -> str | None:
    """The word on acting in RudderStack's two lists of categories."""
    return acting(rudderstack_answers(management), field)


def settle(event: Document, answer: Words) -> None:
    """Gives a consent event its status. Any other event of a visitor that denies measuring is refused.

    Raises:
        Refused: it is no consent event, and its own message forbids measuring.
    """
    if event.get("event_type") == "consent":
        if answer.measuring:
            event["properties"] = {**event.get("properties", {}), "status": answer.measuring}
        if answer.acting:
            event.setdefault("context", {}).setdefault("consent", answer.acting)
    elif answer.measuring == DENIED:
        raise Refused(
            Reject("no_consent", None, "the message itself says that consent to measuring is denied")
        )


def _by_category(answers: object) -> Mapping[str, bool]:
    named = (
        {snake(str(name)): _answer(yes) for name, yes in answers.items()} if isinstance(answers, dict) else {}
    )
    return {name: yes for name, yes in named.items() if yes is not None and not _is_necessary(name)}


def _answer(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    answer = str(value).lower() if isinstance(value, (str, int)) else described(value)
    return True if answer in _YES else False if answer in _NO else None


def _is(name: str, beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in name.split("_"))


def _advertises(name: str) -> bool:
    return _is(name, ADVERTISING) or not _AD.isdisjoint(name.split("_"))


def _is_necessary(name: str) -> bool:
    return _is(name, NECESSARY) and not _is(name, ("non", "not"))


def _one_word(answers: Any) -> str | None:
    """Of several answers one no is a no; None of none."""
    found = list(answers)
    return None if not found else GRANTED if all(found) else DENIED
