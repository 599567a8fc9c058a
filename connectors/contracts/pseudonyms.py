"""Pseudonyms: an id as its keyed hash, so that it cannot be guessed without the key. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re

_PSEUDONYM = re.compile("hmac:[0-9a-f]{64}")


def pseudonym(identifier: str, key: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) of the id as ``hmac:`` and 64 hex digits; a pseudonym stays as it is.

    So a message may pass the door twice, and an erasure may name a visitor by the pseudonym.

    >>> pseudonym("anna", bytes(32))[:13]
    'hmac:3cb45e6c'
    >>> pseudonym(pseudonym("anna", bytes(32)), bytes(32)) == pseudonym("anna", bytes(32))
    True
    """
    if _PSEUDONYM.fullmatch(identifier):
        return identifier
    return f"hmac:{hmac.digest(key, identifier.encode('utf-8', 'replace'), hashlib.sha256).hex()}"
