"""Texts that stand for no value, by their sender. The one list for the contract and for all adapters. Pure.

A program that has nothing to say often says a word: what a language prints for nothing, what a report prints
for an empty cell, a template that was not filled in. Taken as a value it joins all that say it: one product
of all products, one order of all orders, one giant visitor.
"""

from __future__ import annotations

# In any field. Spelled as they are sent; also taken in lower case, in capitals and with a capital.
BY_SENDER: dict[str, tuple[str, ...]] = {
    "Google Analytics": ("(not set)", "(none)", "(not provided)", "not available in demo dataset"),
    "JavaScript": ("undefined", "null", "NaN", "[object Object]"),
    "SQL, exports": ("(null)", "<null>", "\\N"),
}
# Also in an id of a visitor or an order. Mixpanel and PostHog refuse most of them; 0 and -1 are no ids.
IDS_BY_SENDER: dict[str, tuple[str, ...]] = {
    "programs": ("0", "-1", "none", "nil", "true", "false", "{}", "[]", "n/a"),
    "trackers": ("anonymous", "guest", "unknown", "not_authenticated"),
    "UUID generators": ("00000000-0000-0000-0000-000000000000", "0" * 32),
}
_NAN = "NAN"  # a brand of baby food is no number; `NaN` and `nan` are none


def _spelled(texts: dict[str, tuple[str, ...]]) -> frozenset[str]:
    found = {text for row in texts.values() for text in row}
    cased = {change(text) for text in found for change in (str.lower, str.upper, str.capitalize)}
    return frozenset((found | cased | {""}) - {_NAN, _NAN.capitalize()})


ABSENT = _spelled(BY_SENDER)
ABSENT_IDS = ABSENT | _spelled(IDS_BY_SENDER) | {_NAN, _NAN.capitalize()}
# Seen as nothing: blanks of all kinds, control characters, zero-width signs, marks of direction.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u2060\u2061\u2062\u2063\u2064\u2800\u3164\ufeff\uffa0"
)
BLANKS = _UNSEEN + "".join(
    sign for sign in map(chr, range(0x3001)) if sign.isspace() or ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0
)
_BLANKS = frozenset(BLANKS)


def is_absent(text: str) -> bool:
    """Whether a text stands for no value, whatever the field.

    >>> [is_absent(text) for text in ("(not set)", "undefined", " ", chr(0x200B), " null ", "NULL")]
    [True, True, True, True, True, True]
    >>> [is_absent(text) for text in ("(direct)", "0", "none", "NAN", "nullable")]
    [False, False, False, False, False]
    """
    return text in ABSENT or ((text[0] in _BLANKS or text[-1] in _BLANKS) and text.strip(BLANKS) in ABSENT)


def is_absent_id(text: str) -> bool:
    """Whether a text stands for no id: of no visitor, user, device or order.

    >>> [is_absent_id(text) for text in ("0", "guest", "n/a", "{{ user.id }}")]
    [True, True, True, True]
    >>> [is_absent_id(text) for text in ("00", "u-7", "guest-7", "{7}")]
    [False, False, False, False]
    """
    if text in ABSENT_IDS:
        return True
    first, last = text[0], text[-1]
    if first in _BLANKS or last in _BLANKS:
        stripped = text.strip(BLANKS)
        return stripped in ABSENT_IDS or _is_template(stripped)
    return last in "}%" and _is_template(text)


def _is_template(text: str) -> bool:
    """Whether it is a placeholder of a template that was not filled in."""
    return any(
        text.startswith(begin) and text.endswith(end) and len(text) >= len(begin) + len(end)
        for begin, end in (("{{", "}}"), ("${", "}"), ("%%", "%%"))
    )
