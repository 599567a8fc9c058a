"""Who asks: a visitor with a short-lived token for itself alone, or a server with a key."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

import jwt

from connectors.errors import SettingError
from connectors.wording import plainly

AUDIENCE = "footfall"
_ALGORITHM = "HS256"
_LEEWAY_S = 30
_SMALLEST_SERVICE_KEY = 24  # characters
_VARIABLE = "FOOTFALL_SERVICE_KEYS"


class BadToken(Exception):
    """The token is none of ours, is over, or was made for too long."""


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        visitor_id: the only visitor of whom it may know; None for a server, which may know of all.
    """

    visitor_id: str | None

    def may_see(self, visitor_id: str) -> bool:
        """Whether it may know of the visitor."""
        return self.visitor_id is None or self.visitor_id == visitor_id


def issued(visitor_id: str, key: bytes, now_s: int, lifetime_s: int) -> str:
    """A visitor's token: a JSON Web Token of HS256, which a shop's own servers may make as well.

    >>> token = issued("v-1", b"k" * 32, 1_000, 600)
    >>> visitor_of(token, b"k" * 32, 1_599, 3_600)
    'v-1'
    """
    claims = {"sub": visitor_id, "aud": AUDIENCE, "iat": now_s, "exp": now_s + lifetime_s}
    return jwt.encode(claims, key, _ALGORITHM)


def visitor_of(token: str, key: bytes, now_s: int, longest_s: int) -> str:
    """Whose token it is.

    Raises:
        BadToken: the signature, the audience or a time is not right.
    """
    options = {"require": ["sub", "aud", "iat", "exp"], "verify_exp": False, "verify_iat": False}
    try:
        claims = jwt.decode(token, key, [_ALGORITHM], options=options, audience=AUDIENCE)  # type: ignore[arg-type]
        issued_s, ends_s = int(claims["iat"]), int(claims["exp"])
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError) as error:
        raise BadToken("the token is not one of ours") from error
    if not issued_s - _LEEWAY_S <= now_s < ends_s:
        raise BadToken("the token is over, or of the future")
    if ends_s - issued_s > longest_s:
        raise BadToken(f"a token may live {longest_s} s at most")
    return str(claims["sub"])


class ServiceKeys:
    """Keys of other servers; held as hashes."""

    def __init__(self, file: str = "") -> None:
        """Reads them.

        Args:
            file: `name=key` a line; empty reads FOOTFALL_SERVICE_KEYS, comma separated.

        Raises:
            SettingError: the file cannot be read, a line is invalid, a key is too short.
        """
        where = f"service_keys_file {file}" if file else _VARIABLE
        try:
            text = Path(file).read_text(encoding="utf-8") if file else os.environ.get(_VARIABLE, "")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{where} cannot be read: {plainly(error)}") from error
        lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
        pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
        for number, (name, _, key) in enumerate(pairs, 1):
            if not name or len(key) < _SMALLEST_SERVICE_KEY:
                raise SettingError(
                    f"{where}: entry {number} must be name=key of {_SMALLEST_SERVICE_KEY} characters or more"
                )
        self._hashes = [hashlib.sha256(key.encode()).digest() for _, _, key in pairs]

    def have(self, key: str) -> bool:
        """Whether it is one of them; takes as long whichever it is."""
        asked = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        return any([hmac.compare_digest(asked, one) for one in self._hashes])
