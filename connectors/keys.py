"""Where the key of pseudonyms lies: a file, or the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SettingError
from connectors.wording import plainly

SMALLEST_KEY = 32  # bytes: as many as the hash has
_VARIABLE = "FOOTFALL_PSEUDONYM_KEY"


@dataclass(frozen=True)
class KeySource:
    """Where the key is kept; it is read where it is used and never travels with a job.

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
            raise SettingError(f"{where} cannot be read: {plainly(error)}") from error
        if len(key.strip()) < SMALLEST_KEY:
            raise SettingError(
                f"{where}: a key of at least {SMALLEST_KEY} bytes is required, {len(key.strip())} came",
                "make one with `openssl rand -hex 32` and give every worker the same",
            )
        return key.strip()
