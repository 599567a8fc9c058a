"""The device's id in a first-party cookie: minted here, signed, so that none can be forged."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from connectors import keys

_VARIABLE = "FOOTFALL_VISITOR_KEY"
_SIGNATURE_DIGITS = 32
_ID_DIGITS = 32
_PREFIX = "d-"


def read_key(file: str) -> bytes:
    """The secret that signs cookies and visitors' tokens; collector and API must have the same.

    Raises:
        SettingError: there is none, it cannot be read, or it is too short.
    """
    return keys.read_key(file, "key_file", _VARIABLE, "collector and API")


def minted(seed: object, key: bytes) -> str:
    """A new id of a device: out of the tracker's seed, always the same, or else of 128 random bits.

    >>> minted("s", bytes(32)) == minted("s", bytes(32)), minted(None, bytes(32)) == minted(None, bytes(32))
    (True, False)
    """
    if not isinstance(seed, str) or not seed:
        return _PREFIX + secrets.token_hex(16)
    digest = hmac.digest(key, b"seed\n" + seed.encode("utf-8", "replace"), hashlib.sha256)
    return _PREFIX + digest.hex()[:_ID_DIGITS]


def signed(device: str, key: bytes) -> str:
    """The cookie's value.

    >>> signed("d-1", bytes(32))
    'd-1.3b9972a2d9a372e92ff6f91853812990'
    """
    return f"{device}.{_signature(device, key)}"


def device_of(cookie: str | None, key: bytes) -> str | None:
    """The id in a cookie's value; None when there is none, or it was not signed with the key.

    >>> device_of(signed("d-1", bytes(32)), bytes(32)), device_of("d-1.00", bytes(32))
    ('d-1', None)
    """
    device, _, signature = (cookie or "").rpartition(".")
    is_ours = hmac.compare_digest(signature.encode(), _signature(device, key).encode())
    return device if device.startswith(_PREFIX) and is_ours else None


def _signature(device: str, key: bytes) -> str:
    digest = hmac.digest(key, b"cookie\n" + device.encode("utf-8", "replace"), hashlib.sha256)
    return digest.hex()[:_SIGNATURE_DIGITS]
