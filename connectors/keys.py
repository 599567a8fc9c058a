"""Keys, from a file or from the environment; that of pseudonyms among them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SettingError
from connectors.wording import plainly

SMALLEST_KEY = 32  # bytes: as many as the hash has
_VARIABLE = "FOOTFALL_PSEUDONYM_KEY"


def read_key(file: str, setting: str, variable: str, sharers: str) -> bytes:
    """A secret.

    Args:
        file: that holds it; empty reads the environment.
        setting: that names the file.
        variable: of the environment.
        sharers: who must have the same.

    Raises:
        SettingError: there is none, it cannot be read, or it is shorter than SMALLEST_KEY bytes.
    """
    where = f"{setting} {file}" if file else variable
    try:
        key = Path(file).read_bytes() if file else os.environ.get(variable, "").encode()
    except OSError as error:
        raise SettingError(f"{where} cannot be read: {plainly(error)}") from error
    if len(key.strip()) < SMALLEST_KEY:
        raise SettingError(
            f"{where}: a key of at least {SMALLEST_KEY} bytes is required, {len(key.strip())} came",
            f"make one with `openssl rand -hex 32` and give {sharers} the same",
        )
    return key.strip()


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
        return read_key(self.file, "pseudonym_key_file", _VARIABLE, "every worker")
