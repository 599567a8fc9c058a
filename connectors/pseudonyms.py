"""Pseudonyms: an id as its keyed hash, so that nobody without the key can tell or guess whose it is. Pure."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SettingError

SMALLEST_KEY = 32  # bytes: as many as the hash has
_PSEUDONYM = re.compile("hmac:[0-9a-f]{64}")
_VARIABLE = "FOOTFALL_PSEUDONYM_KEY"


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


@dataclass(frozen=True)
class KeyPlace:
    """Where the key lies; it is read where it is used and never travels with a job.

    Attributes:
        file: the file that holds it; empty reads FOOTFALL_PSEUDONYM_KEY from the environment.
    """

    file: str = ""

    def read(self) -> bytes:
        """The key.

        Raises:
            SettingError: there is none, it cannot be read, or it is shorter than SMALLEST_KEY bytes.
        """
        where = f"pseudonym_key_file {self.file}" if self.file else _VARIABLE
        try:
            key = Path(self.file).read_bytes() if self.file else os.environ.get(_VARIABLE, "").encode()
        except OSError as error:
            raise SettingError(f"{where} cannot be read: {error}") from error
        if len(key.strip()) < SMALLEST_KEY:
            raise SettingError(
                f"{where}: a key of at least {SMALLEST_KEY} bytes is required, {len(key.strip())} came; make "
                "one with `openssl rand -hex 32` and give every worker the same"
            )
        return key.strip()
